// What the tests of a taken-over association share: both ends with the server's timers on the
// test's clock, and peers that hold bare record layers, so that they can say anything under the
// right keys.
#pragma once

#include <algorithm>
#include <utility>

#include "tests/unit/dtls_srtp/end.h"

namespace mdd::test {

// A taken-over pair, and the server's timers on the test's clock.
struct Call : Pair {
    TimePoint now = kStart;

    explicit Call(const EndOptions& options = {}) : Pair(options) { take_over(now); }

    void deliver(std::uint16_t spi, std::size_t key_bytes = 16) {
        server.server->deliver(ekt_key(spi, key_bytes), now);
        server.collect();
    }
    // Goes to the server's next deadline; false when it has none.
    bool wait() {
        const auto deadline = server.server->deadline();
        if (!deadline) return false;
        now = std::max(now, *deadline);
        server.tick(now);
        return true;
    }
    void run() { settle(client, server, now); }
};

inline std::vector<std::uint16_t> spis(const End& client) {
    std::vector<std::uint16_t> found;
    for (const auto& key : client.keys) found.push_back(key.spi);
    return found;
}
inline std::vector<std::uint16_t> acknowledged(const End& server) {
    std::vector<std::uint16_t> found;
    for (const auto& event : server.events<dtls::Acknowledged>()) found.push_back(event.spi);
    return found;
}
using Spis = std::vector<std::uint16_t>;

// Type and plaintext of one record, opened by a bare layer.
using Said = std::pair<std::uint8_t, Datagram>;
inline Said opened(dtls::RecordLayer& layer, const Datagram& datagram) {
    const auto record = tunnel::RecordWalk(datagram).next();
    if (!record) return {};
    const auto plaintext = layer.open(*record);
    if (!plaintext) return {};
    const auto bytes = plaintext->plaintext.bytes();
    return {plaintext->type, Datagram(bytes.begin(), bytes.end())};
}

// A peer that writes raw records: the client's end is an EktClient, the server's a bare layer.
struct RawServer {
    Pair pair;
    std::optional<dtls::TakenOver> raw;

    explicit RawServer(const EndOptions& options = {}) : pair(options) {
        raw = dtls::take_over(pair.server.ssl, pair.server.tap, pair.server.why);
        EXPECT_TRUE(pair.client.take_over()) << pair.client.why;
    }
    End& client() { return pair.client; }
    std::uint16_t next_message() const { return static_cast<std::uint16_t>(raw->sent_message + 1); }

    void send(std::uint8_t type, srtp::Bytes plaintext) {
        client().feed(raw->records.seal(type, plaintext));
    }
    void send_message(std::uint16_t number, srtp::Bytes body) {
        send(22, dtls::encode_handshake(26, number, body).bytes());
    }
    void send_key(std::uint16_t number, std::uint16_t spi) {
        send_message(number, dtls::encode_ekt_key(ekt_key(spi)).bytes());
    }
    // A piece of an ekt_key as a record of its own; not sent.
    Datagram piece(std::uint16_t number, srtp::Bytes body, std::size_t from, std::size_t to) {
        const auto whole = dtls::encode_handshake(26, number, body);
        Datagram plaintext(whole.bytes().begin(), whole.bytes().begin() + 12);
        plaintext[8] = static_cast<std::uint8_t>(from);
        plaintext[11] = static_cast<std::uint8_t>(to - from);
        plaintext.insert(plaintext.end(), body.begin() + static_cast<std::ptrdiff_t>(from),
                         body.begin() + static_cast<std::ptrdiff_t>(to));
        return raw->records.seal(22, plaintext);
    }
    // What the client said next.
    Said answer() { return opened(raw->records, client().next()); }
    std::vector<std::uint64_t> acknowledged_records() {
        const auto [type, body] = answer();
        std::vector<std::uint64_t> found;
        const auto numbers = dtls::decode_ack(body);
        if (type != 26 || !numbers) return found;
        for (const auto& number : *numbers)
            if (number.epoch == 1) found.push_back(number.sequence);
        return found;
    }
};

// The same for the other end: the client's side is a bare layer.
struct RawClient {
    Pair pair;
    std::optional<dtls::TakenOver> raw;
    TimePoint now = kStart;

    explicit RawClient(const EndOptions& options = {}) : pair(options) {
        raw = dtls::take_over(pair.client.ssl, pair.client.tap, pair.client.why);
        EXPECT_TRUE(pair.server.take_over(now)) << pair.server.why;
    }
    End& server() { return pair.server; }
    void deliver(std::uint16_t spi) {
        server().server->deliver(ekt_key(spi), now);
        server().collect();
    }
    void send(std::uint8_t type, srtp::Bytes plaintext) {
        server().feed(raw->records.seal(type, plaintext), now);
    }
    std::uint64_t sequence_of_next() {
        return tunnel::RecordWalk(server().next()).next()->sequence;
    }
    // What the server said next.
    Said answer() { return opened(raw->records, server().next()); }
};

}  // namespace mdd::test
