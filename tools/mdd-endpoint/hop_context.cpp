// Key sets, newest first, and where a packet lies under each.
#include "tools/mdd-endpoint/hop_context.h"

#include <array>
#include <vector>

namespace mdd::endpoint {
namespace {

std::vector<std::uint32_t> ssrcs_of(
    const std::unordered_map<std::uint32_t, IndexTracker>& streams) {
    std::vector<std::uint32_t> ssrcs;
    ssrcs.reserve(streams.size());
    for (const auto& [ssrc, tracker] : streams) ssrcs.push_back(ssrc);
    return ssrcs;
}

// The telling outcome of two tries: that a key knows the packet says more than that another does
// not.
Crypto more_telling(Crypto a, Crypto b) {
    return a == Crypto::replayed || b == Crypto::replayed ? Crypto::replayed : a;
}

}  // namespace

void HopContext::forget() {
    outbound_.reset();
    current_.reset();
    previous_.reset();
    previous_ends_.reset();
    sent_.clear();
    received_.clear();
}

void HopContext::install(const srtp::HopKeys& keys) {
    const auto key_bytes = srtp::traits_of(keys.profile).hop_key_bytes;
    InboundKeys inbound{SrtpSession(key_bytes, keys.server_write, SrtpSession::Direction::inbound,
                                    ssrcs_of(received_)),
                        {},
                        false};
    if (outbound_) {
        outbound_->rekey(keys.client_write);
        previous_ = std::move(current_);
        previous_ends_.reset();
    } else {
        outbound_.emplace(key_bytes, keys.client_write, SrtpSession::Direction::outbound,
                          ssrcs_of(sent_));
    }
    current_ = std::move(inbound);
}

Crypto HopContext::protect(Packet& packet) {
    if (packet.size() < kFixedHeaderBytes) return Crypto::malformed;
    auto& tracker = sent_[rtp_ssrc(packet)];
    const auto index = tracker.estimate(rtp_sequence(packet));
    if (!index) return Crypto::refused;
    const auto result = outbound_->protect(packet, *index);
    if (result == Crypto::ok) tracker.commit(*index);
    return result;
}

// A media distributor that restarted has begun at ROC 0 under the new key, so until a stream has
// verified once under a key set, both places are possible.
Crypto HopContext::unprotect_with(InboundKeys& keys, const Packet& sealed, Packet& opened) {
    const auto ssrc = rtp_ssrc(sealed);
    const auto sequence = rtp_sequence(sealed);
    const auto known = received_.find(ssrc);
    const auto going_on = known == received_.end() ? IndexTracker().estimate(sequence)
                                                   : known->second.estimate(sequence);
    auto result = Crypto::replayed;  // before index 0
    if (going_on) {
        opened = sealed;
        result = keys.session.unprotect(opened, *going_on);
        if (result == Crypto::ok) {
            received_[ssrc].commit(*going_on);
            return result;
        }
    }
    const bool may_be_fresh =
        !keys.verified_ssrcs.contains(ssrc) && going_on != PacketIndex{sequence};
    if (!may_be_fresh) return result;
    opened = sealed;
    const auto fresh = keys.session.unprotect(opened, sequence);
    if (fresh == Crypto::ok) received_[ssrc] = IndexTracker(sequence);
    return fresh == Crypto::ok ? fresh : result;
}

void HopContext::confirm(InboundKeys& keys, Clock::time_point now) {
    if (keys.verified_any) return;
    keys.verified_any = true;
    if (&keys == &*current_ && previous_) previous_ends_ = now + kOldKeysLinger;
}

void HopContext::drop_expired(Clock::time_point now) {
    if (previous_ends_ && now >= *previous_ends_) {
        previous_.reset();
        previous_ends_.reset();
    }
}

Crypto HopContext::unprotect(Packet& packet, Clock::time_point now) {
    if (packet.size() < kFixedHeaderBytes + srtp::kTagBytes) return Crypto::malformed;
    drop_expired(now);
    Packet opened;
    auto result = Crypto::failed;
    for (auto* keys : std::array{&current_, &previous_}) {
        if (!*keys) continue;
        const auto outcome = unprotect_with(**keys, packet, opened);
        if (outcome == Crypto::ok) {
            (*keys)->verified_ssrcs.insert(rtp_ssrc(opened));
            confirm(**keys, now);
            packet = std::move(opened);
            return outcome;
        }
        result = keys == &current_ ? outcome : more_telling(result, outcome);
    }
    return result;
}

Crypto HopContext::protect_rtcp(Packet& packet) {
    return outbound_->protect_rtcp(packet);
}

Crypto HopContext::unprotect_rtcp(Packet& packet, Clock::time_point now) {
    drop_expired(now);
    auto result = Crypto::failed;
    for (auto* keys : std::array{&current_, &previous_}) {
        if (!*keys) continue;
        Packet opened = packet;
        const auto outcome = (*keys)->session.unprotect_rtcp(opened);
        if (outcome == Crypto::ok) {
            confirm(**keys, now);
            packet = std::move(opened);
            return outcome;
        }
        result = keys == &current_ ? outcome : more_telling(result, outcome);
    }
    return result;
}

}  // namespace mdd::endpoint
