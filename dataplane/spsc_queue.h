// A bounded queue between exactly one producer thread and one consumer thread; no locks, no
// allocation after construction. The only way in which two threads of the program exchange
// anything.
#pragma once

#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <type_traits>

#include "dataplane/srtp/hot_memory.h"

namespace mdd {

// Shares no cache line with anything else: the producer's index, the consumer's, and the items each
// begin on one of their own.
template <typename T>
class alignas(64) SpscQueue {
  public:
    static_assert(std::is_trivially_copyable_v<T>);
    explicit SpscQueue(std::size_t capacity) : capacity_(capacity), queue_(capacity) {}

    std::size_t capacity() const { return capacity_; }
    // Producer only. False: full, nothing was taken.
    bool push(const T& item) { return queue_.push(item); }
    // Producer only: as many as there is room for, from the front; returns how many.
    std::size_t push(const T* items, std::size_t count) { return queue_.push(items, count); }
    // Producer only: how many items wait; the consumer may have taken some of them already.
    std::size_t size() const { return capacity_ - queue_.write_available(); }
    // Consumer only. False: empty.
    bool pop(T& item) { return queue_.pop(item); }
    // Consumer only: takes up to `count` items into `items`, returns how many.
    std::size_t pop(T* items, std::size_t count) { return queue_.pop(items, count); }
    // Consumer only.
    bool empty() const { return queue_.read_available() == 0; }

  private:
    const std::size_t capacity_;
    // Boost begins with the producer's index and puts the consumer's a line further on.
    alignas(64)
        boost::lockfree::spsc_queue<T, boost::lockfree::allocator<srtp::HotAllocator<T>>> queue_;
};

}  // namespace mdd
