// Keys by SPI and epoch, synthetic packet, inner open.
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

E2eReceiver::Learnt E2eReceiver::learn(const EktTag& tag, std::uint16_t original_sequence,
                                       Clock::time_point now) {
    drop_retired(now);
    const auto* ekt_key = keyring_.find(tag.spi, now);
    if (ekt_key == nullptr) return Learnt::unknown_spi;
    if (last_tag_ && last_tag_->spi == tag.spi && last_tag_->epoch == tag.epoch &&
        std::ranges::equal(last_tag_->ciphertext, tag.ciphertext))
        return Learnt::same;
    const auto highest = epochs_.find(tag.spi);
    if (highest != epochs_.end() && tag.epoch < highest->second) return Learnt::stale_epoch;
    EktContents contents;
    switch (open_full_tag(*ekt_key, tag.ciphertext, ekt_key->key_bytes, contents)) {
        case EktFault::none:
            break;
        case EktFault::wrong_key_length:
            return Learnt::wrong_key_length;
        case EktFault::unwrap_failed:
        case EktFault::malformed:
            return Learnt::unwrap_failed;
    }
    if (contents.ssrc != ssrc_) return Learnt::ssrc_mismatch;
    const auto learnt = learn_contents(*ekt_key, contents, tag.epoch, original_sequence);
    if (learnt == Learnt::same || learnt == Learnt::new_key)
        last_tag_ = {tag.spi, tag.epoch, {tag.ciphertext.begin(), tag.ciphertext.end()}};
    return learnt;
}

// What a key that this stream has or had before makes of its tag. The epoch travels in the clear,
// so a repeated tag may have any.
std::optional<E2eReceiver::Learnt> E2eReceiver::known_key(std::uint16_t spi,
                                                          const KeyDigest& digest) const {
    const auto newest =
        std::ranges::find_if(keys_, [&](const InnerKey& key) { return key.spi == spi; });
    if (newest != keys_.end() && newest->digest == digest) return Learnt::same;
    const bool is_held =
        std::ranges::any_of(keys_, [&](const InnerKey& key) { return key.digest == digest; });
    if (is_held || std::ranges::count(given_up_, digest) != 0) return Learnt::reused_key;
    return std::nullopt;
}

E2eReceiver::Learnt E2eReceiver::learn_contents(const EktKey& ekt_key, const EktContents& contents,
                                                std::uint16_t epoch,
                                                std::uint16_t original_sequence) {
    const auto secret = contents.master_key.first(contents.key_bytes);
    KeyDigest digest;
    SHA256(secret.data(), secret.size(), digest.data());
    const auto known = known_key(ekt_key.spi, digest);
    if (known == Learnt::same && keys_.front().digest == digest) told_roc_ = contents.roc;
    if (known == Learnt::same) return Learnt::same;
    const auto highest = epochs_.find(ekt_key.spi);
    if (highest != epochs_.end() && epoch <= highest->second) return Learnt::stale_epoch;
    if (known) return *known;

    const srtp::MasterKey master{srtp::Secret<srtp::kMaxHopKeyBytes>(secret),
                                 srtp::Secret<srtp::kHopSaltBytes>(ekt_key.salt.bytes())};
    const auto place = PacketIndex{contents.roc} << 16 | original_sequence;
    keys_.push_front(
        {ekt_key.spi, ++keys_learnt_, digest,
         SrtpSession(ekt_key.key_bytes, master, SrtpSession::Direction::inbound, std::array{ssrc_}),
         IndexTracker(place)});
    epochs_[ekt_key.spi] = epoch;
    told_roc_.reset();
    drop_surplus(ekt_key.spi);
    return Learnt::new_key;
}

// What is wiped here must never be learnt again: its replay list goes with it.
void E2eReceiver::give_up(const std::function<bool(const InnerKey&)>& which) {
    for (auto key = keys_.begin(); key != keys_.end();) {
        if (!which(*key)) {
            ++key;
            continue;
        }
        given_up_.push_back(key->digest);
        key = keys_.erase(key);
    }
}

void E2eReceiver::drop_surplus(std::uint16_t spi) {
    int kept = 0;
    give_up([&](const InnerKey& key) { return key.spi == spi && ++kept > kKeysKept; });
}

void E2eReceiver::drop_retired(Clock::time_point now) {
    const auto is_retired = [&](std::uint16_t spi) { return keyring_.find(spi, now) == nullptr; };
    give_up([&](const InnerKey& key) { return is_retired(key.spi); });
    std::erase_if(epochs_, [&](const auto& of_spi) { return is_retired(of_spi.first); });
    if (last_tag_ && is_retired(last_tag_->spi)) last_tag_.reset();
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

E2eReceiver::Outcome E2eReceiver::open(const Packet& packet, Opened& opened,
                                       Clock::time_point now) {
    drop_retired(now);
    const auto parts = parts_of(packet);
    if (!parts) return Outcome::header_block_invalid;
    if (keys_.empty()) return Outcome::no_key;
    const auto sealed = synthetic_packet(packet, *parts);
    auto outcome = Outcome::failed;
    for (auto& key : keys_) {
        const auto result = open_with(key, sealed, opened.rtp, opened.index);
        if (result == Crypto::ok) {
            opened.key_number = key.number;
            return Outcome::ok;
        }
        if (result == Crypto::replayed) outcome = Outcome::replayed;
    }
    return outcome;
}

}  // namespace mdd::endpoint
