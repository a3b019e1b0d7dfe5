// Keys by epoch, synthetic packet, inner open.
#include "tools/mdd-endpoint/e2e_receiver.h"

#include <algorithm>

#include <openssl/sha.h>

#include "tools/mdd-endpoint/original_header.h"

namespace mdd::endpoint {
namespace {

struct Parts {
    RtpLayout layout;
    OriginalHeader original;
};

std::optional<Parts> parts_of(srtp::Bytes packet) {
    const auto layout = rtp_layout(packet);
    if (!layout) return std::nullopt;
    const auto payload = packet.subspan(layout->header_bytes);
    const auto original = parse_original_header(payload);
    if (!original || payload.size() < srtp::kTagBytes + original->size_bytes) return std::nullopt;
    return Parts{*layout, *original};
}

Packet synthetic_packet(srtp::Bytes packet, const Parts& parts) {
    const auto base = packet.first(parts.layout.base_bytes);
    const auto payload = packet.subspan(parts.layout.header_bytes);
    const auto inner = payload.first(payload.size() - parts.original.size_bytes);
    Packet synthetic(base.begin(), base.end());
    synthetic[0] &= static_cast<std::uint8_t>(~kExtensionBit);
    restore_header(parts.original, synthetic);
    synthetic.insert(synthetic.end(), inner.begin(), inner.end());
    return synthetic;
}

}  // namespace

std::optional<std::uint16_t> original_sequence(srtp::Bytes packet) {
    const auto parts = parts_of(packet);
    if (!parts) return std::nullopt;
    return parts->original.sequence.value_or(rtp_sequence(packet));
}

E2eReceiver::Learnt E2eReceiver::learn(const EktTag& tag, std::uint16_t original_sequence) {
    if (tag.spi != key_.spi) return Learnt::unknown_spi;
    if (std::ranges::equal(tag.ciphertext, last_ciphertext_)) return Learnt::same;
    if (!keys_.empty() && tag.epoch < keys_.front().epoch) return Learnt::stale_epoch;
    EktContents contents;
    switch (open_full_tag(key_, tag.ciphertext, key_.key_bytes, contents)) {
        case EktFault::none:
            break;
        case EktFault::wrong_key_length:
            return Learnt::wrong_key_length;
        case EktFault::unwrap_failed:
        case EktFault::malformed:
            return Learnt::unwrap_failed;
    }
    if (contents.ssrc != ssrc_) return Learnt::ssrc_mismatch;
    const auto learnt = learn_contents(contents, tag.epoch, original_sequence);
    if (learnt == Learnt::same || learnt == Learnt::new_key)
        last_ciphertext_.assign(tag.ciphertext.begin(), tag.ciphertext.end());
    return learnt;
}

// The epoch travels in the clear, so it is believed only together with a key that it has not been
// seen with.
E2eReceiver::Learnt E2eReceiver::learn_contents(const EktContents& contents, std::uint16_t epoch,
                                                std::uint16_t original_sequence) {
    const auto secret = contents.master_key.first(contents.key_bytes);
    KeyDigest digest;
    SHA256(secret.data(), secret.size(), digest.data());
    if (!keys_.empty() && keys_.front().digest == digest) {
        told_roc_ = contents.roc;
        return Learnt::same;
    }
    if (!keys_.empty() && epoch <= keys_.front().epoch) return Learnt::stale_epoch;
    const auto is_this = [&](const InnerKey& key) { return key.digest == digest; };
    if (std::ranges::any_of(keys_, is_this) || std::ranges::count(given_up_, digest) != 0)
        return Learnt::reused_key;

    const srtp::MasterKey master{srtp::Secret<srtp::kMaxHopKeyBytes>(secret),
                                 srtp::Secret<srtp::kHopSaltBytes>(key_.salt.bytes())};
    const auto place = PacketIndex{contents.roc} << 16 | original_sequence;
    keys_.push_front(
        {epoch, digest,
         SrtpSession(key_.key_bytes, master, SrtpSession::Direction::inbound, std::array{ssrc_}),
         IndexTracker(place)});
    told_roc_.reset();
    while (keys_.size() > kKeysKept) {
        given_up_.push_back(keys_.back().digest);
        keys_.pop_back();
    }
    return Learnt::new_key;
}

Crypto E2eReceiver::open_with(InnerKey& key, const Packet& sealed, Packet& opened,
                              PacketIndex& index) {
    const auto sequence = rtp_sequence(sealed);
    const auto estimate = key.indices.estimate(sequence);
    auto result = Crypto::replayed;  // before index 0
    if (estimate) {
        opened = sealed;
        index = *estimate;
        result = key.session.unprotect(opened, index);
    }
    // A stream that was away for 2^15 packets and more comes back where only its tag knows.
    if (result != Crypto::ok && told_roc_ && &key == &keys_.front()) {
        const auto told = PacketIndex{*told_roc_} << 16 | sequence;
        if (told > key.indices.highest().value_or(0) && (!estimate || told != *estimate)) {
            opened = sealed;
            index = told;
            const auto corrected = key.session.unprotect(opened, index);
            if (corrected == Crypto::ok) ++roc_corrections_;
            if (corrected == Crypto::ok) result = corrected;
        }
    }
    if (result == Crypto::ok) key.indices.commit(index);
    return result;
}

E2eReceiver::Outcome E2eReceiver::open(const Packet& packet, Opened& opened) {
    const auto parts = parts_of(packet);
    if (!parts) return Outcome::header_block_invalid;
    if (keys_.empty()) return Outcome::no_key;
    const auto sealed = synthetic_packet(packet, *parts);
    auto outcome = Outcome::failed;
    for (auto& key : keys_) {
        const auto result = open_with(key, sealed, opened.rtp, opened.index);
        if (result == Crypto::ok) {
            opened.epoch = key.epoch;
            return Outcome::ok;
        }
        if (result == Crypto::replayed) outcome = Outcome::replayed;
    }
    return outcome;
}

}  // namespace mdd::endpoint
