// The KMF on its socket: tunnels from kmf-tunnel's Listener, messages to and from the key
// distributor, one timer, log lines, the audit, and the state that outlives it. No protocol
// decision of its own.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <nlohmann/json_fwd.hpp>

#include "kmf-tunnel/listener.h"
#include "tools/mdd-kmf/audit_log.h"
#include "tools/mdd-kmf/key_distributor.h"
#include "tools/mdd-kmf/kmf_config.h"
#include "tools/mdd-kmf/message_trace.h"
#include "tools/mdd-kmf/state_file.h"

namespace mdd::kmf {

// What only OpenSSL and the state key file can tell about a configuration. Throws
// std::runtime_error, a full sentence.
void check_secrets(const KmfConfig& config);

class Service : private tunnel::ListenerEvents {
  public:
    // Binds the socket, then goes on with what `state` holds, if there is one. `io` must outlive it
    // and run on one thread; all calls come from there. Throws std::runtime_error, a full sentence,
    // when the socket, a certificate, the audit file, the state or the trace cannot be used. While
    // it runs, io.run() throws when the state cannot be written any more. `trace`: see
    // message_trace.h; empty: none.
    Service(boost::asio::io_context& io, const KmfConfig& config,
            std::optional<StateFile> state = std::nullopt, const std::filesystem::path& trace = {});

    void start();
    // close_notify to the MDDs. Endpoints hear nothing: their media goes on.
    void stop();
    // Takes over what may change while it runs; tunnels stay, but those whose certificates are no
    // longer listed. Precondition: check_secrets(config) has passed.
    void reload(const KmfConfig& config);
    // The new configuration is not used; `why` is for the audit.
    void refuse_reload(const std::string& why);

    std::uint16_t port() const { return listener_.port(); }
    // The certificate that endpoints pin.
    const dtls::Fingerprint& endpoint_fingerprint() const { return gate_.fingerprint(); }
    Tally tally() const { return distributor_.tally(); }
    // Totals since start, as in --json.
    nlohmann::json report() const;

  private:
    void on_tunnel_up(tunnel::TunnelId tunnel, const tunnel::PeerIdentity& peer,
                      tunnel::Dialect dialect) override;
    void on_tunnel_message(tunnel::TunnelId tunnel, tunnel::Message&& message) override;
    void on_tunnel_down(tunnel::TunnelId tunnel, tunnel::DownReason reason,
                        const std::string& text) override;
    void on_tunnel_refused(tunnel::DownReason reason, const std::string& text) override;

    KeyDistributor::Hooks hooks();
    void restore();
    void keep(const StateChanges& changes);
    void on_notice(const Notice& notice);
    void audit(std::string_view event, const nlohmann::json& facts);
    void audited(bool written);
    void post_turn();
    void turn();
    void arm_timer();

    boost::asio::io_context& io_;
    KmfConfig config_;
    std::chrono::steady_clock::time_point started_at_;
    MessageTrace trace_;
    std::optional<AuditLog> audit_;
    std::uint64_t audit_lost_ = 0;
    std::optional<StateFile> state_;
    EndpointGate gate_;
    KeyDistributor distributor_;
    boost::asio::steady_timer timer_;
    std::optional<TimePoint> armed_for_;
    bool turn_is_posted_ = false;
    tunnel::Listener listener_;  // last: it calls the others
};

}  // namespace mdd::kmf
