// A bounded queue between exactly one producer thread and one consumer thread; no locks, no
// allocation after construction. The only way in which two threads of the program exchange
// anything.
#pragma once

#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <type_traits>

namespace mdd {

template <typename T>
class SpscQueue {
  public:
    static_assert(std::is_trivially_copyable_v<T>);
    explicit SpscQueue(std::size_t capacity) : capacity_(capacity), queue_(capacity) {}

    // Producer only. False: full, nothing was taken.
    bool push(const T& item) { return queue_.push(item); }
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
    boost::lockfree::spsc_queue<T> queue_;
};

}  // namespace mdd
