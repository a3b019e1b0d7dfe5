// The closed list of packet outcomes: one line makes the enumerator, the counter's name and its
// help text. Two lists: what ends a received packet, and what ends one leg (one receiver's copy, or
// a packet of our own).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mdd::srtp {

#define MDD_RECEIVE_VERDICTS(X)                                                                  \
    X(rx_nombuf, "no buffer was left to take or to answer the packet")                           \
    X(bad_l2, "runt frame, wrong EtherType or too many VLAN tags")                               \
    X(bad_ip, "IPv4 header malformed, with options, or a protocol we do not speak")              \
    X(bad_udp, "UDP length does not fit the IP packet")                                          \
    X(ip_fragment, "IP fragment; fragments are not reassembled")                                 \
    X(not_for_us, "destination address or port is none of ours")                                 \
    X(demux_unknown, "first byte is no STUN, DTLS, RTP or RTCP (RFC 7983)")                      \
    X(stun_unknown_ufrag, "STUN without an ICE session of ours")                                 \
    X(dtls_malformed, "DTLS datagram whose records do not fit, or no ClientHello to begin with") \
    X(dtls_no_tunnel, "DTLS while no tunnel to the conference's KMF is up")                      \
    X(dtls_rate, "DTLS above the handshake rate limits, or control is behind")                   \
    X(dtls_too_long, "DTLS datagram too long for one tunnel message")                            \
    X(rtp_malformed, "RTP or RTCP header does not fit the packet")                               \
    X(rtcp_malformed, "authenticated RTCP compound whose parts do not fit")                      \
    X(unknown_source, "source address belongs to no endpoint")                                   \
    X(ssrc_pending, "SSRC not granted yet and the holding place is full")                        \
    X(ssrc_owned, "SSRC belongs to another endpoint of the conference")                          \
    X(ssrc_cap, "endpoint uses more SSRCs than allowed")                                         \
    X(not_keyed, "endpoint has no keys yet")                                                     \
    X(auth_fail, "the hop-by-hop tag does not verify")                                           \
    X(replay_dup, "index was received before")                                                   \
    X(replay_old, "index lies behind the replay window")                                         \
    X(ohb_invalid, "original header block malformed (RFC 8723 §4)")                              \
    X(ekt_invalid, "EKT tag malformed (RFC 8870 §4.1)")                                          \
    X(no_subscriber, "verified, but nobody is there to receive it")                              \
    X(rtcp_held, "verified RTCP that speaks of leg sequence numbers only")                       \
    X(shed, "more came than one core can forward, and most of it of this conference")            \
    X(handoff_full, "the owner's hand-off ring is full")                                         \
    X(shutdown, "still inside when the program ended")

#define MDD_LEG_VERDICTS(X)                                                            \
    X(leg_nombuf, "no buffer was left for the copy")                                   \
    X(leg_not_keyed, "the receiver has no keys yet")                                   \
    X(leg_paused, "the leg is paused")                                                 \
    X(feedback_rate, "PLI or FIR about an SSRC within 500 ms of the last one")         \
    X(run_old, "older than the current run of forwarding on this leg")                 \
    X(key_exhausted, "the receiver's key has reached its packet limit (RFC 7714 §12)") \
    X(too_long, "the copy would exceed the port's MTU")                                \
    X(no_neighbour, "link-layer address of the next hop is not known yet")             \
    X(tx_full, "the transmit queue did not take the packet")                           \
    X(leg_shutdown, "still waiting when the program ended")

enum class Verdict : std::uint8_t {
    accepted,
#define X(name, help) name,
    MDD_RECEIVE_VERDICTS(X) MDD_LEG_VERDICTS(X)
#undef X
        count_
};

struct VerdictText {
    std::string_view name;
    std::string_view help;
    bool on_leg;
};

inline constexpr std::array<VerdictText, static_cast<std::size_t>(Verdict::count_)> kVerdictTexts{
    {{"accepted", "went on", false},
#define X(name, help) {#name, help, false},
     MDD_RECEIVE_VERDICTS(X)
#undef X
#define X(name, help) {#name, help, true},
         MDD_LEG_VERDICTS(X)
#undef X
    }};

constexpr const VerdictText& text_of(Verdict verdict) {
    return kVerdictTexts[static_cast<std::size_t>(verdict)];
}

}  // namespace mdd::srtp
