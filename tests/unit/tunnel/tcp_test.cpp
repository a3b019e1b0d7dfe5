// What a tunnel's TCP socket is set to, read back from the kernel.
#include "kmf-tunnel/tcp.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include <boost/asio/io_context.hpp>

namespace mdd::tunnel {
namespace {

using boost::asio::ip::tcp;

int option(tcp::socket& socket, int level, int name) {
    int value = -1;
    socklen_t size_bytes = sizeof value;
    getsockopt(socket.native_handle(), level, name, &value, &size_bytes);
    return value;
}

TEST(TunnelTcp, APeerThatDiesSilentlyIsFoundWithinSeconds) {
    boost::asio::io_context io;
    for (const int timeout_ms : {1500, 3000}) {
        tcp::socket socket(io, tcp::v4());
        boost::system::error_code error;
        prepare_tunnel_socket(socket, Milliseconds(timeout_ms), error);
        ASSERT_FALSE(error) << error.message();
        EXPECT_TRUE(socket.non_blocking());
        EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_NODELAY), 1);
        EXPECT_EQ(option(socket, SOL_SOCKET, SO_KEEPALIVE), 1);
        EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT), timeout_ms);
        const int idle_s = option(socket, IPPROTO_TCP, TCP_KEEPIDLE);
        const int spent_s = idle_s + option(socket, IPPROTO_TCP, TCP_KEEPINTVL) *
                                         option(socket, IPPROTO_TCP, TCP_KEEPCNT);
        EXPECT_LE(spent_s, 5);
        EXPECT_GE(spent_s * 1000, timeout_ms);
    }
}

TEST(TunnelTcp, ASocketThatIsNotOpenIsAnError) {
    boost::asio::io_context io;
    tcp::socket socket(io);
    boost::system::error_code error;
    prepare_tunnel_socket(socket, Milliseconds(1000), error);
    EXPECT_TRUE(error);
}

}  // namespace
}  // namespace mdd::tunnel
