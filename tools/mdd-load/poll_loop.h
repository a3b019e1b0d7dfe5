// What one poll core does in a round: takes what came in, sends what is due, sees to joins, reports
// and talk-spurts. Phases of a run are made of rounds in trial.h.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <functional>
#include <optional>

#include "dataplane/port.h"
#include "tools/mdd-load/joins.h"
#include "tools/mdd-load/pacer.h"
#include "tools/mdd-load/transmitter.h"
#include "tools/mdd-load/verifier.h"

namespace mdd::load {

// How the core's time went, since the last reset.
struct CoreTime {
    Tsc busy = 0, all = 0;
    Tsc behind = 0;       // in rounds that left packets in a receive queue
    Tsc longest_gap = 0;  // between two looks at the receive queue
};

// One thread. The port must not be closed while a round runs.
class PollLoop {
  public:
    static constexpr std::uint16_t kBurst = 32;

    PollLoop(World& world, const Bed& bed, const Schedule& schedule, Port& port, rte_mempool* pool,
             std::function<void(EndpointIndex)> put_out, RealHandshakes* real);

    World& world() { return world_; }
    Joins& joins() { return joins_; }
    Verifier& verifier() { return verifier_; }
    const Schedule& schedule() const { return schedule_; }
    std::uint64_t ticks_per_second() const { return ticks_per_second_; }
    static Tsc now();

    // Asks by ARP for the way to mdd, from an endpoint's address; and the answer.
    void ask_for_next_hop(net::Be32 asker);
    const std::optional<net::MacAddress>& next_hop() const { return next_hop_; }
    // Frames can go out from here on. Precondition: next_hop().
    void use_next_hop();

    // Media at this speed from `start` on, until stop_sending().
    void start_sending(double packets_per_second, Tsc start);
    void stop_sending() { pacer_.reset(); }
    const Pacer* pacer() const { return pacer_ ? &*pacer_ : nullptr; }
    // One packet of a stream, out of turn and counted like others. False: its sender is not there,
    // or the port is full.
    bool send_one(StreamIndex stream);
    // One report of an endpoint, out of turn.
    void send_report(EndpointIndex reporter) { transmitter_.send_report(reporter, now()); }
    // Whether reports go out, and the scenario's junk.
    void report(bool on);
    void set_hostile(bool on) { transmitter_.set_hostile(on); }

    // Returns whether there was anything to do.
    bool round();

    void reset_counts(Tsc since);
    const SendCounts& sent() const { return transmitter_.counts(); }
    const CoreTime& core_time() const { return core_time_; }
    // Packets that came to our port and found no descriptor or buffer, since it was opened.
    std::uint64_t missed() const;

  private:
    unsigned receive();
    unsigned receive_from(std::uint16_t queue);
    void sort(rte_mbuf** packets, unsigned count, Tsc now);
    void take(rte_mbuf* packet, std::array<Arrival, kBurst>& media, std::size_t& media_count,
              Tsc now);
    void answer_arp(srtp::Bytes payload);
    unsigned send_due(Tsc now);
    void look_ahead() const;
    void chores(Tsc now);
    void send_reports(Tsc now);

    World& world_;
    const Schedule& schedule_;
    Port& port_;
    const net::Be32 asked_ip_;
    const std::optional<net::MacAddress> given_next_hop_;
    const std::uint64_t ticks_per_second_;
    const Tsc catch_up_;
    Journal journal_;
    Transmitter transmitter_;
    Verifier verifier_;
    Joins joins_;
    Speakers speakers_;
    std::optional<net::MacAddress> next_hop_;
    bool has_link_ = false;
    std::optional<Pacer> pacer_;
    CoreTime core_time_;
    Tsc round_began_ = 0;
    bool is_behind_ = false;  // this round
    Tsc next_chores_ = 0;
    Tsc report_interval_ = 0;  // between reports of two endpoints; 0: none
    Tsc next_report_ = kNever;
    EndpointIndex next_reporter_ = 0;
};

}  // namespace mdd::load
