// Keys of the endpoints of a run, all from one secret: the KMF's part and the endpoints' part make
// the same without telling each other.
#pragma once

#include <cstdint>

#include "dataplane/srtp/keys.h"
#include "tools/dtls_srtp/ekt_message.h"
#include "tools/mdd-load/plan.h"

namespace mdd::load {

// Counts the handshakes of an endpoint. Each has new keys, of the hop and end to end.
using Generation = std::uint32_t;

// Any thread; nothing changes after construction. Precondition: srtp::aead_start() succeeded.
class KeySource {
  public:
    // A run's: from the operating system. Throws std::runtime_error when that has no randomness.
    static KeySource random(srtp::Profile profile);
    // The same ones again for the same seed: of use for packets in a file only, and worth nothing.
    static KeySource from_seed(srtp::Profile profile, std::uint64_t seed);

    srtp::Profile profile() const { return profile_; }
    srtp::HopKeys hop_keys(EndpointIndex endpoint, Generation generation) const;
    // What the members of a conference share, and with it the salt of their end-to-end keys.
    dtls::EktKeyMessage ekt_key(ConferenceIndex conference) const;
    // The end-to-end key of a stream in this generation of its endpoint.
    srtp::MasterKey inner_key(StreamIndex stream, ConferenceIndex conference,
                              Generation generation) const;

  private:
    KeySource(srtp::Profile profile, srtp::Secret<16> secret)
        : profile_(profile), secret_(std::move(secret)) {}

    srtp::Profile profile_;
    srtp::Secret<16> secret_;
};

}  // namespace mdd::load
