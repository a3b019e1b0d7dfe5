// The order of layers, and a counter for each way out.
#include "tools/mdd-endpoint/double_context.h"

#include <algorithm>
#include <utility>

#include "tools/mdd-endpoint/ekt_tag.h"

namespace mdd::endpoint {
namespace {

// Header, inner tag, OHB, outer tag.
constexpr std::size_t kSmallestDoubleBytes =
    kFixedHeaderBytes + srtp::kTagBytes + 1 + srtp::kTagBytes;

}  // namespace

DoubleContext::DoubleContext(srtp::Profile profile, E2eSender::MakeKey make_key)
    : traits_(srtp::traits_of(profile)) {
    if (traits_.is_double) sender_.emplace(std::move(make_key));
}

void DoubleContext::install(const srtp::HopKeys& keys) {
    hop_.install(keys);
    if (sender_) sender_->announce();
}

EktKeyring::Added DoubleContext::learn(EktKey key, Clock::time_point now,
                                       std::vector<ReceivedRtp>& opened) {
    const auto added = keyring_.add(std::move(key), now);
    if (added == EktKeyring::Added::refused) ++ekt.keys_refused;
    if (added != EktKeyring::Added::newest) return added;
    ++ekt.keys_from_kmf;
    sender_->use(keyring_.newest(now));
    for (auto& [ssrc, stream] : remote_) retry_waiting(stream, now, opened);
    return added;
}

void DoubleContext::leave() {
    hop_.forget();
    keyring_.clear();
    if (sender_) sender_->forget();
    for (auto& [ssrc, stream] : remote_) {
        stream.inner.drop_retired({});
        rtp.e2e_no_key += std::exchange(stream.waiting, {}).size();
    }
}

bool DoubleContext::can_send(Clock::time_point now) const {
    return hop_.keyed() && (!sender_ || keyring_.newest(now) != nullptr);
}

bool DoubleContext::seal(Packet& packet, PacketIndex& index, Clock::time_point now) {
    if (!hop_.keyed()) return ++rtp.send_not_keyed, false;
    if (keyring_.expired(now)) return ++rtp.send_expired, false;
    if (sender_ && !sender_->has_key()) return ++rtp.send_no_ekt_key, false;
    if (!rtp_layout(packet)) return ++rtp.send_malformed, false;
    const auto ssrc = rtp_ssrc(packet);
    if (sender_) {
        const auto inner = sender_->seal(packet, index);
        if (inner == Crypto::malformed) return ++rtp.send_malformed, false;
        if (inner != Crypto::ok) return ++rtp.send_refused, false;
    } else {
        auto& tracker = plain_sent_[ssrc];
        index = tracker.estimate(rtp_sequence(packet)).value_or(0);
        tracker.commit(index);
    }
    if (hop_.protect(packet) != Crypto::ok) return ++rtp.send_refused, false;
    if (sender_) sender_->append_tag(packet, ssrc, index, now);
    ++rtp.sent;
    return true;
}

std::vector<ReceivedRtp> DoubleContext::open(Packet datagram, Clock::time_point now) {
    std::vector<ReceivedRtp> out;
    if (!hop_.keyed()) {
        ++rtp.receive_not_keyed;
    } else if (keyring_.expired(now)) {
        ++rtp.receive_expired;
    } else if (traits_.is_double) {
        open_double(std::move(datagram), now, out);
    } else {
        open_plain(std::move(datagram), now, out);
    }
    return out;
}

void DoubleContext::count_hop(Crypto outcome) {
    if (outcome == Crypto::replayed) ++rtp.hbh_replayed;
    if (outcome == Crypto::failed) ++rtp.hbh_failed;
    if (outcome == Crypto::malformed || outcome == Crypto::refused) ++rtp.malformed;
}

void DoubleContext::open_plain(Packet packet, Clock::time_point now,
                               std::vector<ReceivedRtp>& out) {
    if (const auto outcome = hop_.unprotect(packet, now); outcome != Crypto::ok)
        return count_hop(outcome);
    const auto ssrc = rtp_ssrc(packet);
    if (!plain_received_.contains(ssrc) && plain_received_.size() >= kMaxRemoteStreams) {
        ++rtp.ssrc_limit;
        return;
    }
    auto& tracker = plain_received_[ssrc];
    const auto index = tracker.estimate(rtp_sequence(packet)).value_or(rtp_sequence(packet));
    tracker.commit(index);
    ++rtp.received;
    const auto payload_type = rtp_payload_type(packet);
    const auto sequence = rtp_sequence(packet);
    out.push_back({std::move(packet), index, 0, payload_type, sequence, now, false});
}

void DoubleContext::open_double(Packet datagram, Clock::time_point now,
                                std::vector<ReceivedRtp>& out) {
    const auto tag = parse_ekt_tag(datagram, kSmallestDoubleBytes);
    if (!tag) {
        ++ekt.bad;
        return;
    }
    // The tag is not authenticated by the hop, so nothing in it is looked at before the packet it
    // rides on verified.
    const auto cut = datagram.end() - static_cast<std::ptrdiff_t>(tag->size_bytes);
    Verified verified{{datagram.begin(), cut}, {}, now};
    if (const auto outcome = hop_.unprotect(verified.packet, now); outcome != Crypto::ok)
        return count_hop(outcome);
    auto* stream = stream_of(rtp_ssrc(verified.packet));
    if (stream == nullptr) {
        ++rtp.ssrc_limit;
        return;
    }
    if (tag->kind == EktTag::Kind::short_tag) ++ekt.short_;
    if (tag->kind == EktTag::Kind::unknown_type) ++ekt.unknown_type;
    if (tag->kind == EktTag::Kind::full) {
        ++ekt.full;
        verified.full_tag.assign(cut, datagram.end());
    }
    if (!settle(*stream, verified, false, now, out)) wait(*stream, std::move(verified));
}

DoubleContext::RemoteStream* DoubleContext::stream_of(std::uint32_t ssrc) {
    const auto found = remote_.find(ssrc);
    if (found != remote_.end()) return &found->second;
    if (remote_.size() >= kMaxRemoteStreams) return nullptr;
    return &remote_.emplace(ssrc, RemoteStream{E2eReceiver(keyring_, ssrc), {}}).first->second;
}

DoubleContext::TagSays DoubleContext::note_tag(RemoteStream& stream, const Verified& verified,
                                               Clock::time_point now) {
    const auto sequence = original_sequence(verified.packet);
    // Without a sequence the packet is condemned when it is opened.
    if (verified.full_tag.empty() || !sequence) return TagSays::nothing_new;
    const auto tag = parse_ekt_tag(verified.full_tag, 0);
    using Learnt = E2eReceiver::Learnt;
    switch (stream.inner.learn(*tag, *sequence, now)) {
        case Learnt::same:
            return TagSays::nothing_new;
        case Learnt::new_key:
            return ++ekt.keys_learnt, TagSays::new_key;
        case Learnt::stale_epoch:
            return ++ekt.stale_epoch, TagSays::nothing_new;
        case Learnt::reused_key:
            return ++ekt.reused_key, TagSays::nothing_new;
        case Learnt::ssrc_mismatch:
            return ++ekt.ssrc_mismatch, TagSays::nothing_new;
        case Learnt::unknown_spi:
            return TagSays::unknown_spi;
        case Learnt::unwrap_failed:
            return ++ekt.bad, TagSays::condemned;
        case Learnt::wrong_key_length:
            return ++ekt.wrong_key_length, TagSays::condemned;
    }
    return TagSays::condemned;
}

// Learns from the tag and opens the packet. false: its key may still come. `waited`: an earlier
// call has returned false for it.
bool DoubleContext::settle(RemoteStream& stream, const Verified& verified, bool waited,
                           Clock::time_point now, std::vector<ReceivedRtp>& out) {
    switch (note_tag(stream, verified, now)) {
        case TagSays::condemned:
            return true;
        case TagSays::unknown_spi:
            if (!waited) ++ekt.unknown_spi;
            return false;
        case TagSays::new_key:
            if (!waited) retry_waiting(stream, now, out);
            break;
        case TagSays::nothing_new:
            break;
    }
    return open_inner(stream, verified, waited, now, out);
}

bool DoubleContext::open_inner(RemoteStream& stream, const Verified& verified, bool waited,
                               Clock::time_point now, std::vector<ReceivedRtp>& out) {
    using Outcome = E2eReceiver::Outcome;
    E2eReceiver::Opened opened;
    switch (stream.inner.open(verified.packet, opened, now)) {
        case Outcome::ok:
            break;
        case Outcome::no_key:
            return false;
        case Outcome::failed:
            if (awaits_ekt_key(stream, now)) return false;
            // The key that it waited for was not its own: it is from before our time.
            return ++(waited ? rtp.e2e_no_key : rtp.e2e_failed), true;
        case Outcome::replayed:
            if (awaits_ekt_key(stream, now)) return false;
            return ++rtp.e2e_replayed, true;
        case Outcome::header_block_invalid:
            return ++rtp.ohb_invalid, true;
    }
    ++rtp.received;
    if (waited) ++rtp.e2e_waited;
    out.push_back({std::move(opened.rtp), opened.index, opened.key_number,
                   rtp_payload_type(verified.packet), rtp_sequence(verified.packet), verified.at,
                   waited});
    return true;
}

void DoubleContext::wait(RemoteStream& stream, Verified verified) {
    if (stream.waiting.size() >= kMaxWaitingPackets) {
        ++rtp.e2e_no_key;
        stream.waiting.erase(stream.waiting.begin());
    }
    stream.waiting.push_back(std::move(verified));
}

void DoubleContext::retry_waiting(RemoteStream& stream, Clock::time_point now,
                                  std::vector<ReceivedRtp>& out) {
    for (auto& verified : std::exchange(stream.waiting, {}))
        if (!settle(stream, verified, true, now, out)) wait(stream, std::move(verified));
}

// The sender has changed over to an EKT key that has not come here yet, so what none of its keys
// opens may be under the next one.
bool DoubleContext::awaits_ekt_key(const RemoteStream& stream, Clock::time_point now) const {
    return std::ranges::any_of(stream.waiting, [&](const Verified& verified) {
        const auto tag = parse_ekt_tag(verified.full_tag, 0);
        return tag && keyring_.find(tag->spi, now) == nullptr;
    });
}

void DoubleContext::drop_overdue(Clock::time_point now) {
    for (auto& [ssrc, stream] : remote_) {
        rtp.e2e_no_key += std::erase_if(stream.waiting, [&](const Verified& verified) {
            return now - verified.at >= kLongestWait;
        });
        stream.inner.drop_retired(now);
    }
    keyring_.drop_retired(now);
    if (sender_ && keyring_.expired(now)) sender_->forget();
}

bool DoubleContext::seal_rtcp(Packet& packet) {
    if (!hop_.keyed()) return ++rtcp.send_not_keyed, false;
    if (hop_.protect_rtcp(packet) != Crypto::ok) return ++rtcp.send_refused, false;
    ++rtcp.sent;
    return true;
}

bool DoubleContext::open_rtcp(Packet& packet, Clock::time_point now) {
    if (!hop_.keyed()) return ++rtcp.receive_not_keyed, false;
    switch (hop_.unprotect_rtcp(packet, now)) {
        case Crypto::ok:
            ++rtcp.received;
            return true;
        case Crypto::replayed:
            ++rtcp.hbh_replayed;
            return false;
        case Crypto::failed:
            ++rtcp.hbh_failed;
            return false;
        default:
            ++rtcp.malformed;
            return false;
    }
}

std::uint64_t DoubleContext::roc_corrections() const {
    std::uint64_t total = 0;
    for (const auto& [ssrc, stream] : remote_) total += stream.inner.roc_corrections();
    return total;
}

}  // namespace mdd::endpoint
