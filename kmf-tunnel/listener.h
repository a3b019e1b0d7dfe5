// The KMF's side: any number of tunnels, of one dialect or both, on one port number. Knows no
// endpoints and no keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kmf-tunnel/credentials.h"
#include "kmf-tunnel/session.h"

namespace boost::asio {
class io_context;
}

namespace mdd::tunnel {

// Numbers tunnels from 1, never reused within a Listener.
enum class TunnelId : std::uint64_t {};

struct ListenerConfig {
    std::string address = "0.0.0.0";
    std::uint16_t port = 0;  // 0: any, see Listener::port()
    Credentials credentials;
    SessionConfig session;
    std::size_t max_half_open = 64;  // of each dialect: tunnels in handshake (dtls_v1: past the
                                     // cookie); more are dropped and counted
    std::size_t max_tunnels = 1024;  // of each dialect
    std::vector<Dialect> dialects{Dialect::dtls_v1};  // on UDP dtls_v1, on TCP rfc9185
};

// Called on the io_context's thread, never from inside send(), close() or stop(). A callback may
// call any of them, but must not destroy the Listener.
class ListenerEvents {
  public:
    virtual ~ListenerEvents() = default;
    // A restarted MDD on a known address comes up before its old tunnel goes down.
    // rfc9185: when the peer has announced its profiles.
    virtual void on_tunnel_up(TunnelId tunnel, const PeerIdentity& peer, Dialect dialect) = 0;
    virtual void on_tunnel_message(TunnelId tunnel, Message&& message) = 0;
    // Once per on_tunnel_up. The same MDD may be back on another tunnel already.
    virtual void on_tunnel_down(TunnelId tunnel, DownReason reason, const std::string& text) = 0;
    // A tunnel that did not come up: the peer had no certificate, or one that we or they would not
    // believe, or (rfc9185) did not begin with profiles of our version.
    virtual void on_tunnel_refused(DownReason reason, const std::string& text) = 0;
};

struct ListenerCounters {
    SessionCounters session;  // summed over all tunnels, past ones included
    std::uint64_t datagrams_in = 0;
    std::uint64_t connections_in = 0;  // rfc9185: TCP connections accepted
    std::uint64_t unknown_source = 0;  // dtls_v1: neither a known address nor a ClientHello
    std::uint64_t half_open_full =
        0;  // ClientHello or connection dropped: max_half_open or max_tunnels reached
    std::uint64_t ups = 0;
    std::uint64_t refused = 0;
    std::uint64_t send_failed = 0;
    std::uint64_t receive_failed = 0;

    ListenerCounters& operator+=(const ListenerCounters& other);
};

class ListenerImpl;

// One thread: the one that runs `io`. Destroying it closes the socket without a word; stop() says
// close_notify.
class Listener {
  public:
    // Binds. Throws std::runtime_error, a full sentence, when credentials or address are bad. `io`
    // and `events` must outlive the listener.
    Listener(boost::asio::io_context& io, ListenerConfig config, ListenerEvents& events);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    void start();
    void stop();
    // Uses new credentials for tunnels to come; those that are up stay. Throws like the
    // constructor, and then changes nothing.
    void renew(const Credentials& credentials);
    // Ends one tunnel with close_notify; no event follows. Nothing happens when there is none.
    void close(TunnelId tunnel);
    // False when that tunnel is not up or the message cannot be sent (counted). Never blocks: see
    // Link::send(); keys are never dropped either.
    bool send(TunnelId tunnel, const Message& message);

    std::uint16_t port() const;  // the bound one, for every dialect
    std::size_t tunnels_up() const;
    ListenerCounters counters() const;

  private:
    std::shared_ptr<ListenerImpl> impl_;
};

}  // namespace mdd::tunnel
