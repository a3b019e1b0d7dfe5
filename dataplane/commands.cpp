// Control's commands: see mailbox.h for what each one means.
#include "dataplane/commands.h"

#include <algorithm>
#include <utility>

namespace mdd {

Member* CommandRunner::owned(ConferenceSlot conference, MemberSlot slot) {
    auto* member = table_.find(conference, slot);
    return member != nullptr && member->endpoint ? member : nullptr;
}

void CommandRunner::operator()(AddConference& command) {
    table_.put(command.slot, std::move(command.conference));
}

void CommandRunner::operator()(AddMember& command) {
    if (const auto* known = table_.find(command.member->conference, command.member->slot)) {
        // Another address, the same endpoint: keys and streams stay with it.
        const auto& keyed = table_.recipient(*known);
        command.recipient.key(keyed.tx, keyed.key_start);
    }
    auto replaced = table_.remove(command.member->conference, command.member->slot);
    // What came from the old address and still waits is nobody's now.
    if (replaced)
        backlog_.remove(replaced.get(), [this](rte_mbuf* packet) {
            receiver_.drop(packet, srtp::Verdict::unknown_source);
        });
    if (replaced && replaced->endpoint) std::swap(command.member->endpoint, replaced->endpoint);
    table_.add(std::move(command.member), command.recipient);
    command.member = std::move(replaced);
}

void CommandRunner::operator()(SetTransmitKeys& command) {
    if (const auto* member = table_.find(command.conference, command.member))
        table_.recipient(*member).key(command.keys, command.key_start);
}

void CommandRunner::operator()(InstallReceiveKeys& command) {
    if (auto* member = owned(command.conference, command.member))
        member->endpoint->hop.install(command.keys);
}

void CommandRunner::operator()(RetireReceiveKeys& command) {
    auto* member = owned(command.conference, command.member);
    if (member == nullptr) return;
    auto& endpoint = *member->endpoint;
    if (!command.all) return endpoint.hop.retire_old();
    receiver_.drop_pending(*member, srtp::Verdict::not_keyed);
    endpoint.hop.clear();
    endpoint.ungranted->refused_count = 0;
    endpoint.unreported = {};
    endpoint.streams.clear();
}

void CommandRunner::operator()(GrantSsrc& command) {
    if (auto* member = owned(command.conference, command.member))
        receiver_.grant(*member, command.stream, command.epoch);
}

void CommandRunner::operator()(RefuseSsrc& command) {
    if (auto* member = owned(command.conference, command.member))
        receiver_.refuse(*member, command.ssrc, command.epoch, command.reason);
}

void CommandRunner::operator()(DecideKeys& command) {
    if (auto* member = owned(command.conference, command.member))
        command.decision = receiver_.decide(*member, command.epoch);
}

void CommandRunner::operator()(SetSsrcOwner& command) {
    auto* conference = table_.conference(command.conference);
    if (conference == nullptr) return;
    auto replaced = conference->ssrc_owners.extract(command.entry.key());
    conference->ssrc_owners.insert(std::move(command.entry));
    command.entry = std::move(replaced);
}

void CommandRunner::operator()(ClearSsrcOwner& command) {
    auto* conference = table_.conference(command.conference);
    if (conference == nullptr) return;
    command.entry = conference->ssrc_owners.extract(command.ssrc);
    ++conference->ssrcs_freed;
}

void CommandRunner::operator()(PauseLeg& command) {
    auto& leg = command.stream->legs[command.receiver];
    if (leg.paused != 0 && !command.paused) leg.rtp.end_run();
    leg.paused = command.paused ? 1 : 0;
}

void CommandRunner::operator()(SetNeighbour& command) {
    table_.for_each([&](Member& member) {
        auto& recipient = table_.recipient(member);
        if (recipient.port != command.port || member.next_hop != command.ip) return;
        std::copy(command.mac.bytes.begin(), command.mac.bytes.end(),
                  recipient.header.bytes.begin());
        recipient.state = Recipient::State::resolved;
    });
}

void CommandRunner::operator()(SendDatagram& command) {
    auto* packet = std::exchange(command.packet, nullptr);
    if (const auto* member = table_.find(command.conference, command.member))
        return egress_.send_own(packet, table_.recipient(*member));
    egress_.drop_own(packet, srtp::Verdict::leg_not_keyed);
}

void CommandRunner::operator()(PollActivity& command) {
    if (auto* member = owned(command.conference, command.member))
        command.heard = member->endpoint->hop.take_heard();
}

void CommandRunner::operator()(ProbeNeighbour& command) {
    egress_.send_arp_request(command.port, command.ip);
}

}  // namespace mdd
