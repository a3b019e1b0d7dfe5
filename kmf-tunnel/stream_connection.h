// A TCP socket with its session and its timer: a Connection of RFC 9185, at either end.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "kmf-tunnel/connection.h"
#include "kmf-tunnel/stream_session.h"

namespace mdd::tunnel {

class StreamConnection : public Connection, public std::enable_shared_from_this<StreamConnection> {
  public:
    StreamConnection(boost::asio::io_context& io, std::shared_ptr<const SecureContext> context,
                     const SessionConfig& config, const rfc9185::Announcement& ours, Owner& owner);

    void open(const boost::asio::ip::address& address, std::uint16_t port,
              boost::system::error_code& error) override;
    // The KMF's way to begin: a socket that was accepted.
    void adopt(boost::asio::ip::tcp::socket socket, boost::system::error_code& error);
    bool send(const Message& message) override;
    void probe_now() override {}
    void shutdown() override;
    // What waits for the peer after shutdown() is still sent, for a while.
    void close() override;

    ConnectionCounters counters() const override;
    std::optional<Clock::duration> round_trip() const override { return std::nullopt; }
    std::optional<std::uint8_t> version_named() const override { return session_.version_named(); }

  private:
    void begin(boost::system::error_code& error);
    void on_connected(const boost::system::error_code& error);
    void await_bytes();
    void receive_all();
    void flush();
    void await_room();
    void note_lost(const boost::system::error_code& error);
    void deliver();
    void deliver_later();
    void arm_timer();
    void on_timer();
    void hang_up();

    boost::asio::ip::tcp::socket socket_;
    boost::asio::steady_timer timer_;
    std::optional<TimePoint> armed_for_;
    std::shared_ptr<const SecureContext> context_;
    const SessionConfig config_;
    StreamSession session_;
    ConnectionCounters counters_;  // without the session's
    Owner& owner_;
    bool is_open_ = false;       // the owner wants to hear
    bool is_connected_ = false;  // the socket takes bytes
    bool awaits_room_ = false;
    bool said_goodbye_ = false;
    boost::system::error_code why_lost_;  // as the last write told it
    std::array<std::uint8_t, 65536> bytes_;
};

}  // namespace mdd::tunnel
