// One port number for the transports of all dialects.
#include "kmf-tunnel/listener.h"

#include <algorithm>
#include <stdexcept>

#include "kmf-tunnel/tunnel_host.h"

namespace mdd::tunnel {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// A port that is free on one transport may be taken on the other: how often another is tried.
constexpr int kPortsTried = 16;

using Contexts = std::vector<std::shared_ptr<const SecureContext>>;

Contexts make_contexts(const ListenerConfig& config, const Credentials& credentials) {
    Contexts contexts;
    for (const Dialect dialect : config.dialects)
        contexts.push_back(std::make_shared<const SecureContext>(Role::kmf, credentials, dialect));
    return contexts;
}

}  // namespace

class ListenerImpl {
  public:
    ListenerImpl(asio::io_context& io, ListenerConfig config, ListenerEvents& events);

    void renew(const Credentials& credentials);
    std::uint16_t port() const { return port_; }
    const std::vector<std::shared_ptr<TunnelHost>>& hosts() const { return hosts_; }

  private:
    using Hosts = std::vector<std::shared_ptr<TunnelHost>>;
    Hosts make_hosts(asio::io_context& io, ListenerEvents& events, const Contexts& contexts) const;
    error_code bind(const Hosts& hosts);

    ListenerConfig config_;
    Hosts hosts_;  // in the order of config_.dialects
    std::uint16_t port_ = 0;
};

ListenerImpl::ListenerImpl(asio::io_context& io, ListenerConfig config, ListenerEvents& events)
    : config_(std::move(config)) {
    if (config_.dialects.empty())
        throw std::runtime_error("A listener for tunnels needs at least one dialect.");
    const Contexts contexts = make_contexts(config_, config_.credentials);
    error_code error = asio::error::address_in_use;
    for (int i = 0; i < kPortsTried && error == asio::error::address_in_use; ++i) {
        hosts_ = make_hosts(io, events, contexts);
        error = bind(hosts_);
        if (config_.port != 0) break;
    }
    if (error)
        throw std::runtime_error("Cannot listen for tunnels on " + config_.address + " port " +
                                 std::to_string(config_.port) + ": " + error.message() + ".");
}

ListenerImpl::Hosts ListenerImpl::make_hosts(asio::io_context& io, ListenerEvents& events,
                                             const Contexts& contexts) const {
    const auto numbers = std::make_shared<TunnelNumbers>();
    Hosts hosts;
    for (const auto& context : contexts)
        hosts.push_back(context->dialect() == Dialect::rfc9185
                            ? make_stream_tunnels({io, config_, events, numbers}, context)
                            : make_datagram_tunnels({io, config_, events, numbers}, context));
    return hosts;
}

error_code ListenerImpl::bind(const Hosts& hosts) {
    error_code error;
    const auto address = asio::ip::make_address(config_.address, error);
    port_ = config_.port;
    for (const auto& host : hosts) {
        if (!error) host->bind(address, port_, error);
        if (!error) port_ = host->port();
    }
    return error;
}

void ListenerImpl::renew(const Credentials& credentials) {
    const Contexts contexts = make_contexts(config_, credentials);
    for (std::size_t i = 0; i < hosts_.size(); ++i) hosts_[i]->renew(contexts[i]);
    config_.credentials = credentials;
}

Listener::Listener(boost::asio::io_context& io, ListenerConfig config, ListenerEvents& events)
    : impl_(std::make_shared<ListenerImpl>(io, std::move(config), events)) {}

Listener::~Listener() {
    for (const auto& host : impl_->hosts()) host->abandon();
}

void Listener::start() {
    for (const auto& host : impl_->hosts()) host->start();
}
void Listener::stop() {
    for (const auto& host : impl_->hosts()) host->stop();
}
void Listener::renew(const Credentials& credentials) {
    impl_->renew(credentials);
}
void Listener::close(TunnelId tunnel) {
    for (const auto& host : impl_->hosts()) host->close(tunnel);
}
bool Listener::send(TunnelId tunnel, const Message& message) {
    return std::ranges::any_of(impl_->hosts(),
                               [&](const auto& host) { return host->send(tunnel, message); });
}
std::uint16_t Listener::port() const {
    return impl_->port();
}
std::size_t Listener::tunnels_up() const {
    std::size_t sum = 0;
    for (const auto& host : impl_->hosts()) sum += host->tunnels_up();
    return sum;
}
ListenerCounters Listener::counters() const {
    ListenerCounters sum;
    for (const auto& host : impl_->hosts()) sum += host->counters();
    return sum;
}

ListenerCounters& ListenerCounters::operator+=(const ListenerCounters& other) {
    session += other.session;
    datagrams_in += other.datagrams_in;
    connections_in += other.connections_in;
    unknown_source += other.unknown_source;
    half_open_full += other.half_open_full;
    ups += other.ups;
    refused += other.refused;
    send_failed += other.send_failed;
    receive_failed += other.receive_failed;
    return *this;
}

}  // namespace mdd::tunnel
