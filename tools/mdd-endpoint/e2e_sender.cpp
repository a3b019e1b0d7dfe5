// Synthetic packet, inner seal, tag.
#include "tools/mdd-endpoint/e2e_sender.h"

#include <array>
#include <stdexcept>
#include <utility>

#include <openssl/rand.h>

#include "tools/mdd-endpoint/ekt_tag.h"
#include "tools/mdd-endpoint/original_header.h"

namespace mdd::endpoint {
srtp::Secret<32> E2eSender::random_master_key(std::size_t key_bytes) {
    srtp::Secret<32> key;
    if (RAND_priv_bytes(key.writable().data(), static_cast<int>(key_bytes)) != 1)
        throw std::runtime_error("OpenSSL has no randomness for an end-to-end key");
    return key;
}

void E2eSender::use(std::shared_ptr<const EktKey> key) {
    forget();
    key_ = std::move(key);
    announce();
}

void E2eSender::forget() {
    key_.reset();
    for (auto& [ssrc, stream] : streams_) stream.keyed.reset();
}

E2eSender::Keyed E2eSender::make_keyed(std::uint32_t ssrc, Stream& stream) const {
    // Who comes back to a conference that has not re-keyed needs a higher epoch to be heard.
    auto& last = stream.last_spi_and_epoch;
    const bool again = last && last->first == key_->spi;
    last.emplace(key_->spi, again ? static_cast<std::uint16_t>(last->second + 1) : 0);
    auto secret = make_key_(key_->key_bytes);
    const srtp::MasterKey master{srtp::Secret<srtp::kMaxHopKeyBytes>(secret.first(key_->key_bytes)),
                                 srtp::Secret<srtp::kHopSaltBytes>(key_->salt.bytes())};
    SrtpSession session(key_->key_bytes, master, SrtpSession::Direction::outbound,
                        std::array{ssrc});
    return {std::move(secret), std::move(session), last->second, 0, {}};
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
    if (!stream.keyed) stream.keyed.emplace(make_keyed(ssrc, stream));
    const auto result = stream.keyed->session.protect(synthetic, *place);
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
    auto& keyed = *stream.keyed;
    if (keyed.tag.empty() || keyed.tag_roc != roc_of(index)) {
        keyed.tag_roc = roc_of(index);
        keyed.tag = build_full_tag(*key_, keyed.epoch, keyed.master_key.first(key_->key_bytes),
                                   ssrc, keyed.tag_roc);
    }
    packet.insert(packet.end(), keyed.tag.begin(), keyed.tag.end());
    ++full_tags_;
}

void E2eSender::announce() {
    for (auto& [ssrc, stream] : streams_) stream.full_tags_due = kFullTagsAtStart;
}

}  // namespace mdd::endpoint
