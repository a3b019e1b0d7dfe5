// What both ends do to their TCP sockets. Socket options only.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "kmf-tunnel/session.h"

namespace mdd::tunnel {

// Non-blocking, every message at once (TCP_NODELAY), and a peer that cannot be reached any more is
// given up after about `peer_timeout`, whether data waits for it (TCP_USER_TIMEOUT) or nothing is
// said (keepalive, from one second on). The socket must be open.
void prepare_tunnel_socket(boost::asio::ip::tcp::socket& socket, Milliseconds peer_timeout,
                           boost::system::error_code& error);

}  // namespace mdd::tunnel
