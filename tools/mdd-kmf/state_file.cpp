// Locking and writing of the state file.
#include "tools/mdd-kmf/state_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/mdd-kmf/file_descriptor.h"
#include "tools/mdd-kmf/frame_seal.h"

namespace mdd::kmf {
namespace {

using srtp::Bytes;
using std::filesystem::path;

constexpr std::string_view kMagic = "mdd-kmf-state 2\n";
constexpr std::size_t kHeaderBytes = FrameSeal::kHeaderBytes;
constexpr std::size_t kFrameHeaderBytes = FrameSeal::kFrameHeaderBytes;
constexpr std::size_t kGrowthBytes = 4 << 20;

using Header = FrameSeal::Header;

[[noreturn]] void refuse(const path& file, const std::string& why) {
    throw std::runtime_error(
        fmt::format("The state file \"{}\" cannot be used: {}.", file.string(), why));
}
[[noreturn]] void refuse_by_errno(const path& file) {
    refuse(file, std::generic_category().message(errno));
}

void write_all(int fd, Bytes bytes, const path& file) {
    while (!bytes.empty()) {
        const auto written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) refuse_by_errno(file);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

tunnel::SecretBytes read_all(int fd, const path& file) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) refuse_by_errno(file);
    tunnel::SecretBytes bytes(static_cast<std::size_t>(status.st_size));
    std::size_t used = 0;
    while (used < bytes.size()) {
        const auto read = ::pread(fd, bytes.writable().data() + used, bytes.size() - used,
                                  static_cast<off_t>(used));
        if (read < 0 && errno == EINTR) continue;
        if (read <= 0) refuse_by_errno(file);
        used += static_cast<std::size_t>(read);
    }
    return bytes;
}

Header new_header() {
    Header header;
    std::memcpy(header.data(), kMagic.data(), kMagic.size());
    if (RAND_bytes(header.data() + kMagic.size(), static_cast<int>(kHeaderBytes - kMagic.size())) !=
        1)
        throw std::runtime_error("OpenSSL has no random bytes for the state file.");
    return header;
}

std::vector<tunnel::SecretBytes> frames_in(Bytes bytes, const srtp::Secret<32>& key,
                                           const path& file) {
    if (bytes.size() < kHeaderBytes || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
        refuse(file, "it is not a state of this mdd-kmf; move it away to start without one");
    Header header;
    std::memcpy(header.data(), bytes.data(), kHeaderBytes);
    const FrameSeal seal(key, header);
    std::vector<tunnel::SecretBytes> frames;
    std::size_t at = kHeaderBytes;
    while (bytes.size() - at >= kFrameHeaderBytes) {
        const auto length = srtp::load_be32(&bytes[at]);
        if (length != ~srtp::load_be32(&bytes[at + 4]) || length < FrameSeal::kTagBytes)
            refuse(file, fmt::format("it is damaged at byte {}", at));
        const auto rest = bytes.subspan(at + kFrameHeaderBytes);
        if (rest.size() < length) break;  // cut off while it was written
        auto plain = seal.open(frames.size(), rest.first(length));
        if (!plain && frames.empty())
            refuse(file,
                   "it was sealed with another key than that in state.key_file, or is "
                   "damaged");
        if (!plain) refuse(file, fmt::format("it is damaged at byte {}", at));
        frames.push_back(std::move(*plain));
        at += kFrameHeaderBytes + length;
    }
    if (frames.empty()) refuse(file, "it is damaged: its first frame is cut off");
    return frames;
}

void sync_folder(const path& file) {
    const auto folder = file.has_parent_path() ? file.parent_path() : path(".");
    const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() >= 0) ::fsync(fd.get());
}

// A complete file with one frame beside `file`, synced and locked.
FileDescriptor write_beside(const path& beside, const Header& header, Bytes frame) {
    ::unlink(beside.c_str());
    FileDescriptor fd(::open(beside.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (fd.get() < 0 || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) refuse_by_errno(beside);
    write_all(fd.get(), header, beside);
    write_all(fd.get(), frame, beside);
    if (::fsync(fd.get()) != 0) refuse_by_errno(beside);
    return fd;
}

path beside(const path& file, const std::string& ending) {
    return file.string() + ending;
}

// The first state: never an empty file, which would look like a damaged one.
void make_first(const path& file, const srtp::Secret<32>& key) {
    // Others may be about to make it as well.
    const auto own = beside(file, ".first." + std::to_string(::getpid()));
    const auto header = new_header();
    const auto made = write_beside(own, header, FrameSeal(key, header).seal(0, {}));
    const bool is_there = ::link(own.c_str(), file.c_str()) == 0 || errno == EEXIST;
    const int error = errno;
    ::unlink(own.c_str());
    errno = error;
    if (!is_there) refuse_by_errno(file);
    sync_folder(file);
}

}  // namespace

srtp::Secret<32> read_state_key(const path& key_file) {
    std::ifstream in(key_file);
    tunnel::SecretBytes digits(66);
    in.read(reinterpret_cast<char*>(digits.writable().data()), 66);
    auto size = static_cast<std::size_t>(in.gcount());
    if (size > 0 && digits.bytes()[size - 1] == '\n') --size;
    srtp::Secret<32> key;
    bool is_good = size == 64;
    for (std::size_t i = 0; is_good && i < 32; ++i) {
        const auto high = OPENSSL_hexchar2int(digits.bytes()[2 * i]);
        const auto low = OPENSSL_hexchar2int(digits.bytes()[2 * i + 1]);
        is_good = high >= 0 && low >= 0;
        if (is_good) key.writable()[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    if (!is_good)
        throw std::runtime_error(fmt::format(
            "The state key file \"{}\" does not hold 64 hexadecimal digits and nothing else.",
            key_file.string()));
    return key;
}

struct StateFile::Open {
    path file;
    srtp::Secret<32> key;
    FileDescriptor fd;  // holds the lock
    std::vector<tunnel::SecretBytes> frames;
    std::optional<FrameSeal> seal;  // once replaced
    std::uint64_t next_frame = 0;
    std::size_t first_bytes = 0;
    std::size_t bytes = 0;
};

StateFile::StateFile(std::unique_ptr<Open> open) : open_(std::move(open)) {}
StateFile::StateFile(StateFile&&) noexcept = default;
StateFile& StateFile::operator=(StateFile&&) noexcept = default;
StateFile::~StateFile() = default;

std::optional<StateFile> StateFile::open(const path& file, const srtp::Secret<32>& key) {
    for (;;) {
        FileDescriptor fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
        if (fd.get() < 0 && errno == ENOENT) {
            make_first(file, key);
            continue;
        }
        if (fd.get() < 0) refuse_by_errno(file);
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK) return std::nullopt;
            refuse_by_errno(file);
        }
        // The lock is on a file, not on its name: the last holder may have replaced it meanwhile.
        struct stat locked {
        }, named{};
        if (::fstat(fd.get(), &locked) != 0) refuse_by_errno(file);
        if (::stat(file.c_str(), &named) != 0 || locked.st_ino != named.st_ino ||
            locked.st_dev != named.st_dev)
            continue;
        auto opened = std::make_unique<Open>();
        opened->file = file;
        opened->key = srtp::Secret<32>(key.bytes());
        opened->frames = frames_in(read_all(fd.get(), file).bytes(), key, file);
        opened->fd = std::move(fd);
        return StateFile(std::move(opened));
    }
}

std::vector<tunnel::SecretBytes> StateFile::take_frames() {
    return std::exchange(open_->frames, {});
}

void StateFile::replace(Bytes frame) {
    auto& open = *open_;
    const auto header = new_header();
    FrameSeal seal(open.key, header);
    const auto sealed = seal.seal(0, frame);
    const auto next = beside(open.file, ".new");
    auto fd = write_beside(next, header, sealed);
    if (::rename(next.c_str(), open.file.c_str()) != 0) refuse_by_errno(open.file);
    sync_folder(open.file);
    open.fd = std::move(fd);
    open.seal.emplace(std::move(seal));
    open.next_frame = 1;
    open.first_bytes = open.bytes = kHeaderBytes + sealed.size();
}

void StateFile::append(Bytes frame, bool through_power_loss) {
    auto& open = *open_;
    const auto sealed = open.seal->seal(open.next_frame++, frame);
    write_all(open.fd.get(), sealed, open.file);
    if (through_power_loss && ::fdatasync(open.fd.get()) != 0) refuse_by_errno(open.file);
    open.bytes += sealed.size();
}

bool StateFile::wants_replacing() const {
    return open_->bytes > 4 * open_->first_bytes + kGrowthBytes;
}

}  // namespace mdd::kmf
