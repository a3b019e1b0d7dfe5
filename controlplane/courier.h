// Carries changes to the workers and knows when they are carried out. The control side of every
// mailbox; decides nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

#include "controlplane/publish.h"

namespace mdd::control {

// One worker as control sees it. Mailbox and `wake` must outlive the courier.
struct WorkerDoor {
    Mailbox* mailbox = nullptr;
    std::function<void()> wake = {};  // may be empty
    srtp::NumaNode node = srtp::kAnyNode;
};

class Courier {
  public:
    // `returned` sees every command that comes back, before its change counts as done.
    Courier(std::vector<WorkerDoor> doors, std::function<void(const Command&)> returned);
    ~Courier();
    Courier(const Courier&) = delete;
    Courier& operator=(const Courier&) = delete;

    // Posts in order; what a full mailbox does not take waits here. `done` runs from poll() once
    // every worker has carried its part out; then the replaced keys are let go. A change without
    // postings is done at once.
    void send(Change change, std::function<void()> done = {});
    // Takes back what was carried out and posts what waits. True: there was something.
    bool poll();

    unsigned workers() const { return static_cast<unsigned>(doors_.size()); }
    Mailbox& mailbox(unsigned worker) { return *doors_[worker].mailbox; }
    // Changes that some worker has not carried out yet.
    std::size_t outstanding() const { return open_.size(); }

    // After the workers have ended: frees the datagrams that no worker took over, and everything
    // else.
    void abandon();

  private:
    struct Open {
        std::size_t missing = 0;
        std::vector<std::shared_ptr<const void>> replaced;
        std::function<void()> done;
    };
    bool post_waiting(unsigned worker);
    bool take_returned(unsigned worker);

    std::vector<WorkerDoor> doors_;
    std::function<void(const Command&)> returned_;
    std::vector<std::deque<std::unique_ptr<Command>>> waiting_;  // by worker
    std::unordered_map<std::uint64_t, Open> open_;               // by ticket
    std::uint64_t last_ticket_ = 0;
};

}  // namespace mdd::control
