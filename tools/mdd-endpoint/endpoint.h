// The running endpoint: one socket to the MDD, handshakes, cryptography, local programs, reports.
// The only class that knows all parts; it decides the order of things and leaves the work to them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "tools/mdd-endpoint/double_context.h"
#include "tools/mdd-endpoint/key_exchange.h"
#include "tools/mdd-endpoint/options.h"
#include "tools/mdd-endpoint/report.h"
#include "tools/mdd-endpoint/rtcp_packet.h"
#include "tools/mdd-endpoint/trace.h"

namespace mdd::endpoint {

// One thread: the loop's. Not movable.
class Endpoint {
  public:
    // Opens everything; sends nothing yet. Throws std::runtime_error with a full sentence.
    // `options` is copied.
    Endpoint(boost::asio::io_context& loop, const Options& options);
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    // Sends the first ClientHello. `failed` is called once when the first handshake does not come
    // about.
    void start(std::function<void()> failed);
    // A new handshake beside the association in use (SIGUSR1).
    void rekey() { keys_.start(); }
    // Stops and resumes RTP from local programs and generators (SIGUSR2); RTCP and receiving go on.
    void toggle_pause();
    // close_notify; keys, sockets and timers go, so that the loop runs out. The report stays.
    void stop();

    nlohmann::ordered_json report() const;
    const std::string& failure() const { return keys_.counters().failure; }

  private:
    using Clock = std::chrono::steady_clock;

    bool on_ekt_key(EktKey key);
    void on_ended();
    void on_datagram(srtp::Bytes datagram, Clock::time_point at);
    void on_keys(const srtp::HopKeys& keys);
    void on_srtp(srtp::Bytes datagram, Clock::time_point at);
    void on_srtcp(srtp::Bytes datagram, Clock::time_point at);
    void deliver(const ReceivedRtp& received);
    void route_rtcp(Packet packet, const RtcpSummary& summary, Clock::time_point now);
    void send_rtp(Packet packet);
    void forward_rtcp(Packet packet);
    void send_rtcp(Packet packet);
    void send_own_report();
    void keep_house();
    void begin_generating();
    void generate();
    std::uint32_t own_ssrc() const;
    void say_hello_to(std::uint32_t ssrc);

    Options options_;
    DtlsIdentity identity_;
    DoubleContext context_;
    Trace trace_;
    UdpSocket socket_;
    KeyExchange keys_;
    std::function<void()> failed_;
    std::vector<std::unique_ptr<LocalInput>> inputs_;
    std::unique_ptr<LocalOutput> output_;
    std::vector<Generator> generators_;
    boost::asio::steady_timer house_timer_;
    boost::asio::steady_timer generate_timer_;
    std::map<std::uint32_t, SentStream> sent_;
    std::map<std::uint32_t, ReceivedStream> received_;
    std::uint64_t demux_unknown_ = 0;
    std::vector<Clock::time_point> keyed_at_;
    std::vector<std::uint16_t> spis_;  // of the EKT keys that came, oldest first
    Clock::time_point last_rtcp_{};
    std::uint32_t random_ssrc_ = 0;
    bool generating_ = false;
    bool paused_ = false;
    bool stopped_ = false;
};

}  // namespace mdd::endpoint
