// What both ends do to their UDP sockets. Socket options only.
#pragma once

#include <boost/asio/ip/udp.hpp>

namespace mdd::tunnel {

// Non-blocking, and with the DF bit clear (IP_PMTUDISC_DONT): a tunnel datagram larger than the
// path is fragmented on the way instead of being lost once per PMTU discovery. The socket must be
// open.
void prepare_tunnel_socket(boost::asio::ip::udp::socket& socket, boost::system::error_code& error);

}  // namespace mdd::tunnel
