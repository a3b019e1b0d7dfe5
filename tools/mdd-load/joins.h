// Who joins, leaves and shakes hands anew, and when: sends ClientHellos from the endpoints'
// addresses until the answers are there. The poll loop's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "tools/mdd-load/hello.h"
#include "tools/mdd-load/random.h"
#include "tools/mdd-load/real_handshakes.h"
#include "tools/mdd-load/world.h"

namespace mdd::load {

// Takes a whole frame for the port. False: the port is full, nothing was taken.
using SendFrame = std::function<bool(srtp::Bytes frame)>;

struct JoinCounts {
    std::uint64_t hellos = 0;   // first ones
    std::uint64_t repeats = 0;  // hellos without an answer in time
    std::uint64_t answers = 0;  // handshakes that came to their end
    std::uint64_t departures = 0;
    std::uint64_t failures = 0;       // real handshakes that failed, associations that were ended
    std::uint64_t stray_answers = 0;  // for no handshake under way
};

// One thread, that of the world.
class Joins {
  public:
    // `put_out` makes the KMF say that an endpoint has left. `real`: handshakes are whole ones;
    // nullptr: hellos that our own KMF answers.
    Joins(World& world, std::uint64_t ticks_per_second, SendFrame send,
          std::function<void(EndpointIndex)> put_out, RealHandshakes* real = nullptr);

    // Everybody joins, at the scenario's pace from `now` on.
    void start(Tsc now);
    // Everybody is in the call.
    bool all_present() const { return present_ == world_.plan().endpoints(); }
    std::uint32_t present() const { return present_; }

    // Endpoints leave and come back, and shake hands anew, as the scenario says. Precondition:
    // nothing is under way.
    void begin_unrest(Tsc now);
    // No more of that; who is away comes back.
    void end_unrest();

    // Does what is due. A few calls for each millisecond are enough.
    void poll(Tsc now);
    // A DTLS datagram to an endpoint.
    void on_datagram(EndpointIndex endpoint, srtp::Bytes datagram, Tsc now);

    const JoinCounts& counts() const { return counts_; }

  private:
    struct Due {
        Tsc at;
        EndpointIndex endpoint;
        Generation generation;  // a repeat is for this one only
    };
    // Of an endpoint that has left, until mdd hears of it.
    struct Parting {
        Tsc left;
        EndpointIndex endpoint;
    };
    // Events at an even pace.
    struct Pace {
        Tsc next = kNever;
        Tsc interval = 0;
    };

    void take_events(Tsc now);
    void send_datagram(EndpointIndex endpoint, srtp::Bytes datagram);
    void on_keyed(EndpointIndex endpoint, const srtp::HopKeys& keys, Tsc now);
    void on_ended(EndpointIndex endpoint, Tsc now);
    Tsc ticks(std::chrono::milliseconds span) const;
    Pace pace(std::uint32_t per_second, Tsc now) const;
    void begin(EndpointIndex endpoint, Tsc now);
    void send_hello(EndpointIndex endpoint);
    bool is_calm(EndpointIndex endpoint, Tsc now) const;
    std::optional<EndpointIndex> someone(Tsc now);
    void make_unrest(Tsc now);
    bool is_over(const Parting& parting, Tsc now) const;
    void part(Tsc now);
    void return_later(EndpointIndex endpoint, Tsc now);
    void repeat(Tsc now);

    World& world_;
    const std::uint64_t ticks_per_second_;
    const SendFrame send_;
    const std::function<void(EndpointIndex)> put_out_;
    RealHandshakes* const real_;
    Random random_;
    JoinCounts counts_;
    Pace first_joins_, churn_, storm_;
    EndpointIndex next_to_join_ = 0;
    std::uint32_t present_ = 0;
    std::vector<bool> is_asking_;        // by endpoint: a handshake is under way
    std::deque<Due> repeats_, returns_;  // each in order of time
    std::vector<Parting> partings_;
    std::vector<std::uint8_t> frame_;
};

}  // namespace mdd::load
