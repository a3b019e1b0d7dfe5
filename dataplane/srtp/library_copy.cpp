// Mapping a library once more: see library_copy.h. That works because code finds its own data by
// the distance to it.
#include "dataplane/srtp/library_copy.h"

#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

namespace mdd::srtp {
namespace {

constexpr std::uintptr_t kPage = 4096;

struct Segment {
    std::uintptr_t from, to;  // in the loaded library, whole pages
    off_t file_offset;
    bool is_data;
    int protection;

    std::size_t size_bytes() const { return to - from; }
};

struct Library {
    std::uintptr_t address = 0;  // that it is looked for by
    std::string file;
    std::vector<Segment> segments = {};  // by address
};

Segment segment_of(std::uintptr_t base, const ElfW(Phdr) & header) {
    const auto from = (base + header.p_vaddr) / kPage * kPage;
    const auto end = base + header.p_vaddr + header.p_memsz;
    return {from, (end + kPage - 1) / kPage * kPage,
            static_cast<off_t>(header.p_offset / kPage * kPage), (header.p_flags & PF_W) != 0,
            PROT_READ | ((header.p_flags & PF_X) != 0 ? PROT_EXEC : 0)};
}

// dl_iterate_phdr(): 1 ends the search.
int look_at(dl_phdr_info* info, std::size_t, void* wanted) {
    auto& library = *static_cast<Library*>(wanted);
    library.segments.clear();
    bool found = false;
    for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
        const auto segment = segment_of(info->dlpi_addr, info->dlpi_phdr[i]);
        found |= library.address >= segment.from && library.address < segment.to;
        library.segments.push_back(segment);
    }
    library.file = info->dlpi_name;
    return found ? 1 : 0;
}

const void* bytes_of(const Segment& segment) {
    return reinterpret_cast<const void*>(segment.from);
}

bool map_data(const Segment& segment, void* place) {
    if (mmap(place, segment.size_bytes(), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        return false;
    std::memcpy(place, bytes_of(segment), segment.size_bytes());
    return true;
}

// The file may have been replaced since it was loaded.
bool map_constant(const Segment& segment, void* place, int file) {
    return mmap(place, segment.size_bytes(), segment.protection, MAP_PRIVATE | MAP_FIXED, file,
                segment.file_offset) != MAP_FAILED &&
           std::memcmp(place, bytes_of(segment), segment.size_bytes()) == 0;
}

bool map_segments(const Library& library, std::uintptr_t distance, int file) {
    for (const auto& segment : library.segments) {
        auto* place = reinterpret_cast<void*>(segment.from + distance);
        if (!(segment.is_data ? map_data(segment, place) : map_constant(segment, place, file)))
            return false;
    }
    return true;
}

}  // namespace

LibraryCopy::~LibraryCopy() {
    if (memory_ != nullptr) munmap(memory_, size_bytes_);
}

bool LibraryCopy::make(const void* address) {
    Library library{reinterpret_cast<std::uintptr_t>(address), {}};
    // The program itself has no name.
    if (dl_iterate_phdr(look_at, &library) != 1 || library.file.empty()) return false;
    const auto first = library.segments.front().from;
    const auto size_bytes = library.segments.back().to - first;
    const int file = ::open(library.file.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    void* memory = mmap(nullptr, size_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const auto distance = reinterpret_cast<std::uintptr_t>(memory) - first;
    const bool mapped = memory != MAP_FAILED && map_segments(library, distance, file);
    close(file);
    if (!mapped) {
        if (memory != MAP_FAILED) munmap(memory, size_bytes);
        return false;
    }
    memory_ = memory;
    size_bytes_ = size_bytes;
    distance_ = distance;
    return true;
}

}  // namespace mdd::srtp
