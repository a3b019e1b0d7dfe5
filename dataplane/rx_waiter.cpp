// Sleeping on receive interrupts, or on a timer where there are none.
#include "dataplane/rx_waiter.h"

#include <rte_interrupts.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <stdexcept>

namespace mdd {

RxWaiter::RxWaiter()
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    wake_event_.epdata.event = EPOLLIN;
    if (epoll_fd_ < 0 || wake_fd_ < 0 ||
        rte_epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &wake_event_) != 0) {
        if (epoll_fd_ >= 0) close(epoll_fd_);
        if (wake_fd_ >= 0) close(wake_fd_);
        throw std::runtime_error("the kernel has no epoll or event descriptor left for a worker.");
    }
}

RxWaiter::~RxWaiter() {
    for (const Queue& queue : queues_)
        rte_eth_dev_rx_intr_ctl_q(queue.port, queue.queue, epoll_fd_, RTE_INTR_EVENT_DEL, nullptr);
    rte_epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, wake_fd_, &wake_event_);
    close(wake_fd_);
    close(epoll_fd_);
}

void RxWaiter::add(const Port& port, std::uint16_t queue) {
    const std::uint16_t id = port.ethdev_id();
    if (port.features().rx_interrupts &&
        rte_eth_dev_rx_intr_ctl_q(id, queue, epoll_fd_, RTE_INTR_EVENT_ADD, nullptr) == 0)
        queues_.push_back({id, queue});
    else
        interrupts_only_ = false;
}

bool RxWaiter::wait(std::uint32_t timeout_us) {
    if (!interrupts_only_) {
        const timespec step{0, static_cast<long>(std::min(timeout_us, kTimerStep_us)) * 1000};
        nanosleep(&step, nullptr);
        std::uint64_t wakes;
        return read(wake_fd_, &wakes, sizeof wakes) == sizeof wakes;
    }
    // Drivers whose queue descriptors are level-triggered (net_tap) have nothing to arm and say
    // ENOTSUP.
    for (const Queue& queue : queues_) rte_eth_dev_rx_intr_enable(queue.port, queue.queue);
    rte_epoll_event event;
    const auto timeout_ms = static_cast<int>((std::uint64_t{timeout_us} + 999) / 1000);
    const int events = rte_epoll_wait(epoll_fd_, &event, 1, timeout_ms);
    for (const Queue& queue : queues_) rte_eth_dev_rx_intr_disable(queue.port, queue.queue);
    std::uint64_t wakes;
    return (read(wake_fd_, &wakes, sizeof wakes) == sizeof wakes) | (events > 0);
}

void RxWaiter::wake() {
    const std::uint64_t one = 1;
    // Full counter: the waiter is awake anyway.
    [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
}

}  // namespace mdd
