// Keys as values: master keys as the KMF hands them over, session keys as derived from them.
// Move-only, self-wiping.
#pragma once

#include "dataplane/srtp/bytes.h"
#include "dataplane/srtp/profile.h"

namespace mdd::srtp {

// One direction's SRTP master key and salt of a hop. `key` holds traits_of(profile).hop_key_bytes
// valid bytes.
struct MasterKey {
    Secret<kMaxHopKeyBytes> key;
    Secret<kHopSaltBytes> salt;
};

// What SRTPKeyInformation carries (draft-jones-perc-dtls-tunnel-00 §6): the hop-by-hop halves for
// both directions. client_write: what the endpoint encrypts with and the MDD decrypts with;
// server_write: the other way.
struct HopKeys {
    Profile profile = Profile::double_aes_128_gcm;
    MasterKey client_write;
    MasterKey server_write;
};

// Session keys of one direction (RFC 3711 §4.3.2): `*_key` holds traits_of(profile).hop_key_bytes
// valid bytes.
struct SessionKeys {
    Profile profile = Profile::double_aes_128_gcm;
    Secret<kMaxHopKeyBytes> rtp_key;
    Secret<kHopSaltBytes> rtp_salt;
    Secret<kMaxHopKeyBytes> rtcp_key;
    Secret<kHopSaltBytes> rtcp_salt;
};

}  // namespace mdd::srtp
