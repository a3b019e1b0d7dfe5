// Commands as one line each, so that a test can say exactly who is told what.
#pragma once

#include <string>
#include <vector>

#include "controlplane/publish.h"

namespace mdd::test {

struct CommandText {
    std::string operator()(const AddConference& c) const {
        return "AddConference " + std::to_string(c.conference->members.size());
    }
    std::string operator()(const AddMember& c) const {
        return "AddMember " + std::to_string(c.member->slot) + " owner " +
               std::to_string(c.member->owner) + (c.member->endpoint ? " receives" : "");
    }
    std::string operator()(const SetTransmitKeys& c) const {
        return "SetTransmitKeys " + std::to_string(c.member) +
               (c.keys == nullptr ? " none"
                                  : " epoch " + std::to_string(c.keys->epoch) + " start " +
                                        std::to_string(c.key_start));
    }
    std::string operator()(const InstallReceiveKeys& c) const {
        return "InstallReceiveKeys " + std::to_string(c.member) + " epoch " +
               std::to_string(c.keys->epoch);
    }
    std::string operator()(const RetireReceiveKeys& c) const {
        return "RetireReceiveKeys " + std::to_string(c.member) + (c.all ? " all" : " old");
    }
    std::string operator()(const GrantSsrc& c) const {
        return "GrantSsrc " + std::to_string(c.member) + " " + std::to_string(c.stream->ssrc);
    }
    std::string operator()(const RefuseSsrc& c) const {
        return "RefuseSsrc " + std::to_string(c.member) + " " + std::to_string(c.ssrc) + " " +
               std::string(srtp::text_of(c.reason).name);
    }
    std::string operator()(const DecideKeys& c) const {
        return "DecideKeys " + std::to_string(c.member) + " epoch " + std::to_string(c.epoch);
    }
    std::string operator()(const SetSsrcOwner& c) const {
        return "SetSsrcOwner " + std::to_string(c.entry.key()) + " " +
               std::to_string(c.entry.mapped().member);
    }
    std::string operator()(const ClearSsrcOwner& c) const {
        return "ClearSsrcOwner " + std::to_string(c.ssrc);
    }
    std::string operator()(const PauseLeg& c) const {
        return "PauseLeg " + std::to_string(c.stream->ssrc) + " to " + std::to_string(c.receiver) +
               (c.paused ? " paused" : " resumed");
    }
    std::string operator()(const SetNeighbour& c) const {
        return "SetNeighbour " + net::to_string(c.ip) + " " + net::to_string(c.mac);
    }
    std::string operator()(const SendDatagram& c) const {
        return "SendDatagram " + std::to_string(c.member);
    }
    std::string operator()(const PollActivity& c) const {
        return "PollActivity " + std::to_string(c.member);
    }
    std::string operator()(const ProbeNeighbour& c) const {
        return "ProbeNeighbour " + net::to_string(c.ip);
    }
};

// "w0 SetTransmitKeys 1 epoch 1 start 3".
inline std::vector<std::string> texts_of(const control::Change& change) {
    std::vector<std::string> texts;
    for (const auto& posting : change.postings)
        texts.push_back("w" + std::to_string(posting.worker) + " " +
                        std::visit(CommandText{}, posting.command.body));
    return texts;
}

}  // namespace mdd::test
