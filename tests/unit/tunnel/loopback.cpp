// Event loops in turn, and event records.
#include "tests/unit/tunnel/loopback.h"

#include <algorithm>
#include <thread>

namespace mdd::test {

using namespace tunnel;

namespace {

constexpr Milliseconds kLimit{5000};

std::string number(TunnelId tunnel) {
    return std::to_string(static_cast<std::uint64_t>(tunnel));
}

std::string kind_of(const Message& message) {
    if (std::holds_alternative<KeyInformation>(message.body)) return "keys";
    if (std::holds_alternative<Disconnect>(message.body)) return "disconnect";
    return "message";
}

std::size_t count_in(const std::vector<std::string>& lines, const std::string& line) {
    return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), line));
}

void turn(std::initializer_list<boost::asio::io_context*> loops) {
    for (auto* loop : loops) {
        loop->restart();
        loop->poll();
    }
    std::this_thread::sleep_for(Milliseconds(1));
}

}  // namespace

void LinkRecord::on_link_up(const PeerIdentity& peer) {
    lines.push_back("up " + peer.common_name);
    on_up();
}
void LinkRecord::on_link_down(DownReason reason, const std::string& text) {
    last_text = text;
    lines.push_back("down " + std::string(to_string(reason)));
}
void LinkRecord::on_link_message(Message&& message) {
    lines.push_back(kind_of(message) + " " + std::to_string(message.association.bytes[0]));
}
void LinkRecord::on_link_refused(DownReason reason, const std::string& text) {
    last_text = text;
    lines.push_back("refused " + std::string(to_string(reason)));
}
std::size_t LinkRecord::count(const std::string& line) const {
    return count_in(lines, line);
}

void ListenerRecord::on_tunnel_up(TunnelId tunnel, const PeerIdentity& peer, Dialect dialect) {
    dialects.push_back(dialect);
    lines.push_back("up " + number(tunnel) + " " + peer.common_name);
}
void ListenerRecord::on_tunnel_message(TunnelId tunnel, Message&& message) {
    lines.push_back(kind_of(message) + " " + number(tunnel) + " " +
                    std::to_string(message.association.bytes[0]));
    on_message(tunnel, std::move(message));
}
void ListenerRecord::on_tunnel_down(TunnelId tunnel, DownReason reason, const std::string& text) {
    last_text = text;
    lines.push_back("down " + number(tunnel) + " " + std::string(to_string(reason)));
}
void ListenerRecord::on_tunnel_refused(DownReason reason, const std::string& text) {
    last_text = text;
    lines.push_back("refused " + std::string(to_string(reason)));
}
std::size_t ListenerRecord::count(const std::string& line) const {
    return count_in(lines, line);
}

Kmf::Kmf(const Credentials& credentials, std::uint16_t port, SessionConfig session,
         std::size_t max_half_open, std::vector<Dialect> dialects)
    : listener(io,
               {"127.0.0.1", port, credentials, session, max_half_open, 1024, std::move(dialects)},
               record) {
    listener.start();
}

SessionConfig quick_session() {
    SessionConfig session;
    session.keepalive.interval = Milliseconds(20);
    session.keepalive.probe_spacing = Milliseconds(5);
    session.handshake_timeout = Milliseconds(400);
    return session;
}

LinkConfig link_to(std::uint16_t port, const Credentials& credentials, Dialect dialect) {
    LinkConfig config;
    config.dialect = dialect;
    config.profiles = {0x0009, 0x000a};
    config.name = "kmf-a";
    config.host = "127.0.0.1";
    config.port = port;
    config.credentials = credentials;
    config.session = quick_session();
    config.retry_first = Milliseconds(50);
    config.retry_last = Milliseconds(200);
    return config;
}

std::string dialect_name(const ::testing::TestParamInfo<Dialect>& info) {
    return info.param == Dialect::dtls_v1 ? "dtls_v1" : "rfc9185";
}

bool run_until(const std::function<bool()>& done,
               std::initializer_list<boost::asio::io_context*> loops) {
    const TimePoint limit = Clock::now() + kLimit;
    while (!done() && Clock::now() < limit) turn(loops);
    return done();
}

void run_for(Milliseconds span, std::initializer_list<boost::asio::io_context*> loops) {
    const TimePoint end = Clock::now() + span;
    while (Clock::now() < end) turn(loops);
}

Message message_to(std::uint8_t association, std::size_t size_bytes) {
    Message message;
    message.association.bytes.fill(association);
    message.conference.bytes.fill(0xc0);
    message.dtls.assign(size_bytes, association);
    return message;
}

Message keys_to(std::uint8_t association, std::size_t dtls_bytes) {
    Message message = message_to(association, dtls_bytes);
    KeyInformation keys;
    keys.profile = 0x0009;
    const std::vector<std::uint8_t> bytes(16, association);
    keys.client_key = SecretBytes(bytes);
    keys.server_key = SecretBytes(bytes);
    keys.client_salt = SecretBytes(srtp::Bytes(bytes).first(12));
    keys.server_salt = SecretBytes(srtp::Bytes(bytes).first(12));
    message.body = std::move(keys);
    return message;
}

Message disconnect_of(std::uint8_t association) {
    Message message = message_to(association, 0);
    message.body = Disconnect{};
    return message;
}

}  // namespace mdd::test
