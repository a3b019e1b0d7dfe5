// Blocks of huge pages, cut up from the front; see hot_memory.h. Under a sanitizer every object is
// an allocation of its own, or it would not see what is used after it was freed.
#include "dataplane/srtp/hot_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <mutex>
#include <unordered_map>
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

#if !MDD_HOT_MEMORY_IS_HEAP

constexpr std::size_t kHugePage = std::size_t{2} << 20;

class HotMemory {
  public:
    void* allocate(std::size_t size_bytes) {
        if (void* memory = take(size_bytes)) return memory;
        // Without another block it is ordinary memory, or the exception that comes with having
        // none. Not under the lock: an exception passes through this room, which is compiled
        // without them, and unlocks nothing.
        return ::operator new (size_bytes, std::align_val_t{kLine});
    }
    void free(void* memory, std::size_t size_bytes) {
        const std::lock_guard lock(mutex_);
        freed_[size_bytes].push_back(memory);
    }

  private:
    // Null: the system gives no block.
    void* take(std::size_t size_bytes) {
        const std::lock_guard lock(mutex_);
        if (const auto freed = freed_.find(size_bytes);
            freed != freed_.end() && !freed->second.empty()) {
            void* memory = freed->second.back();
            freed->second.pop_back();
            return memory;
        }
        if (left_ < size_bytes && !open_block(size_bytes)) return nullptr;
        void* memory = next_;
        next_ += size_bytes;
        left_ -= size_bytes;
        return memory;
    }
    // What is left of the block in use, less than was asked for, is given up.
    bool open_block(std::size_t size_bytes) {
        const auto block = (size_bytes + kHugePage - 1) / kHugePage * kHugePage;
        // One page more, to begin at a multiple of a huge page.
        void* mapped = mmap(nullptr, block + kHugePage, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) return false;
        const auto from = reinterpret_cast<std::uintptr_t>(mapped);
        next_ = static_cast<char*>(mapped) + (kHugePage - from % kHugePage) % kHugePage;
        left_ = block;
        // Both are wishes: a kernel without huge pages gives ordinary ones.
        static_cast<void>(madvise(next_, left_, MADV_HUGEPAGE));
        static_cast<void>(madvise(next_, left_, MADV_DONTDUMP));
        return true;
    }

    std::mutex mutex_;
    char* next_ = nullptr;
    std::size_t left_ = 0;
    std::unordered_map<std::size_t, std::vector<void*>> freed_;  // by size
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

void* hot_allocate(std::size_t size_bytes) {
#if MDD_HOT_MEMORY_IS_HEAP
    return ::operator new (whole_lines(size_bytes), std::align_val_t{kLine});
#else
    return hot_memory().allocate(whole_lines(size_bytes));
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
