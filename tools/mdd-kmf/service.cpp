// Wires listener, distributor and timer together, and writes the log.
#include "tools/mdd-kmf/service.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <openssl/rand.h>
#include <spdlog/spdlog.h>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "kmf-tunnel/secure.h"
#include "tools/mdd-kmf/notice_log.h"

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
    made.dialects = config.dialects;
    return made;
}

template <class Counts, class Names>
nlohmann::json named(const Counts& counts, const Names& names) {
    auto object = nlohmann::json::object();
    for (std::size_t i = 0; i < counts.size(); ++i) object[std::string(names[i])] = counts[i];
    return object;
}

}  // namespace

void check_secrets(const KmfConfig& config) {
    const tunnel::SecureContext tunnel_side(tunnel::Role::kmf, config.tunnel_tls);
    const EndpointGate endpoint_side(config.endpoint_tls, kFirstTimerMs);
    if (config.state) read_state_key(config.state->key_file);
}

Service::Service(boost::asio::io_context& io, const KmfConfig& config,
                 std::optional<StateFile> state, const std::filesystem::path& trace)
    : io_(io),
      config_(config),
      started_at_(std::chrono::steady_clock::now()),
      trace_(trace),
      state_(std::move(state)),
      gate_(config.endpoint_tls, kFirstTimerMs),
      distributor_(Roster(config.mdds, config.conferences), gate_, {}, hooks()),
      timer_(io),
      listener_(io, listener_config(config), *this) {
    if (config.audit_file) audit_.emplace(*config.audit_file);
    audit("start", {{"kmf_version", MDD_VERSION}});
    if (state_) restore();
}

KeyDistributor::Hooks Service::hooks() {
    KeyDistributor::Hooks hooks;
    hooks.send = [this](tunnel::TunnelId tunnel, const tunnel::Message& message) {
        trace_.note(MessageTrace::Direction::out, message, std::chrono::steady_clock::now());
        return listener_.send(tunnel, message);
    };
    hooks.notify = [this](const Notice& notice) { on_notice(notice); };
    if (state_) hooks.keep = [this](const StateChanges& changes) { keep(changes); };
    hooks.random = [](srtp::MutableBytes bytes) {
        if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
            throw std::runtime_error("OpenSSL has no random bytes for an EKT key.");
    };
    return hooks;
}

void Service::restore() {
    SavedState saved;
    for (const auto& frame : state_->take_frames()) {
        auto changes = decode_changes(frame.bytes());
        if (!changes)
            throw std::runtime_error(fmt::format(
                "The state file \"{}\" was written by another version of mdd-kmf; move it away to "
                "start without one.",
                config_.state ? config_.state->file.string() : ""));
        saved.apply(std::move(*changes));
    }
    const auto now = std::chrono::steady_clock::now();
    const auto wall = std::chrono::system_clock::now();
    distributor_.restore(std::move(saved), now, wall);
    state_->replace(encode(distributor_.snapshot(now, wall)).bytes());
    spdlog::info("state restored: associations={}", distributor_.tally().restored);
}

// A key has to survive whatever its members survive.
void Service::keep(const StateChanges& changes) {
    const bool has_key = std::ranges::any_of(
        changes, [](const auto& change) { return std::holds_alternative<KeysChange>(change); });
    state_->append(encode(changes).bytes(), has_key);
}

void Service::start() {
    listener_.start();
    turn();
}

void Service::stop() {
    timer_.cancel();
    listener_.stop();
    audit("stop", nlohmann::json::object());
}

void Service::reload(const KmfConfig& config) {
    listener_.renew(config.tunnel_tls);
    gate_.renew(config.endpoint_tls);
    const auto fixed = [](const KmfConfig& of) {
        return std::tuple(of.listen_address, of.listen_port, of.dialects, of.audit_file,
                          of.state ? of.state->file : "", of.state ? of.state->key_file : "");
    };
    if (fixed(config) != fixed(config_))
        spdlog::warn("listen, protocols, state and audit count from the next start");
    config_.mdds = config.mdds;
    config_.conferences = config.conferences;
    if (audit_) audited(audit_->reopen());
    audit("reload", {{"accepted", true}});
    const auto to_close =
        distributor_.reload(Roster(config.mdds, config.conferences),
                            std::chrono::steady_clock::now(), std::chrono::system_clock::now());
    for (const auto tunnel : to_close) {
        listener_.close(tunnel);
        distributor_.tunnel_down(tunnel);
        spdlog::info("tunnel {} closed: its certificate is no longer that of its MDD",
                     number(tunnel));
        audit("tunnel_down", {{"tunnel", number(tunnel)}, {"reason", "not_listed"}});
    }
    arm_timer();
    spdlog::info("reloaded: mdds={} conferences={}", config.mdds.size(), config.conferences.size());
}

void Service::refuse_reload(const std::string& why) {
    spdlog::error("reload refused, the old configuration stays: {}", why);
    audit("reload", {{"accepted", false}, {"reason", why}});
}

void Service::on_notice(const Notice& notice) {
    log(notice);
    if (audit_) audited(audit_->write(std::chrono::system_clock::now(), notice));
}

void Service::audit(std::string_view event, const nlohmann::json& facts) {
    if (audit_) audited(audit_->write(std::chrono::system_clock::now(), event, facts));
}

void Service::audited(bool written) {
    if (written || audit_lost_++ > 0) return;
    spdlog::error("the audit file cannot be written; lines are lost from here on");
}

void Service::on_tunnel_up(tunnel::TunnelId tunnel, const tunnel::PeerIdentity& peer,
                           tunnel::Dialect dialect) {
    const auto* mdd = distributor_.tunnel_up(tunnel, peer, dialect);
    audit("tunnel_up", {{"tunnel", number(tunnel)},
                        {"dialect", tunnel::to_string(dialect)},
                        {"mdd", mdd ? mdd->name : ""},
                        {"fingerprint_sha256", tunnel::to_hex(peer.certificate_sha256)}});
    post_turn();
    if (mdd)
        return spdlog::info("tunnel {} up: mdd={} dialect={}", number(tunnel), mdd->name,
                            tunnel::to_string(dialect));
    spdlog::warn(
        "tunnel {} up, but no [[mdd]] lists its certificate; its messages are dropped. "
        "subject=\"{}\" "
        "fingerprint_sha256={}",
        number(tunnel), peer.common_name, tunnel::to_hex(peer.certificate_sha256));
}

void Service::on_tunnel_message(tunnel::TunnelId tunnel, tunnel::Message&& message) {
    const auto now = std::chrono::steady_clock::now();
    trace_.note(MessageTrace::Direction::in, message, now);
    distributor_.receive(tunnel, message, now);
    post_turn();
}

void Service::on_tunnel_down(tunnel::TunnelId tunnel, tunnel::DownReason reason,
                             const std::string& text) {
    spdlog::info("tunnel {} down: reason={} {}", number(tunnel), tunnel::to_string(reason), text);
    audit("tunnel_down", {{"tunnel", number(tunnel)}, {"reason", tunnel::to_string(reason)}});
    distributor_.tunnel_down(tunnel);
}

void Service::on_tunnel_refused(tunnel::DownReason reason, const std::string& text) {
    spdlog::warn("tunnel refused: reason={} {}", tunnel::to_string(reason), text);
}

// After all messages that have come in together: they are one turn.
void Service::post_turn() {
    if (std::exchange(turn_is_posted_, true)) return;
    boost::asio::post(io_, [this] {
        turn_is_posted_ = false;
        turn();
    });
}

void Service::turn() {
    const auto now = std::chrono::steady_clock::now();
    const auto wall = std::chrono::system_clock::now();
    distributor_.finish_turn(now, wall);
    if (state_ && state_->wants_replacing())
        state_->replace(encode(distributor_.snapshot(now, wall)).bytes());
    arm_timer();
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
        turn();
    });
}

nlohmann::json Service::report() const {
    const auto tally = distributor_.tally();
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
          {"restored", tally.restored},
          {"displaced", tally.displaced},
          {"closed", tally.closed},
          {"failed", tally.failed},
          {"put_out", tally.put_out},
          {"disconnected", tally.disconnected}}},
        {"ekt",
         {{"delivered", tally.ekt.delivered},
          {"acknowledged", tally.ekt.acknowledged},
          {"refused", tally.ekt.refused},
          {"unanswered", tally.ekt.unanswered},
          {"rekeys", named(tally.rekeys, kRekeyCauseNames)}}},
        {"audit_lost", audit_lost_},
        {"messages",
         {{"received", tally.messages_in},
          {"sent", tally.messages_out},
          {"unsent", tally.unsent},
          {"undecodable", tunnels.session.refused_total()},
          {"with_keys", tally.keys_sent},
          {"cookies", tally.cookies_sent},
          {"flights_resent", tally.flights_resent},
          {"flights_lost", tally.flights_lost},
          {"disconnects", tally.disconnects_sent},
          {"dropped", named(tally.dropped, kDropNames)}}},
    };
}

}  // namespace mdd::kmf
