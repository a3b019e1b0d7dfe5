// Accepts TCP connections and makes a tunnel of each that gets as far as announcing its profiles.
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>

#include "kmf-tunnel/stream_connection.h"
#include "kmf-tunnel/tunnel_host.h"

namespace mdd::tunnel {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// When there is no file descriptor left, one may be soon.
constexpr Milliseconds kAcceptAgain{100};

struct Tunnel {
    std::shared_ptr<StreamConnection> connection;
    bool was_up = false;
};

class StreamTunnels : public TunnelHost,
                      public Connection::Owner,
                      public std::enable_shared_from_this<StreamTunnels> {
  public:
    StreamTunnels(HostSetting setting, std::shared_ptr<const SecureContext> context);

    void bind(const asio::ip::address& address, std::uint16_t port, error_code& error) override;
    std::uint16_t port() const override { return port_; }
    void start() override;
    void stop() override;
    void abandon() override;
    void renew(std::shared_ptr<const SecureContext> context) override;
    bool close(TunnelId id) override;
    bool send(TunnelId id, const Message& message) override;
    std::size_t tunnels_up() const override { return tunnels_.size() - half_open_; }
    ListenerCounters counters() const override;

    void on_connection_event(Connection& connection, Event event) override;
    void on_connection_refused(Connection&, const std::string&) override {}  // we call nobody

  private:
    using Tunnels = std::map<TunnelId, Tunnel>;

    void accept();
    void accept_later();
    void take_in(tcp::socket socket);
    void on_up(Tunnels::iterator at, const Up& up);
    void on_down(Tunnels::iterator at, const Down& down);
    void remove(Tunnels::iterator at);

    asio::io_context& io_;
    ListenerConfig config_;
    ListenerEvents& events_;
    std::shared_ptr<TunnelNumbers> numbers_;
    std::shared_ptr<const SecureContext> context_;
    tcp::acceptor acceptor_;
    asio::steady_timer accept_timer_;
    std::uint16_t port_ = 0;
    bool is_running_ = false;

    Tunnels tunnels_;
    std::map<const Connection*, TunnelId> by_connection_;  // exactly the tunnels of tunnels_
    std::size_t half_open_ = 0;
    ListenerCounters counters_;  // without those of connections that still are
};

StreamTunnels::StreamTunnels(HostSetting setting, std::shared_ptr<const SecureContext> context)
    : io_(setting.io),
      config_(std::move(setting.config)),
      events_(setting.events),
      numbers_(std::move(setting.numbers)),
      context_(std::move(context)),
      acceptor_(io_),
      accept_timer_(io_) {}

void StreamTunnels::bind(const asio::ip::address& address, std::uint16_t port, error_code& error) {
    acceptor_.open(address.is_v6() ? tcp::v6() : tcp::v4(), error);
    // A KMF that starts over must not wait for its old connections to be forgotten.
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind({address, port}, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint().port();
}

void StreamTunnels::start() {
    if (is_running_) return;
    is_running_ = true;
    accept();
}

void StreamTunnels::stop() {
    for (const auto& [id, tunnel] : tunnels_) tunnel.connection->shutdown();
    abandon();
}

void StreamTunnels::abandon() {
    is_running_ = false;
    error_code ignored;
    acceptor_.close(ignored);
    accept_timer_.cancel();
    while (!tunnels_.empty()) remove(tunnels_.begin());
}

void StreamTunnels::renew(std::shared_ptr<const SecureContext> context) {
    context_ = std::move(context);
}

bool StreamTunnels::close(TunnelId id) {
    const auto found = tunnels_.find(id);
    if (found == tunnels_.end()) return false;
    found->second.connection->shutdown();
    remove(found);
    return true;
}

bool StreamTunnels::send(TunnelId id, const Message& message) {
    const auto found = tunnels_.find(id);
    return found != tunnels_.end() && found->second.connection->send(message);
}

ListenerCounters StreamTunnels::counters() const {
    ListenerCounters sum = counters_;
    for (const auto& [id, tunnel] : tunnels_) {
        const auto its = tunnel.connection->counters();
        sum.session += its.session;
        sum.send_failed += its.send_failed;
        sum.receive_failed += its.receive_failed;
    }
    return sum;
}

void StreamTunnels::accept() {
    acceptor_.async_accept([weak = weak_from_this()](const error_code& error, tcp::socket socket) {
        const auto self = weak.lock();
        if (!self || !self->is_running_) return;
        if (error) {
            ++self->counters_.receive_failed;
            self->accept_later();
            return;
        }
        self->take_in(std::move(socket));
        self->accept();
    });
}

void StreamTunnels::accept_later() {
    accept_timer_.expires_after(kAcceptAgain);
    accept_timer_.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (self && !error && self->is_running_) self->accept();
    });
}

void StreamTunnels::take_in(tcp::socket socket) {
    ++counters_.connections_in;
    if (half_open_ >= config_.max_half_open || tunnels_.size() >= config_.max_tunnels) {
        ++counters_.half_open_full;
        return;
    }
    const auto connection = std::make_shared<StreamConnection>(io_, context_, config_.session,
                                                               rfc9185::Announcement{}, *this);
    error_code error;
    connection->adopt(std::move(socket), error);
    if (error) {
        ++counters_.receive_failed;
        return;
    }
    const TunnelId id = numbers_->next();
    tunnels_.emplace(id, Tunnel{connection});
    by_connection_.emplace(connection.get(), id);
    ++half_open_;
}

void StreamTunnels::on_connection_event(Connection& connection, Event event) {
    const auto id = by_connection_.find(&connection);
    if (id == by_connection_.end()) return;
    const auto at = tunnels_.find(id->second);
    if (const auto* up = std::get_if<Up>(&event))
        on_up(at, *up);
    else if (auto* received = std::get_if<Received>(&event))
        events_.on_tunnel_message(at->first, std::move(received->message));
    else if (const auto* down = std::get_if<Down>(&event))
        on_down(at, *down);
}

void StreamTunnels::on_up(Tunnels::iterator at, const Up& up) {
    --half_open_;
    at->second.was_up = true;
    ++counters_.ups;
    events_.on_tunnel_up(at->first, up.peer, Dialect::rfc9185);
}

void StreamTunnels::on_down(Tunnels::iterator at, const Down& down) {
    const auto [id, tunnel] = *at;
    remove(at);
    if (tunnel.was_up) {
        events_.on_tunnel_down(id, down.reason, down.text);
    } else {
        ++counters_.refused;
        events_.on_tunnel_refused(down.reason, down.text);
    }
}

void StreamTunnels::remove(Tunnels::iterator at) {
    Connection& connection = *at->second.connection;
    const auto its = connection.counters();
    counters_.session += its.session;
    counters_.send_failed += its.send_failed;
    counters_.receive_failed += its.receive_failed;
    if (!at->second.was_up) --half_open_;
    connection.close();
    by_connection_.erase(&connection);
    tunnels_.erase(at);
}

}  // namespace

std::shared_ptr<TunnelHost> make_stream_tunnels(HostSetting setting,
                                                std::shared_ptr<const SecureContext> context) {
    return std::make_shared<StreamTunnels>(std::move(setting), std::move(context));
}

}  // namespace mdd::tunnel
