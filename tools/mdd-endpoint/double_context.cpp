// The order of layers, and a counter for each way out.
#include "tools/mdd-endpoint/double_context.h"

#include <stdexcept>
#include <utility>

#include "tools/mdd-endpoint/ekt_tag.h"

namespace mdd::endpoint {
namespace {

// Header, inner tag, OHB, outer tag.
constexpr std::size_t kSmallestDoubleBytes =
    kFixedHeaderBytes + srtp::kTagBytes + 1 + srtp::kTagBytes;

}  // namespace

DoubleContext::DoubleContext(srtp::Profile profile, std::optional<EktKey> key,
                             Clock::time_point now)
    : traits_(srtp::traits_of(profile)), key_(std::move(key)), started_(now) {
    if (!traits_.is_double) {
        key_.reset();
        return;
    }
    if (!key_ || key_->key_bytes != traits_.hop_key_bytes)
        throw std::runtime_error("a double profile needs an EKT key as long as its cipher key");
    const auto inner = E2eSender::random_master_key(key_->key_bytes);
    sender_.emplace(*key_, inner.first(key_->key_bytes));
}

DoubleContext::DoubleContext(srtp::Profile profile, EktKey key, srtp::Bytes inner_key,
                             Clock::time_point now)
    : DoubleContext(profile, std::optional<EktKey>(std::move(key)), now) {
    sender_.emplace(*key_, inner_key);
}

void DoubleContext::install(const srtp::HopKeys& keys) {
    hop_.install(keys);
    if (sender_) sender_->announce();
}

bool DoubleContext::seal(Packet& packet, PacketIndex& index, Clock::time_point now) {
    if (!hop_.keyed()) return ++rtp.send_not_keyed, false;
    if (expired(now)) return ++rtp.send_expired, false;
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
    } else if (expired(now)) {
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
    Packet packet(datagram.begin(), datagram.end() - static_cast<std::ptrdiff_t>(tag->size_bytes));
    if (const auto outcome = hop_.unprotect(packet, now); outcome != Crypto::ok)
        return count_hop(outcome);
    const auto ssrc = rtp_ssrc(packet);
    auto found = remote_.find(ssrc);
    if (found == remote_.end()) {
        if (remote_.size() >= kMaxRemoteStreams) {
            ++rtp.ssrc_limit;
            return;
        }
        found = remote_.emplace(ssrc, RemoteStream{E2eReceiver(*key_, ssrc), {}}).first;
    }
    auto& stream = found->second;
    if (!note_tag(stream, *tag, packet)) return;
    if (!stream.inner.has_key() && original_sequence(packet)) {
        if (stream.waiting.size() >= kMaxWaitingPackets) {
            ++rtp.e2e_no_key;
            stream.waiting.erase(stream.waiting.begin());
        }
        stream.waiting.push_back({std::move(packet), now});
        return;
    }
    for (auto& earlier : std::exchange(stream.waiting, {}))
        open_inner(stream, earlier.packet, earlier.at, true, out);
    open_inner(stream, packet, now, false, out);
}

// false: the packet is condemned with its tag.
bool DoubleContext::note_tag(RemoteStream& stream, const EktTag& tag, const Packet& packet) {
    if (tag.kind == EktTag::Kind::short_tag) ++ekt.short_;
    if (tag.kind == EktTag::Kind::unknown_type) ++ekt.unknown_type;
    if (tag.kind != EktTag::Kind::full) return true;
    ++ekt.full;
    const auto sequence = original_sequence(packet);
    if (!sequence) return true;  // condemned when it is opened
    using Learnt = E2eReceiver::Learnt;
    switch (stream.inner.learn(tag, *sequence)) {
        case Learnt::same:
            return true;
        case Learnt::new_key:
            return ++ekt.keys_learnt, true;
        case Learnt::stale_epoch:
            return ++ekt.stale_epoch, true;
        case Learnt::reused_key:
            return ++ekt.reused_key, true;
        case Learnt::ssrc_mismatch:
            return ++ekt.ssrc_mismatch, true;
        case Learnt::unknown_spi:
            return ++ekt.unknown_spi, false;
        case Learnt::unwrap_failed:
            return ++ekt.bad, false;
        case Learnt::wrong_key_length:
            return ++ekt.wrong_key_length, false;
    }
    return true;
}

void DoubleContext::open_inner(RemoteStream& stream, const Packet& packet, Clock::time_point at,
                               bool waited, std::vector<ReceivedRtp>& out) {
    using Outcome = E2eReceiver::Outcome;
    E2eReceiver::Opened opened;
    switch (stream.inner.open(packet, opened)) {
        case Outcome::ok:
            break;
        case Outcome::no_key:
            ++rtp.e2e_no_key;
            return;
        case Outcome::failed:
            ++rtp.e2e_failed;
            return;
        case Outcome::replayed:
            ++rtp.e2e_replayed;
            return;
        case Outcome::header_block_invalid:
            ++rtp.ohb_invalid;
            return;
    }
    ++rtp.received;
    if (waited) ++rtp.e2e_waited;
    out.push_back({std::move(opened.rtp), opened.index, opened.epoch, rtp_payload_type(packet),
                   rtp_sequence(packet), at, waited});
}

void DoubleContext::drop_overdue(Clock::time_point now) {
    for (auto& [ssrc, stream] : remote_)
        rtp.e2e_no_key += std::erase_if(stream.waiting, [&](const Waiting& waiting) {
            return now - waiting.at >= kLongestWait;
        });
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
