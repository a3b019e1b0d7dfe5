// Keys out of the key derivation of SRTP, which is AES in counter mode: number and generation take
// the salt's place.
#include "tools/mdd-load/keys.h"

#include <sys/random.h>

#include <array>
#include <stdexcept>

#include "dataplane/srtp/kdf.h"
#include "tools/mdd-load/random.h"

namespace mdd::load {
namespace {

constexpr std::uint8_t kHopLabel = 0x10, kInnerLabel = 0x11, kEktLabel = 0x12;
constexpr std::size_t kMasterBytes = srtp::kMaxHopKeyBytes + srtp::kHopSaltBytes;

// `made` is `count` master keys, one behind the other. The label is added at the salt's byte 7.
void make(const srtp::Secret<16>& secret, std::uint8_t label, std::uint32_t number,
          Generation generation, srtp::MutableBytes made) {
    std::array<std::uint8_t, 14> place{};
    srtp::store_be32(place.data(), number);
    srtp::store_be32(place.data() + 8, generation);
    srtp::derive(secret.bytes(), place, label, made);
}

srtp::MasterKey master_in(srtp::Bytes made, std::size_t key_bytes) {
    return {srtp::Secret<srtp::kMaxHopKeyBytes>(made.first(key_bytes)),
            srtp::Secret<srtp::kHopSaltBytes>(
                made.subspan(srtp::kMaxHopKeyBytes, srtp::kHopSaltBytes))};
}

}  // namespace

KeySource KeySource::random(srtp::Profile profile) {
    srtp::Secret<16> secret;
    if (getrandom(secret.writable().data(), 16, 0) != 16)
        throw std::runtime_error("The operating system has no randomness for keys.");
    return {profile, std::move(secret)};
}

KeySource KeySource::from_seed(srtp::Profile profile, std::uint64_t seed) {
    srtp::Secret<16> secret;
    srtp::store_be32(secret.writable().data(), static_cast<std::uint32_t>(mixed(seed) >> 32));
    srtp::store_be32(secret.writable().data() + 4, static_cast<std::uint32_t>(mixed(seed)));
    return {profile, std::move(secret)};
}

srtp::HopKeys KeySource::hop_keys(EndpointIndex endpoint, Generation generation) const {
    srtp::Secret<2 * kMasterBytes> made;
    make(secret_, kHopLabel, endpoint, generation, made.writable());
    const auto key_bytes = srtp::traits_of(profile_).hop_key_bytes;
    return {profile_, master_in(made.bytes().first(kMasterBytes), key_bytes),
            master_in(made.bytes().subspan(kMasterBytes), key_bytes)};
}

dtls::EktKeyMessage KeySource::ekt_key(ConferenceIndex conference) const {
    srtp::Secret<kMasterBytes> made;
    make(secret_, kEktLabel, conference, 0, made.writable());
    auto master = master_in(made.bytes(), srtp::traits_of(profile_).hop_key_bytes);
    dtls::EktKeyMessage message;
    message.key_bytes = srtp::traits_of(profile_).hop_key_bytes;
    message.key = std::move(master.key);
    message.salt = std::move(master.salt);
    message.spi = static_cast<std::uint16_t>(conference);
    message.ttl = std::chrono::hours(24);
    return message;
}

srtp::MasterKey KeySource::inner_key(StreamIndex stream, ConferenceIndex conference,
                                     Generation generation) const {
    srtp::Secret<kMasterBytes> made;
    make(secret_, kInnerLabel, stream, generation, made.writable());
    auto master = master_in(made.bytes(), srtp::traits_of(profile_).hop_key_bytes);
    master.salt = std::move(ekt_key(conference).salt);
    return master;
}

}  // namespace mdd::load
