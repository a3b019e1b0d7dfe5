// Every outcome that the endpoint can have, counted. Plain numbers; the report gives them their
// JSON names.
#pragma once

#include <cstdint>

namespace mdd::endpoint {

struct RtpCounters {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;  // verified on both layers
    // Not sent:
    std::uint64_t send_malformed = 0;  // not RTP
    std::uint64_t send_refused =
        0;  // its index was used already: the source restarted or repeated itself
    std::uint64_t send_not_keyed = 0;  // before the first handshake was done
    std::uint64_t send_paused = 0;
    std::uint64_t send_no_ekt_key = 0;  // before the KMF gave one
    std::uint64_t send_expired = 0;     // the EKT key's lifetime is over
    std::uint64_t wrong_ssrc_or_pt =
        0;                            // the local program sent another stream than the one declared
    std::uint64_t socket_failed = 0;  // the operating system took no datagram
    // Received and dropped:
    std::uint64_t malformed = 0;
    std::uint64_t receive_not_keyed = 0;
    std::uint64_t receive_expired = 0;
    std::uint64_t hbh_failed = 0;
    std::uint64_t hbh_replayed = 0;
    std::uint64_t ohb_invalid = 0;
    std::uint64_t e2e_failed = 0;
    std::uint64_t e2e_replayed = 0;
    std::uint64_t e2e_no_key = 0;  // waited for its key in vain
    std::uint64_t ssrc_limit = 0;  // more remote streams than this endpoint keeps
    // Received, but not given to a local program: no port pair left, or the system refused.
    std::uint64_t not_delivered = 0;
    // Received late: waited for the key that a later packet brought.
    std::uint64_t e2e_waited = 0;
};

struct RtcpCounters {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t send_malformed = 0;
    std::uint64_t send_refused = 0;
    std::uint64_t send_not_keyed = 0;
    std::uint64_t malformed = 0;
    std::uint64_t receive_not_keyed = 0;
    std::uint64_t hbh_failed = 0;
    std::uint64_t hbh_replayed = 0;
    std::uint64_t unrouted = 0;  // no local program to give it to
    std::uint64_t bye_held = 0;
    std::uint64_t keyframe_requests = 0;
};

struct EktCounters {
    std::uint64_t keys_from_kmf = 0;  // new ones
    std::uint64_t keys_refused = 0;   // another key under an SPI that is in use
    std::uint64_t full = 0;           // seen on verified packets
    std::uint64_t short_ = 0;
    std::uint64_t bad = 0;  // no tag could be cut off, or a full one could not be opened
    std::uint64_t unknown_type = 0;
    std::uint64_t unknown_spi = 0;  // when it came; its packet waited for the KMF
    std::uint64_t stale_epoch = 0;
    std::uint64_t reused_key = 0;
    std::uint64_t ssrc_mismatch = 0;
    std::uint64_t wrong_key_length = 0;
    std::uint64_t keys_learnt = 0;
};

}  // namespace mdd::endpoint
