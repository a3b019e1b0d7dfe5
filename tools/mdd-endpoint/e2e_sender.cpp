// Synthetic packet, inner seal, tag.
#include "tools/mdd-endpoint/e2e_sender.h"

#include <array>
#include <stdexcept>

#include <openssl/rand.h>

#include "tools/mdd-endpoint/ekt_tag.h"
#include "tools/mdd-endpoint/original_header.h"

namespace mdd::endpoint {
E2eSender::E2eSender(const EktKey& key, srtp::Bytes master_key)
    : key_(key), master_key_(master_key) {}

srtp::Secret<32> E2eSender::random_master_key(std::size_t key_bytes) {
    srtp::Secret<32> key;
    if (RAND_priv_bytes(key.writable().data(), static_cast<int>(key_bytes)) != 1)
        throw std::runtime_error("OpenSSL has no randomness for an end-to-end key");
    return key;
}

srtp::MasterKey E2eSender::master() const {
    return {srtp::Secret<srtp::kMaxHopKeyBytes>(master_key_.first(key_.key_bytes)),
            srtp::Secret<srtp::kHopSaltBytes>(key_.salt.bytes())};
}

SrtpSession& E2eSender::session_for(std::uint32_t ssrc) {
    const auto found = sessions_.find(ssrc);
    if (found != sessions_.end()) return found->second;
    return sessions_
        .try_emplace(ssrc, key_.key_bytes, master(), SrtpSession::Direction::outbound,
                     std::array{ssrc})
        .first->second;
}

Crypto E2eSender::seal(Packet& packet, PacketIndex& index) {
    const auto layout = rtp_layout(packet);
    if (!layout) return Crypto::malformed;
    const auto ssrc = rtp_ssrc(packet);
    auto& stream = streams_[ssrc];
    const auto place = stream.indices.estimate(rtp_sequence(packet));
    if (!place) return Crypto::refused;

    Packet synthetic(packet.begin(),
                     packet.begin() + static_cast<std::ptrdiff_t>(layout->base_bytes));
    synthetic[0] &= static_cast<std::uint8_t>(~kExtensionBit);
    synthetic.insert(synthetic.end(),
                     packet.begin() + static_cast<std::ptrdiff_t>(layout->header_bytes),
                     packet.end());
    const auto result = session_for(ssrc).protect(synthetic, *place);
    if (result != Crypto::ok) return result;
    stream.indices.commit(*place);
    index = *place;

    packet.resize(layout->header_bytes);
    packet.insert(packet.end(), synthetic.begin() + static_cast<std::ptrdiff_t>(layout->base_bytes),
                  synthetic.end());
    packet.push_back(kUnchangedHeader);
    return Crypto::ok;
}

void E2eSender::append_tag(Packet& packet, std::uint32_t ssrc, PacketIndex index,
                           Clock::time_point now) {
    auto& stream = streams_[ssrc];
    if (stream.full_tags_due == 0 && now - stream.last_full_tag < kFullTagInterval) {
        packet.push_back(kShortTag);
        ++short_tags_;
        return;
    }
    if (stream.full_tags_due > 0) --stream.full_tags_due;
    stream.last_full_tag = now;
    if (stream.tag.empty() || stream.tag_roc != roc_of(index)) {
        stream.tag_roc = roc_of(index);
        stream.tag = build_full_tag(key_, stream.epoch.value_or(key_.epoch),
                                    master_key_.first(key_.key_bytes), ssrc, stream.tag_roc);
    }
    packet.insert(packet.end(), stream.tag.begin(), stream.tag.end());
    ++full_tags_;
}

void E2eSender::announce() {
    for (auto& [ssrc, stream] : streams_) stream.full_tags_due = kFullTagsAtStart;
}

}  // namespace mdd::endpoint
