// Memory for what poll cores read with every packet, keys first: side by side in huge pages where
// the kernel gives them, so that ten thousand keys need a few address translations and not ten
// thousand; left out of core dumps; on the NUMA node that the allocating thread has chosen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace mdd::srtp {

using NumaNode = int;  // as the kernel numbers them
// Where the kernel sees fit: mostly, where the thread runs that touches it first.
inline constexpr NumaNode kAnyNode = -1;

// While it lives, what its thread allocates here is of `node`, preferably: a node that is full or
// not there gives way to another. They may be nested.
class OnNode {
  public:
    explicit OnNode(NumaNode node);
    ~OnNode();
    OnNode(const OnNode&) = delete;
    OnNode& operator=(const OnNode&) = delete;

  private:
    const NumaNode before_;
};

// False: the kernel has refused a wish for a node, and memory lies where it would without. Any
// thread.
bool hot_memory_keeps_nodes();

// How often packets read an object. The two kinds lie on pages of their own, so that what every
// packet reads takes few pages.
enum class Read : std::uint8_t { by_every_packet, seldom };

// 64-byte aligned. What has been freed serves later requests of the same size, rounded up to 64
// bytes, kind and node; nothing goes back to the system. Throws std::bad_alloc. Not for poll cores;
// any thread.
void* hot_allocate(std::size_t size_bytes, Read read = Read::by_every_packet);
void hot_free(void* memory, std::size_t size_bytes) noexcept;

// Base of a class whose objects live there.
template <Read kRead>
struct InMemory {
    static void* operator new(std::size_t size_bytes) { return hot_allocate(size_bytes, kRead); }
    static void* operator new(std::size_t size_bytes, std::align_val_t) {
        return hot_allocate(size_bytes, kRead);
    }
    static void operator delete(void* memory, std::size_t size_bytes) noexcept {
        hot_free(memory, size_bytes);
    }
    static void operator delete(void* memory, std::size_t size_bytes, std::align_val_t) noexcept {
        hot_free(memory, size_bytes);
    }
};
using InHotMemory = InMemory<Read::by_every_packet>;
using InCoolMemory = InMemory<Read::seldom>;

// The same, read by every packet, for the elements of a container.
template <typename T>
struct HotAllocator {
    using value_type = T;
    static_assert(alignof(T) <= 64);
    HotAllocator() = default;
    template <typename Other>
    HotAllocator(const HotAllocator<Other>&) {}
    T* allocate(std::size_t count) { return static_cast<T*>(hot_allocate(count * sizeof(T))); }
    void deallocate(T* memory, std::size_t count) noexcept { hot_free(memory, count * sizeof(T)); }
    bool operator==(const HotAllocator&) const = default;
};

}  // namespace mdd::srtp
