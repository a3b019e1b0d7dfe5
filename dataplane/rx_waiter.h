// How an idle worker sleeps: on the receive interrupts of its queues where the devices have them,
// on a short timer otherwise.
#pragma once

#include <rte_interrupts.h>

#include <cstdint>
#include <vector>

#include "dataplane/port.h"

namespace mdd {

// One per worker. add(): before the worker runs, or on its thread. wait(): the worker's thread.
// wake(): any thread. Must die before the ports added to it.
class RxWaiter {
  public:
    // Throws std::runtime_error if the kernel has no epoll or event descriptor left.
    RxWaiter();
    ~RxWaiter();
    RxWaiter(const RxWaiter&) = delete;
    RxWaiter& operator=(const RxWaiter&) = delete;

    // From now on wait() also ends when `queue` of `port` receives. Without interrupts on that
    // port, every wait() is a timer of at most kTimerStep_us.
    void add(const Port& port, std::uint16_t queue);

    // From now on every wait() is such a timer: work comes that no interrupt tells of.
    void use_timer() { interrupts_only_ = false; }

    // Arms the interrupts, sleeps until a packet, wake() or `timeout_us`, disarms. True: something
    // woke it. A packet that comes between the last empty poll and the arming is noticed at the
    // timeout at the latest, so poll again after every return. With interrupts the resolution is 1
    // ms, rounded up.
    bool wait(std::uint32_t timeout_us);

    // Ends the current or the next wait().
    void wake();

    bool on_interrupts() const { return interrupts_only_; }

    static constexpr std::uint32_t kTimerStep_us = 50;

  private:
    struct Queue {
        std::uint16_t port;
        std::uint16_t queue;
    };
    int epoll_fd_ = -1;
    int wake_fd_ = -1;
    bool interrupts_only_ = true;
    std::vector<Queue> queues_;  // with interrupts
    rte_epoll_event wake_event_{};
};

}  // namespace mdd
