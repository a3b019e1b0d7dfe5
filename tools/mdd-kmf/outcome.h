// The closed lists of what can become of endpoint handshakes and datagrams at a KMF: enumerator,
// report name. Counts only; nothing here decides.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "tools/mdd-kmf/conference_keys.h"

namespace mdd::kmf {

// Why a handshake that had passed the cookie ended without keys.
enum class Refusal : std::uint8_t {
    no_common_profile,    // endpoint or MDD cannot do the conference's SRTP profile
    no_extended_secret,   // endpoint without extended master secret (RFC 7627)
    no_ekt,               // Double, and the endpoint does not offer its EKT cipher
    wrong_tls_id,         // external_session_id not the endpoint's: alert illegal_parameter
    unknown_certificate,  // fingerprint not in the conference: alert bad_certificate
    handshake_failed,     // any other fatal end
    timed_out,            // not complete within the deadline
    superseded,           // the same association began another one
    disconnected,         // its MDD disconnected it meanwhile
    put_out,              // no longer admitted when it was complete
    takeover_failed,      // its records could not be taken over from OpenSSL
    too_often,            // the endpoint has joined again and again
};
inline constexpr std::array<std::string_view, 12> kRefusalNames{
    "no_common_profile", "no_extended_secret", "no_ekt",     "wrong_tls_id", "unknown_certificate",
    "handshake_failed",  "timed_out",          "superseded", "disconnected", "put_out",
    "takeover_failed",   "too_often",
};

// Why a tunnel message or the datagram in it was not acted on.
enum class Drop : std::uint8_t {
    empty,                 // no DTLS datagram inside
    malformed,             // not DTLS records
    unprotected_alert,     // could be anybody's
    unprotected_type,      // could be anybody's
    mdd_unknown,           // no MDD is configured with its certificate
    conference_unknown,    // no such conference
    conference_forbidden,  // this MDD may not serve it
    conference_changed,    // an association moved to another conference
    profiles_changed,      // an association's profile list changed
    no_profiles,           // a first ClientHello without profile list
    stray,                 // for an association that does not exist, and no ClientHello
    bad_hello,             // a ClientHello that could not be answered
    busy,                  // too many handshakes at once, of this MDD or of all
    quarantined,           // for an association that was disconnected a short while ago
    unknown_disconnect,    // of an association that does not exist
    foreign_mdd,           // about another MDD's association
};
inline constexpr std::array<std::string_view, 16> kDropNames{
    "empty",
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
    "busy",
    "quarantined",
    "unknown_disconnect",
    "foreign_mdd",
};

struct Tally {
    std::uint64_t messages_in = 0;
    std::uint64_t messages_out = 0;
    std::uint64_t unsent = 0;  // no tunnel of that MDD was up
    std::uint64_t cookies_sent = 0;
    std::uint64_t handshakes_started = 0;  // past the cookie
    std::uint64_t handshakes_completed = 0;
    std::uint64_t keys_sent = 0;       // messages with keys, repeats included
    std::uint64_t flights_resent = 0;  // stored last flights sent again to a client that repeats
    std::uint64_t flights_lost = 0;    // not sent again: the keys that belong to it are gone
    // How associations ended that had keys.
    std::uint64_t displaced = 0;     // by a newer one of the same endpoint
    std::uint64_t closed = 0;        // by the endpoint's close_notify
    std::uint64_t failed = 0;        // by a fatal alert, the endpoint's or ours
    std::uint64_t put_out = 0;       // by us: no longer admitted
    std::uint64_t disconnected = 0;  // by the MDD
    std::uint64_t restored = 0;      // associations from before a restart
    std::uint64_t disconnects_sent = 0;
    struct Ekt {
        std::uint64_t delivered = 0;     // keys given to an endpoint's association
        std::uint64_t acknowledged = 0;  // by the endpoint
        std::uint64_t refused = 0;       // answered with an alert
        std::uint64_t unanswered = 0;    // repeated until we gave up
    } ekt;
    std::array<std::uint64_t, kRekeyCauseNames.size()> rekeys{};
    std::array<std::uint64_t, kRefusalNames.size()> refused{};
    std::array<std::uint64_t, kDropNames.size()> dropped{};

    void count(RekeyCause cause) { ++rekeys[static_cast<std::size_t>(cause)]; }
    void count(Refusal refusal) { ++refused[static_cast<std::size_t>(refusal)]; }
    void count(Drop drop) { ++dropped[static_cast<std::size_t>(drop)]; }
    std::uint64_t operator[](RekeyCause cause) const {
        return rekeys[static_cast<std::size_t>(cause)];
    }
    std::uint64_t operator[](Refusal refusal) const {
        return refused[static_cast<std::size_t>(refusal)];
    }
    std::uint64_t operator[](Drop drop) const { return dropped[static_cast<std::size_t>(drop)]; }
};

constexpr std::string_view to_string(Refusal refusal) {
    return kRefusalNames[static_cast<std::size_t>(refusal)];
}

}  // namespace mdd::kmf
