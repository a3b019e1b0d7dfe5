// The KMF on its socket: tunnels from kmf-tunnel's Listener, messages to and from the key
// distributor, one timer, log lines. No protocol decision of its own.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <nlohmann/json_fwd.hpp>

#include "kmf-tunnel/listener.h"
#include "tools/mdd-kmf/key_distributor.h"
#include "tools/mdd-kmf/kmf_config.h"

namespace mdd::kmf {

class Service : private tunnel::ListenerEvents {
  public:
    // Binds the socket. `io` must outlive it and run on one thread; all calls come from there.
    // Throws std::runtime_error, a full sentence, when the socket or a certificate cannot be used.
    Service(boost::asio::io_context& io, const KmfConfig& config);

    void start();
    // close_notify to the MDDs. Endpoints hear nothing: their media goes on.
    void stop();

    std::uint16_t port() const { return listener_.port(); }
    // The certificate that endpoints pin.
    const dtls::Fingerprint& endpoint_fingerprint() const { return gate_.fingerprint(); }
    const Tally& tally() const { return distributor_.tally(); }
    // Totals since start, as in --json.
    nlohmann::json report() const;

  private:
    void on_tunnel_up(tunnel::TunnelId tunnel, const tunnel::PeerIdentity& peer,
                      tunnel::Dialect dialect) override;
    void on_tunnel_message(tunnel::TunnelId tunnel, tunnel::Message&& message) override;
    void on_tunnel_down(tunnel::TunnelId tunnel, tunnel::DownReason reason,
                        const std::string& text) override;
    void on_tunnel_refused(tunnel::DownReason reason, const std::string& text) override;
    void arm_timer();

    std::chrono::steady_clock::time_point started_at_;
    EndpointGate gate_;
    KeyDistributor distributor_;
    boost::asio::steady_timer timer_;
    std::optional<TimePoint> armed_for_;
    tunnel::Listener listener_;  // last: it calls the others
};

}  // namespace mdd::kmf
