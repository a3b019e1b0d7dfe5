// Associations over time: the first handshake, its repeats, its deadline, and later ones for new
// keys while the old association stays and goes on bringing EKT keys. Feeds the DTLS clients with
// datagrams and time; knows nothing of media.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "tools/mdd-endpoint/dtls_client.h"

namespace mdd::endpoint {

struct KeyExchangeCounters {
    unsigned handshakes = 0;  // finished
    unsigned handshakes_failed = 0;
    unsigned repeated_flights = 0;
    std::uint64_t datagrams_sent = 0;
    std::uint64_t datagrams_received = 0;
    double first_handshake_ms = 0;  // first ClientHello to server Finished; 0 until then
    double last_handshake_ms = 0;
    unsigned ekt_acknowledgements = 0;
    bool closed_by_kmf = false;
    std::string failure;  // of the last handshake that failed, or of the association
};

// How long a handshake may take, however often it is begun anew; how soon a flight is repeated.
struct HandshakeTimes {
    std::chrono::milliseconds deadline{0};
    std::chrono::milliseconds first_repeat = DtlsClient::kFirstRepeat;
};

// One thread. Not movable.
class KeyExchange {
  public:
    using Clock = std::chrono::steady_clock;
    struct Events {
        std::function<void(srtp::Bytes)> send;
        std::function<void(const srtp::HopKeys&)> keys;  // each finished handshake
        // Each EKT key that comes; false: it contradicts an earlier one.
        std::function<bool(EktKey)> ekt_key;
        // The KMF has ended the association, and no other is being made.
        std::function<void()> ended;
        std::function<void()> failed;  // the first handshake will not finish; counters say why
    };

    // `identity` must outlive the object.
    KeyExchange(boost::asio::io_context& loop, const DtlsIdentity& identity,
                const HandshakeTimes& times, Events events);

    // Begins a handshake: the first, or a new one beside the association that is in use. Does
    // nothing while one is under way.
    void start();
    void on_datagram(srtp::Bytes datagram);
    // close_notify, and no more timers.
    void close();

    const KeyExchangeCounters& counters() const { return counters_; }

  private:
    void begin();
    void collect(DtlsClient& client);
    void end_when_over();
    void after_step();
    void on_finished();
    void on_failed();
    void arm();

    const DtlsIdentity& identity_;
    HandshakeTimes times_;
    Events events_;
    boost::asio::steady_timer timer_;
    std::unique_ptr<DtlsClient> pending_;
    std::unique_ptr<DtlsClient> established_;
    Clock::time_point started_{};
    unsigned acknowledged_before_ = 0;  // by associations that are gone
    KeyExchangeCounters counters_;
};

}  // namespace mdd::endpoint
