// Who gets which command.
#include "controlplane/publish.h"

#include <utility>

namespace mdd::control {
namespace {

template <class Body>
void add(Change& change, unsigned worker, Body body) {
    change.postings.push_back(
        {static_cast<WorkerIndex>(worker), Command{std::move(body), /*ticket=*/0}});
}

template <class Body>
Change to_one(WorkerIndex worker, Body body) {
    Change change;
    add(change, worker, std::move(body));
    return change;
}

SsrcOwners::node_type owner_entry(std::uint32_t ssrc, MemberSlot owner) {
    SsrcOwners made{{ssrc, {owner}}};
    return made.extract(made.begin());
}

}  // namespace

template <class Body>
Change Publisher::to_all(const Body& body) const {
    Change change;
    for (unsigned worker = 0; worker < homes_.workers(); ++worker) add(change, worker, body);
    return change;
}

Change Publisher::conference(ConferenceSlot slot, std::size_t members,
                             const PayloadTypes& audio) const {
    Change change;
    for (unsigned worker = 0; worker < homes_.workers(); ++worker) {
        const srtp::OnNode home(homes_.of(static_cast<WorkerIndex>(worker)));
        add(change, worker, AddConference{slot, std::make_unique<Conference>(members, audio)});
    }
    return change;
}

Change Publisher::member(EndpointRef who, const Place& place,
                         const net::MacAddress& port_mac) const {
    Change change;
    for (unsigned worker = 0; worker < homes_.workers(); ++worker) {
        const srtp::OnNode home(homes_.of(static_cast<WorkerIndex>(worker)));
        auto member = std::make_unique<Member>();
        member->conference = who.conference;
        member->slot = who.member;
        member->owner = place.owner;
        member->remote = place.flow.remote;
        member->local = place.flow.local;
        member->next_hop = place.next_hop;
        if (worker == place.owner) member->endpoint = std::make_unique<Endpoint>();
        // The receiver's link-layer address comes with SetNeighbour.
        add(change, worker,
            AddMember{std::move(member),
                      {.header = net::make_header_template(port_mac, {}, place.flow.local,
                                                           place.flow.remote),
                       .port = place.port,
                       .state = Recipient::State::unresolved}});
    }
    return change;
}

Change Publisher::first_keys(EndpointRef who, WorkerIndex owner, const srtp::Keyset* receive,
                             const KeyCopies* transmit, std::uint32_t key_start) const {
    auto change = transmit_keys(who, transmit, key_start);
    add(change, owner, InstallReceiveKeys{who.conference, who.member, receive});
    return change;
}

Change Publisher::receive_keys(EndpointRef who, WorkerIndex owner,
                               const srtp::Keyset* receive) const {
    return to_one(owner, InstallReceiveKeys{who.conference, who.member, receive});
}

Change Publisher::decide(EndpointRef who, WorkerIndex owner, std::uint64_t epoch) const {
    return to_one(owner, DecideKeys{who.conference, who.member, epoch});
}

Change Publisher::transmit_keys(EndpointRef who, const KeyCopies* transmit,
                                std::uint32_t key_start) const {
    Change change;
    for (unsigned worker = 0; worker < homes_.workers(); ++worker) {
        const auto place = homes_.place_of(static_cast<WorkerIndex>(worker));
        const auto* keys = transmit == nullptr ? nullptr : transmit->at(place);
        add(change, worker, SetTransmitKeys{who.conference, who.member, keys, key_start});
    }
    return change;
}

Change Publisher::retire_old(EndpointRef who, WorkerIndex owner) const {
    return to_one(owner, RetireReceiveKeys{who.conference, who.member, /*all=*/false});
}

Change Publisher::leave(EndpointRef who, WorkerIndex owner) const {
    auto change = transmit_keys(who, nullptr, 0);
    add(change, owner, RetireReceiveKeys{who.conference, who.member, /*all=*/true});
    return change;
}

Change Publisher::grant(EndpointRef who, WorkerIndex owner, Stream* stream,
                        std::uint64_t epoch) const {
    Change change;
    for (unsigned worker = 0; worker < homes_.workers(); ++worker)
        add(change, worker, SetSsrcOwner{who.conference, owner_entry(stream->ssrc, who.member)});
    add(change, owner, GrantSsrc{who.conference, who.member, stream, epoch});
    return change;
}

Change Publisher::forget(ConferenceSlot conference, std::uint32_t ssrc) const {
    Change change;
    for (unsigned worker = 0; worker < homes_.workers(); ++worker)
        add(change, worker, ClearSsrcOwner{conference, ssrc, {}});
    return change;
}

Change Publisher::refuse(EndpointRef who, WorkerIndex owner, std::uint32_t ssrc,
                         std::uint64_t epoch, srtp::Verdict reason) const {
    return to_one(owner, RefuseSsrc{who.conference, who.member, ssrc, epoch, reason});
}

Change Publisher::pause(WorkerIndex owner, Stream* stream, MemberSlot receiver, bool paused) const {
    return to_one(owner, PauseLeg{stream, receiver, paused});
}

Change Publisher::neighbour(PortIndex port, net::Be32 ip, const net::MacAddress& mac) const {
    return to_all(SetNeighbour{port, ip, mac});
}

Change Publisher::probe(PortIndex port, net::Be32 ip) const {
    return to_one(0, ProbeNeighbour{port, ip});
}

Change Publisher::datagram(EndpointRef who, WorkerIndex owner, rte_mbuf* packet) const {
    return to_one(owner, SendDatagram{who.conference, who.member, packet});
}

Change Publisher::poll_activity(EndpointRef who, WorkerIndex owner) const {
    return to_one(owner, PollActivity{who.conference, who.member});
}

}  // namespace mdd::control
