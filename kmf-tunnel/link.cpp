// Which connection carries the link: a current one, a candidate that is to replace it, or none and
// a retry to come.
#include "kmf-tunnel/link.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <random>
#include <stdexcept>

#include "kmf-tunnel/connection.h"
#include "kmf-tunnel/dialogue.h"

namespace mdd::tunnel {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

void add(const ConnectionCounters& connection, LinkCounters& sum) {
    sum.session += connection.session;
    sum.send_failed += connection.send_failed;
    sum.receive_failed += connection.receive_failed;
}

void require_profiles(const LinkConfig& config) {
    if (config.dialect == Dialect::rfc9185 &&
        !rfc9185::encode(rfc9185::Announcement{0, config.profiles}))
        throw std::runtime_error("The tunnel \"" + config.name + "\" cannot announce " +
                                 std::to_string(config.profiles.size()) +
                                 " SRTP profiles: it takes 1 to " + std::to_string(kMaxProfiles) +
                                 ".");
}

std::shared_ptr<const SecureContext> make_context(const Credentials& credentials, Dialect dialect) {
    return std::make_shared<const SecureContext>(Role::mdd, credentials, dialect);
}

}  // namespace

class LinkImpl : public Connection::Owner, public std::enable_shared_from_this<LinkImpl> {
  public:
    LinkImpl(asio::io_context& io, LinkConfig config, LinkEvents& events);

    void start();
    void stop();
    void abandon();
    void renew(const Credentials& credentials);
    bool send(const Message& message);

    bool is_up() const { return is_up_; }
    const LinkConfig& config() const { return config_; }
    LinkCounters counters() const;
    std::optional<Clock::duration> round_trip() const;

    void on_connection_event(Connection& connection, Event event) override;
    void on_connection_refused(Connection& connection, const std::string& text) override;

  private:
    void attempt();
    void give_up_attempt();
    void connect(const asio::ip::address& address);
    void attempt_failed(DownReason reason, const std::string& text, Milliseconds wait);
    void retry_in(Milliseconds wait);
    Milliseconds next_back_off();
    void on_up(Connection& connection, const Up& up);
    void on_down(Connection& connection, const Down& down);
    void on_silent();
    void on_alive();
    void report_down(DownReason reason, const std::string& text);
    void retire(std::shared_ptr<Connection>& connection);
    Milliseconds wait_after(DownReason reason, const Connection& connection);

    asio::io_context& io_;
    LinkConfig config_;
    LinkEvents& events_;
    std::shared_ptr<const SecureContext> context_;
    asio::ip::tcp::resolver resolver_;
    asio::steady_timer retry_timer_;
    std::shared_ptr<Connection> current_;
    std::shared_ptr<Connection> candidate_;
    PeerIdentity peer_;
    LinkCounters counters_;  // of this link; `session` holds those of retired connections
    Milliseconds back_off_;
    std::minstd_rand jitter_{std::random_device{}()};
    std::uint8_t version_;  // announced next
    bool is_running_ = false;
    bool is_attempting_ = false;  // resolving, or a candidate is in handshake
    bool is_up_ = false;
    bool is_renewing_ = false;  // the credentials have changed since the current connection began
};

LinkImpl::LinkImpl(asio::io_context& io, LinkConfig config, LinkEvents& events)
    : io_(io),
      config_(std::move(config)),
      events_(events),
      context_(make_context(config_.credentials, config_.dialect)),
      resolver_(io),
      retry_timer_(io),
      back_off_(config_.retry_first),
      version_(config_.first_version) {
    require_profiles(config_);
}

void LinkImpl::start() {
    if (is_running_) return;
    is_running_ = true;
    asio::post(io_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->attempt();
    });
}

void LinkImpl::renew(const Credentials& credentials) {
    context_ = make_context(credentials, config_.dialect);
    config_.credentials = credentials;
    if (!is_running_) return;
    is_renewing_ = current_ != nullptr;
    give_up_attempt();
    asio::post(io_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->attempt();
    });
}

void LinkImpl::give_up_attempt() {
    resolver_.cancel();
    retry_timer_.cancel();
    retire(candidate_);
    is_attempting_ = false;
}

void LinkImpl::stop() {
    if (current_) current_->shutdown();
    abandon();
}

void LinkImpl::abandon() {
    is_running_ = false;
    is_up_ = false;
    is_renewing_ = false;
    give_up_attempt();
    retire(current_);
}

void LinkImpl::retire(std::shared_ptr<Connection>& connection) {
    if (!connection) return;
    connection->close();
    add(connection->counters(), counters_);
    connection.reset();
}

bool LinkImpl::send(const Message& message) {
    const bool sent = current_ && current_->send(message);
    if (!current_) ++counters_.not_up;
    return sent;
}

LinkCounters LinkImpl::counters() const {
    LinkCounters sum = counters_;
    if (current_) add(current_->counters(), sum);
    if (candidate_) add(candidate_->counters(), sum);
    return sum;
}

std::optional<Clock::duration> LinkImpl::round_trip() const {
    return current_ ? current_->round_trip() : std::nullopt;
}

void LinkImpl::attempt() {
    if (!is_running_ || is_attempting_) return;
    is_attempting_ = true;
    ++counters_.attempts;
    error_code not_numeric;
    const auto address = asio::ip::make_address(config_.host, not_numeric);
    if (!not_numeric) {
        connect(address);
        return;
    }
    resolver_.async_resolve(
        config_.host, std::to_string(config_.port),
        [weak = weak_from_this()](const error_code& error, const auto& results) {
            const auto self = weak.lock();
            if (!self || !self->is_attempting_ || error == asio::error::operation_aborted) return;
            if (error || results.empty())
                self->attempt_failed(
                    DownReason::unreachable,
                    "cannot resolve \"" + self->config_.host + "\": " + error.message(),
                    self->next_back_off());
            else
                self->connect(results.begin()->endpoint().address());
        });
}

void LinkImpl::connect(const asio::ip::address& address) {
    candidate_ =
        make_connection(io_, context_, config_.session, {version_, config_.profiles}, *this);
    error_code error;
    candidate_->open(address, config_.port, error);
    if (error)
        attempt_failed(DownReason::unreachable, "no socket: " + error.message(), next_back_off());
}

void LinkImpl::attempt_failed(DownReason reason, const std::string& text, Milliseconds wait) {
    is_attempting_ = false;
    retire(candidate_);
    retry_in(wait);
    events_.on_link_refused(reason, text);
}

void LinkImpl::retry_in(Milliseconds wait) {
    std::uniform_int_distribution<Milliseconds::rep> around(wait.count() * 3 / 4,
                                                            wait.count() * 5 / 4);
    retry_timer_.expires_after(Milliseconds(around(jitter_)));
    retry_timer_.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (self && !error) self->attempt();
    });
}

Milliseconds LinkImpl::next_back_off() {
    const Milliseconds wait = back_off_;
    back_off_ = std::min(2 * back_off_, config_.retry_last);
    return wait;
}

void LinkImpl::on_connection_event(Connection& connection, Event event) {
    if (const auto* up = std::get_if<Up>(&event))
        on_up(connection, *up);
    else if (auto* received = std::get_if<Received>(&event))
        events_.on_link_message(std::move(received->message));
    else if (const auto* down = std::get_if<Down>(&event))
        on_down(connection, *down);
    else if (std::holds_alternative<Silent>(event))
        on_silent();
    else
        on_alive();
}

void LinkImpl::on_connection_refused(Connection& connection, const std::string& text) {
    if (&connection == current_.get())
        current_->probe_now();
    else if (&connection == candidate_.get())
        attempt_failed(DownReason::unreachable, text, config_.retry_first);
}

void LinkImpl::on_up(Connection&, const Up& up) {
    if (current_) current_->shutdown();
    retire(current_);
    current_ = std::move(candidate_);
    is_attempting_ = false;
    is_renewing_ = false;
    back_off_ = config_.retry_first;
    peer_ = up.peer;
    is_up_ = true;
    ++counters_.ups;
    events_.on_link_up(peer_);
}

void LinkImpl::on_down(Connection& connection, const Down& down) {
    if (&connection == candidate_.get()) {
        attempt_failed(down.reason, down.text, wait_after(down.reason, connection));
        return;
    }
    const Milliseconds wait = down.reason == DownReason::version_unsupported
                                  ? wait_after(down.reason, connection)
                                  : config_.retry_first;
    retire(current_);
    if (!is_attempting_) retry_in(wait);
    report_down(down.reason, down.text);
}

// Remembers the version that a KMF names (RFC 9185 §5.4). There is no hurry to announce again what
// it does not speak.
Milliseconds LinkImpl::wait_after(DownReason reason, const Connection& connection) {
    if (reason != DownReason::version_unsupported) return next_back_off();
    const std::uint8_t named = connection.version_named().value_or(version_);
    const bool is_news = named != version_ && named <= rfc9185::kHighestVersion;
    if (is_news) version_ = named;
    return is_news ? config_.retry_first : config_.retry_last;
}

void LinkImpl::on_silent() {
    attempt();
    report_down(DownReason::silent, "keepalives are not answered any more");
}

void LinkImpl::on_alive() {
    if (!is_renewing_) give_up_attempt();
    is_up_ = true;
    events_.on_link_up(peer_);
}

void LinkImpl::report_down(DownReason reason, const std::string& text) {
    if (!is_up_) return;
    is_up_ = false;
    events_.on_link_down(reason, text);
}

Link::Link(boost::asio::io_context& io, LinkConfig config, LinkEvents& events)
    : impl_(std::make_shared<LinkImpl>(io, std::move(config), events)) {}

Link::~Link() {
    impl_->abandon();
}

void Link::start() {
    impl_->start();
}
void Link::stop() {
    impl_->stop();
}
void Link::renew(const Credentials& credentials) {
    impl_->renew(credentials);
}
bool Link::send(const Message& message) {
    return impl_->send(message);
}
bool Link::is_up() const {
    return impl_->is_up();
}
const LinkConfig& Link::config() const {
    return impl_->config();
}
LinkCounters Link::counters() const {
    return impl_->counters();
}
std::optional<Clock::duration> Link::round_trip() const {
    return impl_->round_trip();
}

}  // namespace mdd::tunnel
