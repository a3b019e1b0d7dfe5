// Tunnels, hellos and answers.
#include "tools/mdd-load/kmf_role.h"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "kmf-tunnel/listener.h"
#include "tools/mdd-load/hello.h"

namespace mdd::load {
namespace {

using tunnel::TunnelId;

tunnel::ListenerConfig listener_config(const KmfSection& settings) {
    tunnel::ListenerConfig config;
    config.address = config::to_string(settings.listen.address);
    config.port = settings.listen.port;
    config.credentials = {settings.cert.string(), settings.key.string(), settings.ca.string(), {}};
    config.dialects = {settings.protocol};
    return config;
}

tunnel::KeyInformation information(const srtp::HopKeys& keys) {
    const auto key_bytes = srtp::traits_of(keys.profile).hop_key_bytes;
    const auto key = [key_bytes](const srtp::MasterKey& master) {
        return tunnel::SecretBytes(master.key.first(key_bytes));
    };
    return {static_cast<std::uint16_t>(keys.profile), key(keys.client_write),
            key(keys.server_write), tunnel::SecretBytes(keys.client_write.salt.bytes()),
            tunnel::SecretBytes(keys.server_write.salt.bytes())};
}

}  // namespace

class KmfRole::Impl : public tunnel::ListenerEvents {
  public:
    Impl(const KmfSection& settings, const Plan& plan, const KeySource& keys)
        : plan_(plan),
          keys_(keys),
          dialect_(settings.protocol),
          places_(plan.endpoints()),
          listener_(io_, listener_config(settings), *this) {
        listener_.start();
        thread_ = std::thread([this] { io_.run(); });
    }
    ~Impl() override {
        boost::asio::post(io_, [this] {
            listener_.stop();
            work_.reset();
            io_.stop();
        });
        thread_.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void on_tunnel_up(TunnelId, const tunnel::PeerIdentity&, tunnel::Dialect) override { ++up_; }
    void on_tunnel_down(TunnelId, tunnel::DownReason, const std::string& text) override {
        --up_;
        note_trouble("A tunnel of mdd's went down: " + text);
    }
    void on_tunnel_refused(tunnel::DownReason, const std::string& text) override {
        note_trouble("A tunnel did not come up: " + text);
    }
    void on_tunnel_message(TunnelId from, tunnel::Message&& message) override {
        if (std::holds_alternative<tunnel::Disconnect>(message.body)) {
            ++ended_;
            return;
        }
        const auto hello = read_hello(message.dtls);
        if (!hello || hello->endpoint >= plan_.endpoints() || !is_its_conference(*hello, message)) {
            ++strangers_;
            return;
        }
        ++hellos_;
        places_[hello->endpoint] = {from, message.association, message.conference};
        const tunnel::Message answer{
            message.association, message.conference,
            information(keys_.hop_keys(hello->endpoint, hello->generation)), write_answer(*hello)};
        if (listener_.send(from, answer)) ++answers_;
    }

    void put_out(EndpointIndex endpoint) {
        boost::asio::post(io_, [this, endpoint] {
            auto& place = places_[endpoint];
            if (place.association.is_zero() || dialect_ != tunnel::Dialect::rfc9185) return;
            if (listener_.send(place.tunnel,
                               {place.association, place.conference, tunnel::Disconnect{}, {}}))
                ++put_out_;
            place = {};
        });
    }

    std::uint16_t port() const { return listener_.port(); }
    unsigned tunnels_up() const { return up_; }
    KmfCounts counts() const { return {hellos_, answers_, put_out_, ended_, strangers_}; }
    std::string last_trouble() const {
        const std::lock_guard lock(trouble_mutex_);
        return trouble_;
    }

  private:
    struct Place {
        TunnelId tunnel{};
        tunnel::AssociationId association;
        tunnel::ConferenceId conference;
    };

    bool is_its_conference(const Handshake& hello, const tunnel::Message& message) const {
        // rfc9185 names none.
        return dialect_ == tunnel::Dialect::rfc9185 ||
               message.conference == plan_.conference_id(plan_.conference_of(hello.endpoint));
    }
    void note_trouble(std::string text) {
        const std::lock_guard lock(trouble_mutex_);
        trouble_ = std::move(text);
    }

    const Plan& plan_;
    const KeySource& keys_;
    const tunnel::Dialect dialect_;
    std::vector<Place> places_;  // by endpoint; zero association: none
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    tunnel::Listener listener_;
    std::atomic<unsigned> up_{0};
    std::atomic<std::uint64_t> hellos_{0}, answers_{0}, put_out_{0}, ended_{0}, strangers_{0};
    mutable std::mutex trouble_mutex_;
    std::string trouble_;
    std::thread thread_;
};

KmfRole::KmfRole(const KmfSection& settings, const Plan& plan, const KeySource& keys)
    : impl_(std::make_unique<Impl>(settings, plan, keys)) {}
KmfRole::~KmfRole() = default;

std::uint16_t KmfRole::port() const {
    return impl_->port();
}
unsigned KmfRole::tunnels_up() const {
    return impl_->tunnels_up();
}
KmfCounts KmfRole::counts() const {
    return impl_->counts();
}
std::string KmfRole::last_trouble() const {
    return impl_->last_trouble();
}
void KmfRole::put_out(EndpointIndex endpoint) {
    impl_->put_out(endpoint);
}

}  // namespace mdd::load
