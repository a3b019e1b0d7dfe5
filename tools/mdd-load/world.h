// Endpoints, streams and legs as they are at the moment: keys, indices, who is in the call. The
// poll loop's; knows neither ports nor packets.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/net/header_template.h"
#include "dataplane/srtp/hop.h"
#include "tools/mdd-load/keys.h"
#include "tools/mdd-load/plan.h"

namespace mdd::load {

// A time stamp counter's value; 0 is before all.
using Tsc = std::uint64_t;
inline constexpr Tsc kNever = ~Tsc{0};

using KeysetPtr = std::unique_ptr<const srtp::Keyset>;

// The times at which a packet has to be sent so that a receiver is owed it: it was in the call with
// this generation. The one before is kept, since its last packets may still be under way.
struct Presence {
    Tsc from = kNever, until = kNever;
    Tsc previous_from = kNever, previous_until = kNever;

    bool is_now() const { return from != kNever && until == kNever; }
    bool covers(Tsc sent) const {
        return (sent >= from && sent < until) || (sent >= previous_from && sent < previous_until);
    }
};

struct Endpoint {
    Generation generation = 0;
    Generation inner_generation = 0;  // in which its streams started, and have their keys from
    std::uint32_t joins = 0;          // times that it came into the call from outside
    KeysetPtr send;                   // client_write
    KeysetPtr receive;                // server_write, of the newest handshake
    KeysetPtr receive_before;         // of the one before; packets under it may be under way
    Presence presence;
    bool is_inside = false;        // of the call, even while it is owed nothing
    Tsc keyed_at = 0;              // the end of the newest handshake
    std::uint32_t rtcp_index = 0;  // next SRTCP index to send with
    std::uint32_t rtcp_sent = 0;   // of this run; a number in the compound
};

struct Stream {
    std::uint32_t ssrc = 0;
    std::uint32_t run = 0;         // starts of its index: once for each time its endpoint joined
    std::uint64_t next_index = 0;  // ROC * 2^16 + SEQ
    std::uint32_t timestamp = 0;
    EndpointIndex sender = 0;
    MediaKind kind = MediaKind::audio;
    std::uint8_t payload_type = 0;
    std::uint16_t size_bytes = 0;  // what the outer layer seals
    std::unique_ptr<const srtp::AeadKey> inner;
    // EKT: the FullEKTField for tag_roc, and how many packets until it is due; 0: on the next one.
    std::vector<std::uint8_t> full_tag;
    std::uint32_t tag_roc = 0;
    std::uint32_t until_full_tag = 0;
    std::uint8_t announcements = 0;      // full tags still to come at the start of a key
    std::vector<std::uint8_t> repeated;  // the one inner layer of Inner::repeated; empty: none yet
};

// What a receiver knows of a stream.
struct Leg {
    std::uint64_t out_highest = 0;  // mdd's index
    std::uint64_t in_highest = 0;   // the sender's
    std::uint64_t offset = 0;       // out - in of the last packet that was opened, modulo 2^64
    std::uint64_t window = 0;       // bit n: in_highest - n was received
    std::uint32_t run = 0;          // of the stream, that in_highest counts in; 0: none yet
    std::uint32_t joins = 0;        // of the receiver, that out_highest counts in; 0: none yet
};

// What an endpoint sends and is owed, since the last World::forget_under_way().
struct Traffic {
    std::uint64_t owed_since = 0;  // packets of the conference before it came into the call
    // Copies that have not arrived, without those of the time in the call that is not over.
    std::int64_t under_way = 0;
};

// One thread. Memory for each endpoint about 5 KiB, for each stream 1.2 KiB, for each leg 40 bytes.
class World {
  public:
    static constexpr unsigned kWindowPackets = 64;

    World(const Scenario& scenario, const Bed& bed, const KeySource& keys);

    const Plan& plan() const { return plan_; }
    const Scenario& scenario() const { return scenario_; }
    std::vector<Endpoint>& endpoints() { return endpoints_; }
    std::vector<Stream>& streams() { return streams_; }
    Endpoint& endpoint(EndpointIndex index) { return endpoints_[index]; }
    Stream& stream(StreamIndex index) { return streams_[index]; }
    Leg& leg(StreamIndex stream, std::uint32_t member) {
        return legs_[plan_.leg_of(stream, member)];
    }
    // Members in the call right now.
    std::uint32_t present(ConferenceIndex conference) const { return present_[conference]; }

    // Makes full_tag anew for the stream's ROC. A few microseconds, once in 65,536 packets.
    void make_full_tag(StreamIndex stream);

    // What stands in front of every datagram of an endpoint. Precondition: set_link().
    const net::HeaderTemplate& headers_of(EndpointIndex endpoint) const {
        return headers_[endpoint];
    }
    void set_link(const net::MacAddress& ours, const net::MacAddress& next_hop);

    // The endpoint starts a handshake: keys of the next generation are there to receive with. From
    // outside the call also its streams start anew, since all their keys are new.
    void begin_handshake(EndpointIndex endpoint);
    // It has come to its end: from `now` on it sends under the new keys and is owed packets.
    void complete_handshake(EndpointIndex endpoint, Tsc now);
    // Both in one, with keys that a real handshake has brought.
    void install(EndpointIndex endpoint, const srtp::HopKeys& keys, Tsc now);
    // From `now` on it is owed nothing. Its keys stay until the next handshake.
    void leave(EndpointIndex endpoint, Tsc now);
    // Likewise, but it has not left: its streams and legs go on. In a real handshake mdd seals
    // under the new keys a moment before the endpoint has them.
    void pause(EndpointIndex endpoint, Tsc now);
    bool is_present(EndpointIndex endpoint) const { return endpoints_[endpoint].presence.is_now(); }

    // A packet of `sender`, media or RTCP, has gone out: everybody else in the call is owed it.
    void note_sent(EndpointIndex sender);
    // `receiver` has got one that it is owed, for the first time.
    void note_arrived(EndpointIndex sender, EndpointIndex receiver);
    // How many copies of what an endpoint sent, and of what it is owed, have not arrived. What is
    // lost counts for ever.
    std::int64_t under_way(EndpointIndex endpoint) const;
    // Nothing is under way any more: what has not arrived is lost.
    void forget_under_way();

  private:
    void begin(EndpointIndex endpoint, const srtp::HopKeys& hop);
    void complete(EndpointIndex endpoint, const srtp::HopKeys& hop, Tsc now);
    void start_streams(EndpointIndex endpoint);

    const Scenario scenario_;
    const Plan plan_;
    const KeySource& keys_;
    const net::SocketAddress mdd_;
    std::vector<Endpoint> endpoints_;
    std::vector<Stream> streams_;
    std::vector<Leg> legs_;
    std::vector<std::uint32_t> present_;
    std::vector<Traffic> traffic_;           // by endpoint
    std::vector<std::uint64_t> packets_in_;  // by conference: sent to it
    std::vector<net::HeaderTemplate> headers_;
};

}  // namespace mdd::load
