// Blocks of huge pages, cut up from the front, of each node and kind its own; see hot_memory.h.
// Under a sanitizer every object is an allocation of its own, or it would not see what is used
// after it was freed.
#include "dataplane/srtp/hot_memory.h"

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <iterator>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MDD_HOT_MEMORY_IS_HEAP 1
#elif defined(__has_feature)  // clang has no names for them
#define MDD_HOT_MEMORY_IS_HEAP (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define MDD_HOT_MEMORY_IS_HEAP 0
#endif

namespace mdd::srtp {
namespace {

constexpr std::size_t kLine = 64;

thread_local NumaNode t_node = kAnyNode;
std::atomic<bool> g_refused{false};

#if !MDD_HOT_MEMORY_IS_HEAP

constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Before the first touch, which is when a page gets its place. A wish: without permission for it,
// as in some containers, and without such a node, pages are placed as ever.
void prefer(NumaNode node, void* memory, std::size_t size_bytes) {
    if (node == kAnyNode) return;
    constexpr std::size_t kWordBits = 8 * sizeof(unsigned long), kMostNodes = 1024;
    std::array<unsigned long, kMostNodes / kWordBits> nodes{};
    const auto bit = static_cast<std::size_t>(node);
    if (bit < kMostNodes) nodes[bit / kWordBits] |= 1UL << bit % kWordBits;
    // The kernel takes one bit less than it is told of.
    if (bit >= kMostNodes || syscall(SYS_mbind, memory, size_bytes, MPOL_PREFERRED, nodes.data(),
                                     kMostNodes + 1, 0) != 0)
        g_refused = true;
}

// The memory of one node and kind.
class Arena {
  public:
    // Null: what is left of the block in use is too little.
    void* take(std::size_t size_bytes) {
        if (const auto freed = freed_.find(size_bytes);
            freed != freed_.end() && !freed->second.empty()) {
            void* memory = freed->second.back();
            freed->second.pop_back();
            return memory;
        }
        if (left_ < size_bytes) return nullptr;
        void* memory = next_;
        next_ += size_bytes;
        left_ -= size_bytes;
        return memory;
    }
    void give_back(void* memory, std::size_t size_bytes) { freed_[size_bytes].push_back(memory); }
    // What is left of the block in use is given up.
    void open(char* block, std::size_t size_bytes) {
        next_ = block;
        left_ = size_bytes;
    }

  private:
    char* next_ = nullptr;
    std::size_t left_ = 0;
    std::unordered_map<std::size_t, std::vector<void*>> freed_;  // by size
};

class HotMemory {
  public:
    struct Kind {
        NumaNode node = kAnyNode;
        Read read = Read::by_every_packet;
        auto operator<=>(const Kind&) const = default;
    };

    void* allocate(std::size_t size_bytes, Kind kind) {
        if (void* memory = take(size_bytes, kind)) return memory;
        // Without another block it is ordinary memory, or the exception that comes with having
        // none. Not under the lock: an exception passes through this room, which is compiled
        // without them, and unlocks nothing.
        return ::operator new (size_bytes, std::align_val_t{kLine});
    }
    void free(void* memory, std::size_t size_bytes) {
        const std::lock_guard lock(mutex_);
        arenas_[kind_of(memory)].give_back(memory, size_bytes);
    }

  private:
    struct Block {
        const char* end;
        Kind kind;
    };

    // Null: the system gives no block.
    void* take(std::size_t size_bytes, Kind kind) {
        const std::lock_guard lock(mutex_);
        auto& arena = arenas_[kind];
        if (void* memory = arena.take(size_bytes)) return memory;
        return open_block(arena, size_bytes, kind) ? arena.take(size_bytes) : nullptr;
    }
    bool open_block(Arena& arena, std::size_t size_bytes, Kind kind) {
        const auto block = (size_bytes + kHugePage - 1) / kHugePage * kHugePage;
        // One page more, to begin at a multiple of a huge page.
        void* mapped = mmap(nullptr, block + kHugePage, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) return false;
        const auto from = reinterpret_cast<std::uintptr_t>(mapped);
        auto* begin = static_cast<char*>(mapped) + (kHugePage - from % kHugePage) % kHugePage;
        prefer(kind.node, begin, block);
        // Both are wishes: a kernel without huge pages gives ordinary ones.
        static_cast<void>(madvise(begin, block, MADV_HUGEPAGE));
        static_cast<void>(madvise(begin, block, MADV_DONTDUMP));
        blocks_[begin] = {begin + block, kind};
        arena.open(begin, block);
        return true;
    }
    // Of ordinary memory: any.
    Kind kind_of(const void* memory) const {
        const auto* at = static_cast<const char*>(memory);
        const auto behind = blocks_.upper_bound(at);
        if (behind == blocks_.begin()) return {};
        const auto& [end, kind] = std::prev(behind)->second;
        return at < end ? kind : Kind{};
    }

    std::mutex mutex_;
    std::map<Kind, Arena> arenas_;
    std::map<const char*, Block> blocks_;  // by their beginnings
};

// Lives as long as the process: whoever is destroyed last may still free.
HotMemory& hot_memory() {
    static auto* memory = new HotMemory;
    return *memory;
}

#endif

std::size_t whole_lines(std::size_t size_bytes) {
    return (size_bytes + kLine - 1) / kLine * kLine;
}

}  // namespace

OnNode::OnNode(NumaNode node) : before_(std::exchange(t_node, node)) {}
OnNode::~OnNode() {
    t_node = before_;
}

bool hot_memory_keeps_nodes() {
    return !g_refused;
}

void* hot_allocate(std::size_t size_bytes, [[maybe_unused]] Read read) {
#if MDD_HOT_MEMORY_IS_HEAP
    return ::operator new (whole_lines(size_bytes), std::align_val_t{kLine});
#else
    return hot_memory().allocate(whole_lines(size_bytes), {t_node, read});
#endif
}

void hot_free(void* memory, [[maybe_unused]] std::size_t size_bytes) noexcept {
    if (memory == nullptr) return;
#if MDD_HOT_MEMORY_IS_HEAP
    ::operator delete (memory, std::align_val_t{kLine});
#else
    hot_memory().free(memory, whole_lines(size_bytes));
#endif
}

}  // namespace mdd::srtp
