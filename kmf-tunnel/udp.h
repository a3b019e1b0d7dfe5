// What both ends do with their UDP sockets: options, and how much they read at a time.
#pragma once

#include <boost/asio/ip/udp.hpp>

namespace mdd::tunnel {

// A socket that became readable is read this often; then the event loop gets its turn, however fast
// peers send.
inline constexpr int kDatagramsPerWake = 64;

// Non-blocking, and with the DF bit clear (IP_PMTUDISC_DONT): a tunnel datagram larger than the
// path is fragmented on the way instead of being lost once per PMTU discovery. The socket must be
// open.
void prepare_tunnel_socket(boost::asio::ip::udp::socket& socket, boost::system::error_code& error);

}  // namespace mdd::tunnel
