// What control counts besides packets: plain numbers, control thread only.
#pragma once

#include <array>
#include <cstdint>

#include "controlplane/admission.h"
#include "controlplane/key_ledger.h"

namespace mdd::control {

struct Statistics {
    std::uint64_t handshakes = 0;  // endpoints keyed, first keys only
    std::uint64_t rekeys = 0;      // new keys for a keyed endpoint
    std::uint64_t restarts = 0;    // endpoints that proved to have started over
    std::uint64_t departures = 0;  // endpoints that fell silent and left
    std::uint64_t put_out = 0;     // associations that their KMF ended
    std::uint64_t expired = 0;     // handshakes given up
    std::uint64_t failovers = 0;   // handshakes that another KMF got, the first did not answer
    std::uint64_t moves = 0;       // associations that went to another KMF, theirs stayed away
    std::array<std::uint64_t, static_cast<std::size_t>(KeyRefusal::count_)> key_refusals{};
    std::uint64_t keys_repeated = 0;  // the current keys again: no-op

    std::uint64_t ssrcs_granted = 0;
    std::uint64_t ssrcs_refused = 0;

    // Hellos that did not begin a handshake, by Admission::Ruling; `admitted` did.
    std::array<std::uint64_t, static_cast<std::size_t>(Admission::Ruling::count_)> hellos{};

    // Messages from a KMF that went nowhere.
    std::uint64_t unknown_association = 0;
    std::uint64_t ended_association = 0;    // the association has ended, minutes ago at most
    std::uint64_t foreign_association = 0;  // the association belongs to another KMF's tunnel
    std::uint64_t wrong_conference = 0;     // the association belongs to another conference
    std::uint64_t down_empty = 0;           // nothing in it for the endpoint
    std::uint64_t down_not_dtls = 0;        // first byte outside 20..63
    std::uint64_t down_too_long = 0;        // longer than the port's MTU
    std::uint64_t down_barred = 0;          // after keys that were refused
    std::uint64_t down_rate = 0;            // above the association's rate
    std::uint64_t down_amplification = 0;   // too many bytes for an address not validated yet
    std::uint64_t down_no_buffer = 0;
    std::uint64_t down_passed = 0;
};

}  // namespace mdd::control
