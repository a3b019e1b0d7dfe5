// Tickets, retries and completion.
#include "controlplane/courier.h"

#include <utility>

#include "dataplane/datagram.h"

namespace mdd::control {

Courier::Courier(std::vector<WorkerDoor> doors, std::function<void(const Command&)> returned)
    : doors_(std::move(doors)), returned_(std::move(returned)), waiting_(doors_.size()) {}

Courier::~Courier() = default;

void Courier::send(Change change, std::function<void()> done) {
    if (change.postings.empty()) {
        if (done) done();
        return;
    }
    const auto ticket = ++last_ticket_;
    open_[ticket] = {change.postings.size(), std::move(change.replaced), std::move(done)};
    for (auto& posting : change.postings) {
        posting.command.ticket = ticket;
        waiting_[posting.worker].push_back(std::make_unique<Command>(std::move(posting.command)));
    }
    for (unsigned worker = 0; worker < doors_.size(); ++worker) post_waiting(worker);
}

bool Courier::post_waiting(unsigned worker) {
    auto& queue = waiting_[worker];
    bool posted = false;
    while (!queue.empty() && doors_[worker].mailbox->post(queue.front())) {
        queue.pop_front();
        posted = true;
    }
    if (posted && doors_[worker].wake) doors_[worker].wake();
    return posted;
}

bool Courier::take_returned(unsigned worker) {
    bool any = false;
    while (auto command = doors_[worker].mailbox->acknowledged()) {
        any = true;
        if (returned_) returned_(*command);
        const auto found = open_.find(command->ticket);
        if (found == open_.end() || --found->second.missing > 0) continue;
        // `done` may send again: out of the map first.
        const auto finished = std::move(found->second);
        open_.erase(found);
        if (finished.done) finished.done();
    }
    return any;
}

bool Courier::poll() {
    bool any = false;
    for (unsigned worker = 0; worker < doors_.size(); ++worker) {
        any |= take_returned(worker);
        any |= post_waiting(worker);
    }
    return any;
}

void Courier::abandon() {
    const auto drop = [](Command& command) {
        if (auto* send = std::get_if<SendDatagram>(&command.body)) free_datagram(send->packet);
    };
    for (unsigned worker = 0; worker < doors_.size(); ++worker) {
        // Its thread has ended, so this one may take the worker's side.
        while (auto* command = doors_[worker].mailbox->next_command()) {
            drop(*command);
            delete command;
        }
        for (auto& command : waiting_[worker]) drop(*command);
        waiting_[worker].clear();
        while (doors_[worker].mailbox->acknowledged()) {
        }
    }
    open_.clear();
}

}  // namespace mdd::control
