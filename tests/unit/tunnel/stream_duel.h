// What the tests of misbehaving RFC 9185 peers share: one session of ours against one raw peer, and
// tables of cases.
#pragma once

#include <gtest/gtest.h>

#include "tests/support/hex.h"
#include "tests/unit/tunnel/hostile_peer.h"
#include "tests/unit/tunnel/rfc9185_hex.h"
#include "tests/unit/tunnel/stream_pair.h"

namespace mdd::test {

using Bytes = std::vector<std::uint8_t>;

// One misbehaviour: the peer's shape, what it does once both ends have started, and what comes of
// it.
struct Case {
    const char* name;
    RawTlsShape shape;
    std::function<void(StreamAgainstRaw&)> act;
    const char* reason;  // of the Down; "none": the tunnel stays
    int alert;           // that the peer got
    std::vector<tunnel::Sha256> pins = {};
};

inline void run(tunnel::Role ours, const std::vector<Case>& cases) {
    for (const Case& hostile : cases) {
        tunnel::Credentials credentials =
            pki().credentials(ours == tunnel::Role::kmf ? "kmf-h" : "mdd-h");
        credentials.pins = hostile.pins;
        StreamAgainstRaw duel(ours, credentials, hostile.shape);
        duel.connect();
        hostile.act(duel);
        duel.exchange();
        EXPECT_EQ(duel.reason(), hostile.reason) << hostile.name << ": " << duel.text;
        EXPECT_EQ(duel.raw.alert(), hostile.alert) << hostile.name;
        if (std::string(hostile.reason) != "none") {
            EXPECT_TRUE(duel.session.is_down()) << hostile.name;
            EXPECT_FALSE(duel.session.deadline()) << hostile.name;
        }
    }
}

inline void do_nothing(StreamAgainstRaw&) {}

inline Bytes hex(const char* text) {
    return from_hex(text);
}

inline auto says(const std::string& plaintext_hex) {
    return [plaintext_hex](StreamAgainstRaw& duel) {
        duel.raw.say(from_hex(plaintext_hex));
        duel.exchange();
    };
}

inline Bytes text_bytes(const std::string& text) {
    return {text.begin(), text.end()};
}

inline Bytes repeated(const Bytes& unit, int times) {
    Bytes bytes;
    for (int i = 0; i < times; ++i) bytes.insert(bytes.end(), unit.begin(), unit.end());
    return bytes;
}

}  // namespace mdd::test
