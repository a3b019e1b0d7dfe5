// A KMF's listener and an MDD's link on real loopback sockets, of either dialect, each on its own
// event loop, so that either can stop being served for a while; and records of what they report.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "kmf-tunnel/link.h"
#include "kmf-tunnel/listener.h"
#include "tests/support/test_pki.h"

namespace mdd::test {

// Everything a link reports, in order: "up NAME", "down REASON", "refused REASON", "message ID", or
// "keys ID", or "disconnect ID".
class LinkRecord : public tunnel::LinkEvents {
  public:
    void on_link_up(const tunnel::PeerIdentity& peer) override;
    void on_link_down(tunnel::DownReason reason, const std::string& text) override;
    void on_link_message(tunnel::Message&& message) override;
    void on_link_refused(tunnel::DownReason reason, const std::string& text) override;

    std::size_t count(const std::string& line) const;
    std::vector<std::string> lines;
    std::string last_text;  // of the last down or refusal
    std::function<void()> on_up = [] {};
};

// The same of a listener, with the tunnel's number in front of the reason: "up 1 NAME", "down 1
// REASON".
class ListenerRecord : public tunnel::ListenerEvents {
  public:
    void on_tunnel_up(tunnel::TunnelId tunnel, const tunnel::PeerIdentity& peer,
                      tunnel::Dialect dialect) override;
    void on_tunnel_message(tunnel::TunnelId tunnel, tunnel::Message&& message) override;
    void on_tunnel_down(tunnel::TunnelId tunnel, tunnel::DownReason reason,
                        const std::string& text) override;
    void on_tunnel_refused(tunnel::DownReason reason, const std::string& text) override;

    std::size_t count(const std::string& line) const;
    std::vector<std::string> lines;
    std::string last_text;                  // of the last down or refusal
    std::vector<tunnel::Dialect> dialects;  // of the tunnels that came up
    // Called for each message, for instance to answer it.
    std::function<void(tunnel::TunnelId, tunnel::Message&&)> on_message = [](tunnel::TunnelId,
                                                                             tunnel::Message&&) {};
};

// A listener on its own event loop, on 127.0.0.1.
struct Kmf {
    Kmf(const tunnel::Credentials& credentials, std::uint16_t port = 0,
        tunnel::SessionConfig session = {}, std::size_t max_half_open = 64,
        std::vector<tunnel::Dialect> dialects = {tunnel::Dialect::dtls_v1});

    boost::asio::io_context io;
    ListenerRecord record;
    tunnel::Listener listener;
};

// Keepalive and retries short enough for a test: silence after 8 * 20 ms.
tunnel::SessionConfig quick_session();
tunnel::LinkConfig link_to(std::uint16_t port, const tunnel::Credentials& credentials,
                           tunnel::Dialect dialect = tunnel::Dialect::dtls_v1);
// "dtls_v1" or "rfc9185": what a test with that parameter is called.
std::string dialect_name(const ::testing::TestParamInfo<tunnel::Dialect>& info);

// Runs the loops in turn until `done` or five seconds have passed. False when the time ran out.
bool run_until(const std::function<bool()>& done,
               std::initializer_list<boost::asio::io_context*> loops);
void run_for(tunnel::Milliseconds span, std::initializer_list<boost::asio::io_context*> loops);

tunnel::Message message_to(std::uint8_t association, std::size_t size_bytes);
tunnel::Message keys_to(std::uint8_t association, std::size_t dtls_bytes);
tunnel::Message disconnect_of(std::uint8_t association);

}  // namespace mdd::test
