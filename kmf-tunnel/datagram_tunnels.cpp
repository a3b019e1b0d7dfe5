// Demultiplexes one UDP socket into tunnels: a listening session for strangers, one session per
// known address, and for a while a second one beside it when a client starts over.
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>

#include "kmf-tunnel/record.h"
#include "kmf-tunnel/secure.h"
#include "kmf-tunnel/tunnel_host.h"
#include "kmf-tunnel/udp.h"

namespace mdd::tunnel {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;

namespace {

constexpr int kReceiveBufferBytes = 1 << 20;

using HelloRandom = std::array<std::uint8_t, 32>;

struct Tunnel {
    std::shared_ptr<const SecureContext> context;
    TunnelId id;
    udp::endpoint peer;
    std::unique_ptr<Session> session;
    HelloRandom hello_random{};  // tells a repeated ClientHello from a client that starts over
    bool was_up = false;
};
using TunnelPtr = std::shared_ptr<Tunnel>;

// The tunnels of one address. `fresh` is in handshake; it takes the place of `established` when it
// is done.
struct AtAddress {
    TunnelPtr established;
    TunnelPtr fresh;
};

bool began_with(const TunnelPtr& tunnel, const HelloRandom& random) {
    return tunnel && tunnel->hello_random == random;
}

class DatagramTunnels : public TunnelHost, public std::enable_shared_from_this<DatagramTunnels> {
  public:
    DatagramTunnels(HostSetting setting, std::shared_ptr<const SecureContext> context);

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

  private:
    void await_datagrams();
    void receive_all();
    void dispatch(const udp::endpoint& from, srtp::Bytes datagram);
    void on_client_hello(const udp::endpoint& from, srtp::Bytes datagram,
                         const HelloRandom& random);
    void adopt_spare(const udp::endpoint& from, const HelloRandom& random);
    void feed(const TunnelPtr& tunnel, srtp::Bytes datagram);
    void flush(Session& session, const udp::endpoint& to);
    void settle(const TunnelPtr& tunnel);
    void on_up(const TunnelPtr& tunnel, const Up& up);
    void on_down(const TunnelPtr& tunnel, const Down& down);
    void remove(const TunnelPtr& tunnel);
    void arm_timer(const Session& session);
    void on_timer();

    asio::io_context& io_;
    ListenerConfig config_;
    ListenerEvents& events_;
    std::shared_ptr<TunnelNumbers> numbers_;
    std::shared_ptr<const SecureContext> context_;
    udp::socket socket_;
    asio::steady_timer timer_;
    std::optional<TimePoint> armed_for_;
    std::uint16_t port_ = 0;
    bool is_running_ = false;

    std::unique_ptr<Session> spare_;  // listening, without a peer
    std::map<TunnelId, TunnelPtr> tunnels_;
    std::map<udp::endpoint, AtAddress> by_address_;  // exactly the tunnels of tunnels_
    std::size_t half_open_ = 0;
    ListenerCounters counters_;  // `session` holds those of past tunnels
    std::array<std::uint8_t, 65536> datagram_;
};

DatagramTunnels::DatagramTunnels(HostSetting setting, std::shared_ptr<const SecureContext> context)
    : io_(setting.io),
      config_(std::move(setting.config)),
      events_(setting.events),
      numbers_(std::move(setting.numbers)),
      context_(std::move(context)),
      socket_(io_),
      timer_(io_),
      spare_(std::make_unique<Session>(*context_, config_.session)) {}

void DatagramTunnels::bind(const asio::ip::address& address, std::uint16_t port,
                           error_code& error) {
    socket_.open(address.is_v6() ? udp::v6() : udp::v4(), error);
    if (!error) socket_.bind({address, port}, error);
    if (!error) prepare_tunnel_socket(socket_, error);
    if (error) return;
    error_code smaller_buffer_will_do;
    socket_.set_option(udp::socket::receive_buffer_size(kReceiveBufferBytes),
                       smaller_buffer_will_do);
    port_ = socket_.local_endpoint().port();
}

void DatagramTunnels::start() {
    if (is_running_) return;
    is_running_ = true;
    await_datagrams();
}

void DatagramTunnels::stop() {
    for (const auto& [id, tunnel] : tunnels_) {
        tunnel->session->shutdown();
        flush(*tunnel->session, tunnel->peer);
    }
    abandon();
}

void DatagramTunnels::renew(std::shared_ptr<const SecureContext> context) {
    spare_ = std::make_unique<Session>(*context, config_.session);
    context_ = std::move(context);
}

bool DatagramTunnels::close(TunnelId id) {
    const auto found = tunnels_.find(id);
    if (found == tunnels_.end()) return false;
    const TunnelPtr tunnel = found->second;
    tunnel->session->shutdown();
    flush(*tunnel->session, tunnel->peer);
    remove(tunnel);
    return true;
}

void DatagramTunnels::abandon() {
    is_running_ = false;
    error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
    for (const auto& [id, tunnel] : tunnels_) counters_.session += tunnel->session->counters();
    tunnels_.clear();
    by_address_.clear();
    half_open_ = 0;
}

bool DatagramTunnels::send(TunnelId id, const Message& message) {
    const auto found = tunnels_.find(id);
    if (found == tunnels_.end()) return false;
    const TunnelPtr tunnel = found->second;
    const bool sent = tunnel->session->send(message);
    flush(*tunnel->session, tunnel->peer);
    if (tunnel->session->has_events())
        asio::post(io_, [weak = weak_from_this(), tunnel] {
            if (const auto self = weak.lock()) self->settle(tunnel);
        });
    return sent;
}

ListenerCounters DatagramTunnels::counters() const {
    ListenerCounters sum = counters_;
    for (const auto& [id, tunnel] : tunnels_) sum.session += tunnel->session->counters();
    return sum;
}

void DatagramTunnels::await_datagrams() {
    socket_.async_wait(udp::socket::wait_read, [weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (!self || error || !self->is_running_) return;
        self->receive_all();
        if (self->is_running_) self->await_datagrams();
    });
}

void DatagramTunnels::receive_all() {
    for (int i = 0; i < kDatagramsPerWake && is_running_; ++i) {
        udp::endpoint from;
        error_code error;
        const std::size_t size_bytes =
            socket_.receive_from(asio::buffer(datagram_), from, 0, error);
        if (error == asio::error::would_block) return;
        if (error) {
            ++counters_.receive_failed;
            continue;
        }
        ++counters_.datagrams_in;
        dispatch(from, srtp::Bytes(datagram_).first(size_bytes));
    }
}

void DatagramTunnels::dispatch(const udp::endpoint& from, srtp::Bytes datagram) {
    if (const auto random = client_hello_random(datagram)) {
        on_client_hello(from, datagram, *random);
        return;
    }
    const auto first = RecordWalk(datagram).next();
    const auto found = by_address_.find(from);
    if (!first || found == by_address_.end()) {
        ++counters_.unknown_source;
        return;
    }
    // A protected record may belong to either; the wrong one drops it unopened.
    const AtAddress at = found->second;
    if (at.fresh) feed(at.fresh, datagram);
    if (at.established && (first->epoch > 0 || !at.fresh)) feed(at.established, datagram);
}

void DatagramTunnels::on_client_hello(const udp::endpoint& from, srtp::Bytes datagram,
                                      const HelloRandom& random) {
    if (const auto found = by_address_.find(from); found != by_address_.end()) {
        const AtAddress at = found->second;
        if (began_with(at.fresh, random)) return feed(at.fresh, datagram);
        if (began_with(at.established, random)) return feed(at.established, datagram);
    }
    if (half_open_ >= config_.max_half_open || tunnels_.size() >= config_.max_tunnels) {
        ++counters_.half_open_full;
        return;
    }
    spare_->on_datagram(Clock::now(), datagram,
                        {reinterpret_cast<const std::uint8_t*>(from.data()), from.size()});
    flush(*spare_, from);
    if (!spare_->is_listening()) adopt_spare(from, random);
}

// The spare has seen the cookie for this address come back: it is this address's session now.
void DatagramTunnels::adopt_spare(const udp::endpoint& from, const HelloRandom& random) {
    const auto tunnel = std::make_shared<Tunnel>();
    tunnel->context = context_;
    tunnel->id = numbers_->next();
    tunnel->peer = from;
    tunnel->session = std::move(spare_);
    tunnel->hello_random = random;
    spare_ = std::make_unique<Session>(*context_, config_.session);
    if (const TunnelPtr overtaken = by_address_[from].fresh) remove(overtaken);
    by_address_[from].fresh = tunnel;
    tunnels_.emplace(tunnel->id, tunnel);
    ++half_open_;
    arm_timer(*tunnel->session);
    settle(tunnel);
}

void DatagramTunnels::feed(const TunnelPtr& tunnel, srtp::Bytes datagram) {
    tunnel->session->on_datagram(Clock::now(), datagram);
    flush(*tunnel->session, tunnel->peer);
    arm_timer(*tunnel->session);
    settle(tunnel);
}

void DatagramTunnels::flush(Session& session, const udp::endpoint& to) {
    while (const auto datagram = session.next_datagram()) {
        error_code error;
        socket_.send_to(asio::buffer(datagram->data(), datagram->size()), to, 0, error);
        if (error) ++counters_.send_failed;
    }
}

void DatagramTunnels::settle(const TunnelPtr& tunnel) {
    while (is_running_ && tunnels_.contains(tunnel->id)) {
        auto event = tunnel->session->next_event();
        if (!event) return;
        if (const auto* up = std::get_if<Up>(&*event))
            on_up(tunnel, *up);
        else if (auto* received = std::get_if<Received>(&*event))
            events_.on_tunnel_message(tunnel->id, std::move(received->message));
        else if (const auto* down = std::get_if<Down>(&*event))
            on_down(tunnel, *down);
    }
}

void DatagramTunnels::on_up(const TunnelPtr& tunnel, const Up& up) {
    AtAddress& at = by_address_[tunnel->peer];
    const TunnelPtr replaced = std::exchange(at.established, tunnel);
    at.fresh.reset();
    --half_open_;
    tunnel->was_up = true;
    ++counters_.ups;
    events_.on_tunnel_up(tunnel->id, up.peer, Dialect::dtls_v1);
    if (replaced && is_running_)
        on_down(replaced,
                {DownReason::closed_by_peer, "the peer started over on the same address"});
}

void DatagramTunnels::on_down(const TunnelPtr& tunnel, const Down& down) {
    remove(tunnel);
    if (tunnel->was_up) {
        events_.on_tunnel_down(tunnel->id, down.reason, down.text);
    } else {
        ++counters_.refused;
        events_.on_tunnel_refused(down.reason, down.text);
    }
}

void DatagramTunnels::remove(const TunnelPtr& tunnel) {
    if (tunnels_.erase(tunnel->id) == 0) return;
    if (!tunnel->was_up) --half_open_;
    counters_.session += tunnel->session->counters();
    const auto found = by_address_.find(tunnel->peer);
    if (found == by_address_.end()) return;
    if (found->second.fresh == tunnel) found->second.fresh.reset();
    if (found->second.established == tunnel) found->second.established.reset();
    if (!found->second.fresh && !found->second.established) by_address_.erase(found);
}

void DatagramTunnels::arm_timer(const Session& session) {
    const auto deadline = session.deadline(Clock::now());
    if (!deadline || (armed_for_ && *armed_for_ <= *deadline)) return;
    armed_for_ = deadline;
    timer_.expires_at(*deadline);
    timer_.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (self && !error && self->is_running_) self->on_timer();
    });
}

void DatagramTunnels::on_timer() {
    armed_for_.reset();
    const auto all = tunnels_;  // a callback may end tunnels
    for (const auto& [id, tunnel] : all) {
        if (!is_running_) return;
        tunnel->session->on_time(Clock::now());
        flush(*tunnel->session, tunnel->peer);
        settle(tunnel);
        arm_timer(*tunnel->session);
    }
}

}  // namespace

std::shared_ptr<TunnelHost> make_datagram_tunnels(HostSetting setting,
                                                  std::shared_ptr<const SecureContext> context) {
    return std::make_shared<DatagramTunnels>(std::move(setting), std::move(context));
}

}  // namespace mdd::tunnel
