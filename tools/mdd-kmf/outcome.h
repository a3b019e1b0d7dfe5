// The closed lists of what can become of endpoint handshakes and datagrams at a KMF: enumerator,
// report name. Counts only; nothing here decides.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mdd::kmf {

// Why a handshake that had passed the cookie ended without keys.
enum class Refusal : std::uint8_t {
    no_common_profile,    // endpoint or MDD cannot do the conference's SRTP profile
    no_extended_secret,   // endpoint without extended master secret (RFC 7627)
    unknown_certificate,  // fingerprint not in the conference: alert bad_certificate
    handshake_failed,     // any other fatal end
    timed_out,            // not complete within the deadline
    superseded,           // the same association began another one
};
inline constexpr std::array<std::string_view, 6> kRefusalNames{
    "no_common_profile", "no_extended_secret", "unknown_certificate",
    "handshake_failed",  "timed_out",          "superseded"};

// Why a tunnel message or the datagram in it was not acted on.
enum class Drop : std::uint8_t {
    empty,                 // no DTLS datagram inside
    malformed,             // not DTLS records
    unprotected_alert,     // could be anybody's
    unprotected_type,      // could be anybody's
    mdd_unknown,           // the MDD's certificate is not configured
    conference_unknown,    // no such conference
    conference_forbidden,  // this MDD may not serve it
    conference_changed,    // an association moved to another conference
    profiles_changed,      // an association's profile list changed
    no_profiles,           // a first ClientHello without profile list
    stray,                 // for an association that does not exist, and no ClientHello
    bad_hello,             // a ClientHello that could not be answered
    busy,                  // too many handshakes at once
};
inline constexpr std::array<std::string_view, 13> kDropNames{"empty",
                                                             "malformed",
                                                             "unprotected_alert",
                                                             "unprotected_type",
                                                             "mdd_unknown",
                                                             "conference_unknown",
                                                             "conference_forbidden",
                                                             "conference_changed",
                                                             "profiles_changed",
                                                             "no_profiles",
                                                             "stray",
                                                             "bad_hello",
                                                             "busy"};

struct Tally {
    std::uint64_t messages_in = 0;
    std::uint64_t messages_out = 0;
    std::uint64_t unsent = 0;  // no tunnel of that MDD was up
    std::uint64_t cookies_sent = 0;
    std::uint64_t handshakes_started = 0;  // past the cookie
    std::uint64_t handshakes_completed = 0;
    std::uint64_t keys_sent = 0;  // messages with keys, repeats included
    std::uint64_t flights_resent =
        0;  // stored last flights sent again to a client that repeats its own bytes
    std::uint64_t displaced = 0;  // associations ended by a newer one of the same endpoint
    std::uint64_t closed = 0;     // associations ended by the endpoint
    std::array<std::uint64_t, kRefusalNames.size()> refused{};
    std::array<std::uint64_t, kDropNames.size()> dropped{};

    void count(Refusal refusal) { ++refused[static_cast<std::size_t>(refusal)]; }
    void count(Drop drop) { ++dropped[static_cast<std::size_t>(drop)]; }
    std::uint64_t operator[](Refusal refusal) const {
        return refused[static_cast<std::size_t>(refusal)];
    }
    std::uint64_t operator[](Drop drop) const { return dropped[static_cast<std::size_t>(drop)]; }
};

constexpr std::string_view to_string(Refusal refusal) {
    return kRefusalNames[static_cast<std::size_t>(refusal)];
}

}  // namespace mdd::kmf
