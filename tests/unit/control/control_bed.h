// The real control with its real tunnel over loopback; the test plays the workers and the KMF.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/control.h"
#include "dataplane/packet_pool.h"
#include "kmf-tunnel/listener.h"
#include "tests/support/test_pki.h"

namespace mdd::test {

// A KMF that answers when the test says so; speaks both dialects.
class PlayedKmf : public tunnel::ListenerEvents {
  public:
    // `port` 0: any.
    PlayedKmf(boost::asio::io_context& io, const tunnel::Credentials& credentials,
              std::uint16_t port = 0);
    void on_tunnel_up(tunnel::TunnelId tunnel, const tunnel::PeerIdentity& peer,
                      tunnel::Dialect) override {
        tunnel_ = tunnel;
        peers.push_back(peer);
    }
    void on_tunnel_message(tunnel::TunnelId tunnel, tunnel::Message&& message) override {
        if (deaf) return;
        came_over.push_back(tunnel);
        messages.push_back(std::move(message));
    }
    void on_tunnel_down(tunnel::TunnelId, tunnel::DownReason, const std::string&) override {
        ++downs;
    }
    void on_tunnel_refused(tunnel::DownReason, const std::string&) override {}

    // Over the newest tunnel, or a certain one.
    void say(const tunnel::Message& message) { say(tunnel_, message); }
    void say(tunnel::TunnelId tunnel, const tunnel::Message& message) {
        EXPECT_TRUE(listener_.send(tunnel, message));
    }
    std::uint16_t port() const { return listener_.port(); }
    std::size_t tunnels_up() const { return listener_.tunnels_up(); }

    std::deque<tunnel::Message> messages;     // from mdd, oldest first
    std::vector<tunnel::TunnelId> came_over;  // which tunnel each came over, since the start
    std::vector<tunnel::PeerIdentity> peers;  // of each tunnel that came up
    unsigned downs = 0;
    bool deaf = false;  // takes nothing in

  private:
    tunnel::Listener listener_;
    tunnel::TunnelId tunnel_{};
};

// The worker's side of a mailbox. Carries commands out by writing them down.
struct PlayedWorker {
    Mailbox mailbox{256};
    bool stuck = false;            // carries nothing out for now
    std::vector<std::string> log;  // commands carried out, PollActivity aside
    std::vector<Stream*> granted;
    const srtp::Keyset* transmit_keys = nullptr;  // the newest
    const srtp::Keyset* receive_keys = nullptr;   // likewise
    srtp::NumaNode node = srtp::kAnyNode;
    std::vector<std::vector<std::uint8_t>> sent;  // datagrams for endpoints
    bool hears = false;                           // what PollActivity answers
    Decision decides = Decision::settled;         // what DecideKeys answers
    void carry_out();
};

class ControlBed : public testing::Test {
  protected:
    static constexpr std::size_t kWorkers = 2;
    // Endpoints alice, bob and carol of one conference, and dave of another.
    ControlBed();
    ~ControlBed() override;

    // Starts the KMF (or the given number of them) and control, and waits until eager tunnels are
    // up. The plans of `kmf_plans` that exist already are used as they are, but for name, address
    // and credentials.
    void start(std::size_t kmfs = 1);
    // One of the KMFs starts again on its port.
    void restart_kmf(std::size_t index);
    // Runs everything until `condition`; fails the test after five seconds.
    template <class Condition>
    void run_until(Condition condition) {
        const auto give_up = control::Clock::now() + std::chrono::seconds(5);
        while (!condition() && control::Clock::now() < give_up) step();
        ASSERT_TRUE(condition());
    }
    void run_for(std::chrono::milliseconds time);
    void step();

    net::SocketAddress address_of(const std::string& name) const;
    // A datagram from an endpoint to an address of ours, as a worker hands it up.
    void from_endpoint(
        const std::string& name, const std::vector<std::uint8_t>& datagram, WorkerIndex worker = 0,
        const net::SocketAddress& local = *net::parse_socket_address("192.0.2.10:5004"));
    void notify(WorkerIndex worker, const Notice& notice) {
        ASSERT_TRUE(workers[worker].mailbox.notify(notice));
    }
    Notice notice(Notice::Kind kind, MemberSlot member) const;
    // An endpoint's hello reaches the KMF; returns its association.
    tunnel::AssociationId begin(const std::string& name, WorkerIndex worker = 0,
                                std::size_t kmf = 0);
    // Key information filled with these bytes, with a Finished of two records.
    tunnel::Message keys(const tunnel::AssociationId& id, std::uint8_t client,
                         std::uint8_t server) const;
    // begin() and keys; returns when the Finished has gone down.
    tunnel::AssociationId key(const std::string& name, std::uint8_t client, std::uint8_t server,
                              WorkerIndex worker = 0, std::size_t kmf = 0);
    const control::EndpointState& endpoint(std::size_t member) const {
        return control->conferences().all()[0].endpoints[member];
    }

    std::uint64_t dropped(srtp::Verdict verdict) const {
        return control->counters().drops[static_cast<std::size_t>(verdict)].read();
    }
    unsigned count(WorkerIndex worker, const std::string& beginning) const;
    const control::Statistics& statistics() const { return control->statistics(); }

    TestPki pki;
    boost::asio::io_context io{1};
    std::array<PlayedWorker, kWorkers> workers;
    PacketPool pool;
    control::Settings settings;
    std::vector<control::KmfPlan> kmf_plans;
    std::vector<std::unique_ptr<PlayedKmf>> kmfs;
    std::optional<control::Control> control;
};

}  // namespace mdd::test
