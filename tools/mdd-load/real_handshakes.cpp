// One key exchange for each endpoint, on one event loop.
#include "tools/mdd-load/real_handshakes.h"

#include <fmt/format.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "tools/mdd-endpoint/key_exchange.h"
#include "tools/mdd-load/certificates.h"

namespace mdd::load {
namespace {

using endpoint::DtlsIdentity;
using endpoint::KeyExchange;

constexpr std::chrono::seconds kDeadline{20};

// Over dtls-v1 the tunnel names the conference, and members of different conferences may share an
// identity; over rfc9185 the tls-id does, so that each endpoint has its own.
std::vector<std::unique_ptr<DtlsIdentity>> identities_for(const Bed& bed, const Plan& plan,
                                                          srtp::Profile profile) {
    if (!bed.handshake.fingerprint)
        throw std::runtime_error(
            "Real handshakes need handshake.fingerprint_sha256 in the bed: that of the "
            "certificate that the KMF shows to endpoints.");
    const bool are_shared = bed.kmf.protocol == tunnel::Dialect::dtls_v1;
    std::vector<std::unique_ptr<DtlsIdentity>> identities;
    for (EndpointIndex i = 0; i < (are_shared ? plan.members() : plan.endpoints()); ++i) {
        const auto files = member_certificate(bed.handshake.certificates, plan.member_of(i));
        endpoint::SessionIds ids;
        if (!are_shared) ids.own = tls_id_of(i);
        identities.push_back(std::make_unique<DtlsIdentity>(
            files.cert, files.key, *bed.handshake.fingerprint, profile, std::move(ids)));
    }
    return identities;
}

}  // namespace

std::string tls_id_of(EndpointIndex endpoint) {
    return fmt::format("mdd-load-endpoint-{:08}", endpoint);
}

class RealHandshakes::Impl {
  public:
    Impl(const Bed& bed, const Plan& plan, srtp::Profile profile)
        : identities_(identities_for(bed, plan, profile)),
          exchanges_(plan.endpoints()),
          thread_([this] { io_.run(); }) {}
    ~Impl() {
        work_.reset();
        io_.stop();
        thread_.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void begin(EndpointIndex endpoint) {
        boost::asio::post(io_, [this, endpoint] {
            auto& exchange = exchanges_[endpoint];
            if (!exchange)
                exchange = std::make_unique<KeyExchange>(
                    io_, *identities_[endpoint % identities_.size()],
                    endpoint::HandshakeTimes{.deadline = kDeadline}, events_of(endpoint));
            {
                const std::lock_guard lock(mutex_);
                ++counts_.begun;
            }
            exchange->start();
        });
    }
    void leave(EndpointIndex endpoint) {
        boost::asio::post(io_, [this, endpoint] {
            if (exchanges_[endpoint]) exchanges_[endpoint]->close();
            // Not at once: we may be called from inside it.
            boost::asio::post(io_, [this, endpoint] { exchanges_[endpoint].reset(); });
        });
    }
    void on_datagram(EndpointIndex endpoint, srtp::Bytes datagram) {
        boost::asio::post(
            io_,
            [this, endpoint, bytes = std::vector<std::uint8_t>(datagram.begin(), datagram.end())] {
                if (exchanges_[endpoint]) exchanges_[endpoint]->on_datagram(bytes);
            });
    }
    std::vector<HandshakeEvent> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(events_, {});
    }
    RealHandshakeCounts counts() const {
        const std::lock_guard lock(mutex_);
        return counts_;
    }

  private:
    KeyExchange::Events events_of(EndpointIndex endpoint) {
        KeyExchange::Events events;
        events.send = [this, endpoint](srtp::Bytes datagram) {
            add({HandshakeEvent::Kind::datagram, endpoint, {datagram.begin(), datagram.end()}, {}});
        };
        events.keys = [this, endpoint](const srtp::HopKeys& keys) { on_keys(endpoint, keys); };
        events.ekt_key = [this](auto&&) {
            const std::lock_guard lock(mutex_);
            ++counts_.ekt_keys;
            return true;
        };
        events.failed = [this, endpoint] { on_end(endpoint, true); };
        events.ended = [this, endpoint] { on_end(endpoint, false); };
        return events;
    }
    void on_keys(EndpointIndex endpoint, const srtp::HopKeys& keys) {
        auto copy = std::make_unique<srtp::HopKeys>();
        copy->profile = keys.profile;
        const auto copy_master = [](const srtp::MasterKey& from, srtp::MasterKey& to) {
            to.key = srtp::Secret<srtp::kMaxHopKeyBytes>(from.key.bytes());
            to.salt = srtp::Secret<srtp::kHopSaltBytes>(from.salt.bytes());
        };
        copy_master(keys.client_write, copy->client_write);
        copy_master(keys.server_write, copy->server_write);
        {
            const std::lock_guard lock(mutex_);
            ++counts_.finished;
            counts_.took.add(static_cast<std::uint64_t>(
                exchanges_[endpoint]->counters().last_handshake_ms * 1e6));
        }
        add({HandshakeEvent::Kind::keyed, endpoint, {}, std::move(copy)});
    }
    void on_end(EndpointIndex endpoint, bool failed) {
        {
            const std::lock_guard lock(mutex_);
            if (failed) ++counts_.failed;
            const auto& why = exchanges_[endpoint]->counters().failure;
            if (!why.empty()) counts_.last_failure = why;
        }
        add({HandshakeEvent::Kind::ended, endpoint, {}, {}});
    }
    void add(HandshakeEvent event) {
        const std::lock_guard lock(mutex_);
        events_.push_back(std::move(event));
    }

    std::vector<std::unique_ptr<DtlsIdentity>> identities_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    std::vector<std::unique_ptr<KeyExchange>> exchanges_;
    mutable std::mutex mutex_;
    std::vector<HandshakeEvent> events_;
    RealHandshakeCounts counts_;
    std::thread thread_;
};

RealHandshakes::RealHandshakes(const Bed& bed, const Plan& plan, srtp::Profile profile)
    : impl_(std::make_unique<Impl>(bed, plan, profile)) {}
RealHandshakes::~RealHandshakes() = default;

void RealHandshakes::begin(EndpointIndex endpoint) {
    impl_->begin(endpoint);
}
void RealHandshakes::leave(EndpointIndex endpoint) {
    impl_->leave(endpoint);
}
void RealHandshakes::on_datagram(EndpointIndex endpoint, srtp::Bytes datagram) {
    impl_->on_datagram(endpoint, datagram);
}
std::vector<HandshakeEvent> RealHandshakes::take() {
    return impl_->take();
}
RealHandshakeCounts RealHandshakes::counts() const {
    return impl_->counts();
}

}  // namespace mdd::load
