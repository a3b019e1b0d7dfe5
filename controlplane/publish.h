// A change of a conference becomes commands, one per worker that has to know. Pure: posts nothing.
// The rules of who gets what stand here and nowhere else.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "controlplane/endpoint_ref.h"
#include "controlplane/homes.h"
#include "controlplane/key_copies.h"
#include "dataplane/mailbox.h"
#include "dataplane/net/address.h"

namespace mdd::control {

using KeysetPtr = std::shared_ptr<const srtp::Keyset>;
using KeyCopiesPtr = std::shared_ptr<const KeyCopies>;

struct Posting {
    WorkerIndex worker;
    Command command;
};

// Commands that belong together, and the keys that no worker uses once all are carried out.
struct Change {
    std::vector<Posting> postings;
    std::vector<std::shared_ptr<const void>> replaced;
};

// Where an endpoint is, from its first admission on. `owner` stays the same for the endpoint id.
struct Place {
    WorkerIndex owner = 0;
    PortIndex port = 0;
    Flow flow;
    net::Be32 next_hop{};
    bool operator==(const Place&) const = default;
};

class Publisher {
  public:
    explicit Publisher(Homes homes) : homes_(std::move(homes)) {}

    const Homes& homes() const { return homes_; }

    // A number that no leg has counted under yet.
    std::uint32_t next_key_start() { return ++key_start_; }
    std::uint32_t newest_key_start() const { return key_start_; }

    // To every worker, with places for `members` endpoints. `audio`: the payload types that are.
    Change conference(ConferenceSlot slot, std::size_t members, const PayloadTypes& audio) const;
    // To every worker; the receiving side on the owner alone.
    Change member(EndpointRef who, const Place& place, const net::MacAddress& port_mac) const;

    // First keys of an endpoint: inbound to the owner, outbound to every worker, counting afresh.
    Change first_keys(EndpointRef who, WorkerIndex owner, const srtp::Keyset* receive,
                      const KeyCopies* transmit, std::uint32_t key_start) const;
    // New inbound keys beside the old ones.
    Change receive_keys(EndpointRef who, WorkerIndex owner, const srtp::Keyset* receive) const;
    // The owner tells what the inbound keys `epoch` have proved so far.
    Change decide(EndpointRef who, WorkerIndex owner, std::uint64_t epoch) const;
    // Outbound keys, to every worker.
    Change transmit_keys(EndpointRef who, const KeyCopies* transmit, std::uint32_t key_start) const;
    // The older inbound keys go.
    Change retire_old(EndpointRef who, WorkerIndex owner) const;
    // Nothing is sent to the endpoint and nothing of it verifies any more.
    Change leave(EndpointRef who, WorkerIndex owner) const;

    // The stream to its owner; who owns the SSRC to every worker.
    Change grant(EndpointRef who, WorkerIndex owner, Stream* stream, std::uint64_t epoch) const;
    // Nobody owns the SSRC any more.
    Change forget(ConferenceSlot conference, std::uint32_t ssrc) const;
    Change refuse(EndpointRef who, WorkerIndex owner, std::uint32_t ssrc, std::uint64_t epoch,
                  srtp::Verdict reason) const;
    Change pause(WorkerIndex owner, Stream* stream, MemberSlot receiver, bool paused) const;

    Change neighbour(PortIndex port, net::Be32 ip, const net::MacAddress& mac) const;
    // One worker asks for all.
    Change probe(PortIndex port, net::Be32 ip) const;
    Change datagram(EndpointRef who, WorkerIndex owner, rte_mbuf* packet) const;
    Change poll_activity(EndpointRef who, WorkerIndex owner) const;

  private:
    template <class Body>
    Change to_all(const Body& body) const;

    Homes homes_;
    std::uint32_t key_start_ = 0;
};

}  // namespace mdd::control
