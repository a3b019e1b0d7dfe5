// Wires listener, distributor and timer together, and writes the log.
#include "tools/mdd-kmf/service.h"

#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

namespace mdd::kmf {
namespace {

// Short enough that a lost flight does not hold up a call, long enough for a round trip across a
// continent.
constexpr unsigned kFirstTimerMs = 250;

std::uint64_t number(tunnel::TunnelId tunnel) {
    return static_cast<std::uint64_t>(tunnel);
}

tunnel::ListenerConfig listener_config(const KmfConfig& config) {
    tunnel::ListenerConfig made;
    made.address = config.listen_address;
    made.port = config.listen_port;
    made.credentials = config.tunnel_tls;
    return made;
}

void log(const Notice& notice) {
    const auto who =
        fmt::format("association={} conference={} mdd={} endpoint={}",
                    tunnel::to_hex(notice.association), tunnel::to_uuid(notice.conference),
                    notice.mdd, notice.endpoint.empty() ? "?" : notice.endpoint);
    switch (notice.kind) {
        case Notice::Kind::keyed:
            return spdlog::info("endpoint keyed: {}", who);
        case Notice::Kind::refused:
            return spdlog::warn("handshake refused: reason={} {}", to_string(*notice.refusal), who);
        case Notice::Kind::displaced:
            return spdlog::info("endpoint moved to a newer association: {}", who);
        case Notice::Kind::closed:
            return spdlog::info("endpoint left: {}", who);
        case Notice::Kind::keys_sent:
            return spdlog::info("keys sent: {} keys_sha256={}", who, notice.keys_sha256);
    }
}

template <class Counts, class Names>
nlohmann::json named(const Counts& counts, const Names& names) {
    auto object = nlohmann::json::object();
    for (std::size_t i = 0; i < counts.size(); ++i) object[std::string(names[i])] = counts[i];
    return object;
}

}  // namespace

Service::Service(boost::asio::io_context& io, const KmfConfig& config)
    : started_at_(std::chrono::steady_clock::now()),
      gate_(config.endpoint_tls, kFirstTimerMs),
      distributor_(
          Roster(config.mdds, config.conferences), gate_, {},
          [this](tunnel::TunnelId tunnel, const tunnel::Message& message) {
              return listener_.send(tunnel, message);
          },
          log),
      timer_(io),
      listener_(io, listener_config(config), *this) {}

void Service::start() {
    listener_.start();
}

void Service::stop() {
    timer_.cancel();
    listener_.stop();
}

void Service::on_tunnel_up(tunnel::TunnelId tunnel, const tunnel::PeerIdentity& peer,
                           tunnel::Dialect) {
    if (const auto* mdd = distributor_.tunnel_up(tunnel, peer))
        return spdlog::info("tunnel {} up: mdd={}", number(tunnel), mdd->name);
    spdlog::warn(
        "tunnel {} up, but no [[mdd]] has its certificate; its messages are dropped. "
        "subject=\"{}\" "
        "fingerprint_sha256={}",
        number(tunnel), peer.common_name, tunnel::to_hex(peer.certificate_sha256));
}

void Service::on_tunnel_message(tunnel::TunnelId tunnel, tunnel::Message&& message) {
    distributor_.receive(tunnel, message, std::chrono::steady_clock::now());
    arm_timer();
}

void Service::on_tunnel_down(tunnel::TunnelId tunnel, tunnel::DownReason reason,
                             const std::string& text) {
    spdlog::info("tunnel {} down: reason={} {}", number(tunnel), tunnel::to_string(reason), text);
    distributor_.tunnel_down(tunnel);
}

void Service::on_tunnel_refused(tunnel::DownReason reason, const std::string& text) {
    spdlog::warn("tunnel refused: reason={} {}", tunnel::to_string(reason), text);
}

void Service::arm_timer() {
    const auto deadline = distributor_.deadline();
    if (deadline == armed_for_) return;
    armed_for_ = deadline;
    timer_.cancel();
    if (!deadline) return;
    timer_.expires_at(*deadline);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        armed_for_.reset();
        distributor_.expire(std::chrono::steady_clock::now());
        arm_timer();
    });
}

nlohmann::json Service::report() const {
    const auto& tally = distributor_.tally();
    const auto tunnels = listener_.counters();
    const std::chrono::duration<double> age = std::chrono::steady_clock::now() - started_at_;
    return {
        {"kmf_version", MDD_VERSION},
        {"seconds", age.count()},
        {"tunnels",
         {{"up", listener_.tunnels_up()}, {"ups", tunnels.ups}, {"refused", tunnels.refused}}},
        {"handshakes",
         {{"started", tally.handshakes_started},
          {"completed", tally.handshakes_completed},
          {"refused", named(tally.refused, kRefusalNames)}}},
        {"associations",
         {{"live", distributor_.live_associations()},
          {"displaced", tally.displaced},
          {"closed", tally.closed}}},
        {"messages",
         {{"received", tally.messages_in},
          {"sent", tally.messages_out},
          {"unsent", tally.unsent},
          {"undecodable", tunnels.session.refused_total()},
          {"with_keys", tally.keys_sent},
          {"cookies", tally.cookies_sent},
          {"flights_resent", tally.flights_resent},
          {"dropped", named(tally.dropped, kDropNames)}}},
    };
}

}  // namespace mdd::kmf
