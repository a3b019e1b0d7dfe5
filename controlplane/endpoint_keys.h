// The keys of one endpoint over its life: which are installed, when outbound switches, when old
// ones go (ownership law 6). Pure: time in, changes out. Whether keys may be installed at all is
// the ledger's question.
#pragma once

#include <cstdint>
#include <optional>

#include "controlplane/clock.h"
#include "controlplane/publish.h"

namespace mdd::control {

class EndpointKeys {
  public:
    static constexpr std::chrono::seconds kDecideAfter{1};   // each time, when nothing has proved
    static constexpr std::chrono::seconds kRetireAfter{10};  // old inbound keys, after the proof
    static constexpr std::chrono::seconds kUnproved{60};     // likewise, when nothing has proved

    bool keyed() const { return receive_ != nullptr; }
    // Key start under which what is sent to the endpoint began with keys never used before.
    // Precondition: keyed().
    std::uint32_t fresh_start() const { return fresh_start_; }
    // Number of the newest keys; rises over the endpoint's life, over leaving and coming back too.
    std::uint64_t epoch() const { return epoch_; }
    // The number that the next keysets must carry.
    std::uint64_t next_epoch() const { return epoch_ + 1; }

    // A proof for the inbound keys `epoch` would say something new about keys in use.
    bool expects_proof(std::uint64_t epoch) const { return keyed() && epoch > proved_; }

    // New keys; all keysets carry next_epoch().
    Change install(Publisher& publisher, EndpointRef who, WorkerIndex owner, KeysetPtr receive,
                   KeyCopiesPtr transmit, TimePoint now);
    // A packet has verified under the inbound keys `epoch` for the first time.
    Change proved(Publisher& publisher, EndpointRef who, WorkerIndex owner, std::uint64_t epoch,
                  srtp::Proof proof, TimePoint now);
    // The owner's answer about the inbound keys `epoch`. Silence switches outbound as a re-key.
    Change decided(Publisher& publisher, EndpointRef who, std::uint64_t epoch, Decision decision,
                   TimePoint now);
    // What has come due.
    Change on_time(Publisher& publisher, EndpointRef who, WorkerIndex owner, TimePoint now);
    // The endpoint has left.
    Change leave(Publisher& publisher, EndpointRef who, WorkerIndex owner);

  private:
    Change switch_transmit(Publisher& publisher, EndpointRef who);
    Change retire_old(Publisher& publisher, EndpointRef who, WorkerIndex owner);

    std::uint64_t epoch_ = 0;
    std::uint64_t proved_ = 0;  // up to these keys, proofs have come or are of no interest any more
    std::uint32_t key_start_ = 0;
    std::uint32_t fresh_start_ = 0;
    KeysetPtr receive_, receive_old_;
    KeyCopiesPtr transmit_;       // what the workers send with
    KeyCopiesPtr next_transmit_;  // not published yet: waits for the proof
    bool restarted_ = false;      // the endpoint has started over since transmit_ was published
    std::optional<TimePoint> decide_at_;
    std::optional<TimePoint> retire_at_;
};

}  // namespace mdd::control
