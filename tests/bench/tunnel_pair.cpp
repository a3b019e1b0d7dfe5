// The two forms of the pair: datagrams carried over one by one, and a stream carried over in
// pieces.
#include "tests/bench/tunnel_pair.h"

#include <stdexcept>

#include "kmf-tunnel/secure_context.h"
#include "kmf-tunnel/stream_session.h"

namespace mdd::bench {
namespace {

using tunnel::Message;

template <class Session>
std::vector<Message> messages_of(Session& session) {
    std::vector<Message> messages;
    while (auto event = session.next_event()) {
        if (auto* received = std::get_if<tunnel::Received>(&*event))
            messages.push_back(std::move(received->message));
        if (const auto* down = std::get_if<tunnel::Down>(&*event))
            throw std::runtime_error("the tunnel went down: " + down->text);
    }
    return messages;
}

tunnel::SessionConfig without_keepalive() {
    tunnel::SessionConfig config;
    config.keepalive.interval = tunnel::Milliseconds(0);
    return config;
}

// Until both are up, or the steps are over.
template <class Step, class IsUp>
void shake_hands(Step step, IsUp is_up) {
    for (int i = 0; i < 10'000 && !is_up(); ++i) step();
    if (!is_up()) throw std::runtime_error("the tunnel's handshake does not come to an end");
}

class DatagramPair : public TunnelPair {
  public:
    DatagramPair(const tunnel::Credentials& mdd, const tunnel::Credentials& kmf)
        : mdd_context_(tunnel::Role::mdd, mdd),
          kmf_context_(tunnel::Role::kmf, kmf),
          mdd_(mdd_context_, without_keepalive()),
          kmf_(kmf_context_, without_keepalive()) {
        mdd_.start(tunnel::Clock::now());
        shake_hands(
            [this] {
                receive_at_kmf();
                receive_at_mdd();
            },
            [this] { return mdd_.is_up() && kmf_.is_up(); });
    }

    bool send_from_mdd(const Message& message) override { return mdd_.send(message); }
    bool send_from_kmf(const Message& message) override { return kmf_.send(message); }
    std::vector<Message> receive_at_kmf() override { return carry(mdd_, kmf_); }
    std::vector<Message> receive_at_mdd() override { return carry(kmf_, mdd_); }

  private:
    static std::vector<Message> carry(tunnel::Session& from, tunnel::Session& to) {
        const std::uint8_t peer[] = {1};
        while (const auto datagram = from.next_datagram())
            to.on_datagram(tunnel::Clock::now(), *datagram, peer);
        return messages_of(to);
    }

    tunnel::SecureContext mdd_context_, kmf_context_;
    tunnel::Session mdd_, kmf_;
};

class StreamPair : public TunnelPair {
  public:
    StreamPair(const tunnel::Credentials& mdd, const tunnel::Credentials& kmf)
        : mdd_context_(tunnel::Role::mdd, mdd, tunnel::Dialect::rfc9185),
          kmf_context_(tunnel::Role::kmf, kmf, tunnel::Dialect::rfc9185),
          mdd_(mdd_context_, {}, {0, {0x0009, 0x000A, 0x0007, 0x0008}}),
          kmf_(kmf_context_, {}, {}) {
        mdd_.start(tunnel::Clock::now());
        kmf_.start(tunnel::Clock::now());
        shake_hands(
            [this] {
                receive_at_kmf();
                receive_at_mdd();
                // The MDD believes that it is up when the KMF has had nothing to say for a while.
                mdd_.on_time(tunnel::Clock::now() + tunnel::Milliseconds(1000));
            },
            [this] { return mdd_.is_up() && kmf_.is_up(); });
    }

    bool send_from_mdd(const Message& message) override { return mdd_.send(message); }
    bool send_from_kmf(const Message& message) override { return kmf_.send(message); }
    std::vector<Message> receive_at_kmf() override { return carry(mdd_, kmf_); }
    std::vector<Message> receive_at_mdd() override { return carry(kmf_, mdd_); }

  private:
    static std::vector<Message> carry(tunnel::StreamSession& from, tunnel::StreamSession& to) {
        while (!from.outgoing().empty()) {
            const auto size = from.outgoing().size();
            to.on_bytes(tunnel::Clock::now(), from.outgoing());
            from.taken(size);
        }
        return messages_of(to);
    }

    tunnel::SecureContext mdd_context_, kmf_context_;
    tunnel::StreamSession mdd_, kmf_;
};

}  // namespace

std::unique_ptr<TunnelPair> make_tunnel_pair(tunnel::Dialect dialect,
                                             const tunnel::Credentials& mdd,
                                             const tunnel::Credentials& kmf) {
    if (dialect == tunnel::Dialect::rfc9185) return std::make_unique<StreamPair>(mdd, kmf);
    return std::make_unique<DatagramPair>(mdd, kmf);
}

}  // namespace mdd::bench
