// DTLS 1.2 for tunnels over the datagram BIO: both roles, certificates both ways, stateless cookies
// at the server. No sockets, no messages: datagrams in and out, plaintext records up.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kmf-tunnel/datagram_bio.h"
#include "kmf-tunnel/down.h"
#include "kmf-tunnel/identity.h"
#include "kmf-tunnel/openssl_ptr.h"
#include "kmf-tunnel/secure_context.h"

namespace mdd::tunnel {

// One DTLS association. One thread; not movable, OpenSSL keeps its address.
class Secure {
  public:
    enum class State : std::uint8_t { listening, handshaking, up, down };
    using Sink = std::function<void(srtp::Bytes plaintext)>;

    // A server starts in `listening`, a client in `handshaking` (and sends nothing before start()).
    explicit Secure(const SecureContext& context);
    Secure(const Secure&) = delete;
    Secure& operator=(const Secure&) = delete;

    // Client: sends the ClientHello.
    void start();
    // Takes one datagram; every application record in it goes to `sink`, and its buffer is wiped
    // afterwards. `peer` (1 to 64 bytes) is what a listening server binds its cookie to.
    void on_datagram(srtp::Bytes datagram, srtp::Bytes peer, const Sink& sink);
    // Repeats the last flight if OpenSSL's timer has run out.
    void on_time();
    // Time to OpenSSL's next repeat, by its own clock; nullopt when none is armed.
    std::optional<std::chrono::microseconds> time_to_repeat() const;
    // One record. False when not up, empty or longer than kMaxRecordBytes.
    bool send(srtp::Bytes plaintext);
    void shutdown();

    // Datagrams to transmit, oldest first.
    std::optional<std::vector<std::uint8_t>> next_datagram();

    // Datagrams that were kept from OpenSSL, see has_impossible_record().
    std::uint64_t impossible() const { return port_.impossible; }
    State state() const { return state_; }
    // Why it is down, unless shutdown() was called.
    const std::optional<Down>& failure() const { return failure_; }
    // Set once up.
    const std::optional<PeerIdentity>& peer() const { return peer_; }

  private:
    void listen();
    void handshake();
    void read_records(const Sink& sink);
    void fail(int ssl_result);
    void come_up();

    PeerCheck check_;
    DatagramPort port_;
    std::deque<std::vector<std::uint8_t>> outbox_;
    SslPtr ssl_;
    State state_;
    std::optional<Down> failure_;
    std::optional<PeerIdentity> peer_;
    srtp::Secret<kMaxRecordBytes> plaintext_;
};

}  // namespace mdd::tunnel
