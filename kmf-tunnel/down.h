// Why a tunnel ended, in one word for programs and one line for people. Decides nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mdd::tunnel {

// Why a tunnel ended, or never came up.
enum class DownReason : std::uint8_t {
    closed_by_peer,    // close_notify, a fatal alert or the end of the stream after it was up
    closed_here,       // shutdown()
    refused_by_us,     // the peer's certificate: no chain to our CA, expired, none at all, or not a
                       // pinned key
    refused_by_peer,   // a fatal alert during the handshake, or (rfc9185) right after it
    handshake_failed,  // anything else that ends a handshake
    handshake_timed_out,  // no answer, or never complete
    silent,               // nothing authenticated any more from a peer that once answered
    unreachable,          // link only: no address, no socket, nobody listens there
    protocol_error,       // the peer broke the protocol; its stream means nothing any more
    version_unsupported,  // rfc9185: MDD: the KMF speaks another version only; KMF: the MDD does
};
inline constexpr std::size_t kDownReasons = 10;

// Snake-case name of a reason, for logs and counters.
std::string_view to_string(DownReason reason);

// The session is over; only a new one can take its place. `text` is one line for a log, without
// secrets.
struct Down {
    DownReason reason;
    std::string text;
};

}  // namespace mdd::tunnel
