// A connected UDP socket with its session and its timer: a Connection of the first dialect, at the
// MDD.
#pragma once

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "kmf-tunnel/connection.h"

namespace mdd::tunnel {

class DatagramConnection : public Connection,
                           public std::enable_shared_from_this<DatagramConnection> {
  public:
    DatagramConnection(boost::asio::io_context& io, std::shared_ptr<const SecureContext> context,
                       const SessionConfig& config, Owner& owner);

    void open(const boost::asio::ip::address& address, std::uint16_t port,
              boost::system::error_code& error) override;
    bool send(const Message& message) override;
    void probe_now() override;
    void shutdown() override;
    void close() override;

    ConnectionCounters counters() const override;
    std::optional<Clock::duration> round_trip() const override { return session_.round_trip(); }
    std::optional<std::uint8_t> version_named() const override { return std::nullopt; }

  private:
    void await_datagrams();
    void receive_all();
    void flush();
    void transmit(srtp::Bytes datagram);
    void deliver();
    void deliver_later();
    void arm_timer();
    void on_timer();
    void note_refused();

    boost::asio::ip::udp::socket socket_;
    boost::asio::steady_timer timer_;
    std::optional<TimePoint> armed_for_;
    std::shared_ptr<const SecureContext> context_;
    Session session_;
    ConnectionCounters counters_;  // without the session's
    Owner& owner_;
    bool is_open_ = false;
    bool refused_ = false;
    std::array<std::uint8_t, 65536> datagram_;
};

}  // namespace mdd::tunnel
