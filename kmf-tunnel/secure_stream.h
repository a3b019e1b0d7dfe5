// TLS 1.3 for tunnels over memory: both roles, certificates both ways. No sockets, no messages:
// bytes of a stream in and out, plaintext up.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "kmf-tunnel/down.h"
#include "kmf-tunnel/secure_context.h"

namespace mdd::tunnel {

// One TLS connection. One thread; not movable, OpenSSL keeps its address.
class SecureStream {
  public:
    enum class State : std::uint8_t { handshaking, up, down };
    using Sink = std::function<void(srtp::Bytes plaintext)>;

    explicit SecureStream(const SecureContext& context);
    SecureStream(const SecureStream&) = delete;
    SecureStream& operator=(const SecureStream&) = delete;

    // Client: makes the ClientHello.
    void start();
    // Takes the next bytes of the stream, cut anywhere; plaintext goes to `sink`, and its buffer is
    // wiped afterwards.
    void on_bytes(srtp::Bytes bytes, const Sink& sink);
    // False when not up.
    bool send(srtp::Bytes plaintext);
    // Server: tells the client that it is accepted, with a KeyUpdate (RFC 8446 §4.6.3): a message
    // of the server that needs no application data, and that every client understands.
    void accept_peer();
    // The peer has surely accepted us. A server knows when it is up; a TLS 1.3 client is up before
    // the server has looked at its certificate, and knows by the first authenticated record.
    bool is_accepted() const { return accepted_; }
    void shutdown();

    // What the transport has to send, oldest first, and how much of it has been taken.
    srtp::Bytes outgoing() const { return srtp::Bytes(out_).subspan(taken_); }
    void taken(std::size_t size_bytes);

    State state() const { return state_; }
    // Why it is down, unless shutdown() was called.
    const std::optional<Down>& failure() const { return failure_; }
    // Set once up.
    const std::optional<PeerIdentity>& peer() const { return peer_; }

  private:
    static void on_handshake_message(int is_sent, int version, int content_type, const void* bytes,
                                     std::size_t size_bytes, SSL* ssl, void* self);

    void handshake();
    void read_plaintext(const Sink& sink);
    void fail(int ssl_result);
    void collect();

    PeerCheck check_;
    SslPtr ssl_;
    BIO* in_;  // owned by ssl_, like the other
    BIO* sealed_;
    State state_ = State::handshaking;
    bool accepted_ = false;
    std::optional<Down> failure_;
    std::optional<PeerIdentity> peer_;
    std::vector<std::uint8_t> out_;
    std::size_t taken_ = 0;  // bytes at the front of out_ that are gone
    srtp::Secret<16384> plaintext_;
};

}  // namespace mdd::tunnel
