// Socket options of streams.
#include "kmf-tunnel/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace mdd::tunnel {
namespace {

constexpr int kKeepaliveS = 1;  // until the first probe, and between probes; the least there is

void set(int socket, int level, int name, int value, boost::system::error_code& error) {
    if (!error && setsockopt(socket, level, name, &value, sizeof value) != 0)
        error.assign(errno, boost::system::system_category());
}

}  // namespace

void prepare_tunnel_socket(boost::asio::ip::tcp::socket& socket, Milliseconds peer_timeout,
                           boost::system::error_code& error) {
    socket.non_blocking(true, error);
    if (error) return;
    const int native = socket.native_handle();
    const int timeout_ms = static_cast<int>(peer_timeout.count());
    set(native, IPPROTO_TCP, TCP_NODELAY, 1, error);
    set(native, SOL_SOCKET, SO_KEEPALIVE, 1, error);
    set(native, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveS, error);
    set(native, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveS, error);
    // Rounded up, and one at least; TCP_USER_TIMEOUT says the rest.
    set(native, IPPROTO_TCP, TCP_KEEPCNT, std::max(1, (timeout_ms + 999) / 1000), error);
    set(native, IPPROTO_TCP, TCP_USER_TIMEOUT, timeout_ms, error);
}

}  // namespace mdd::tunnel
