// Socket options of tunnels.
#include "kmf-tunnel/udp.h"

#include <netinet/in.h>
#include <sys/socket.h>

namespace mdd::tunnel {

void prepare_tunnel_socket(boost::asio::ip::udp::socket& socket, boost::system::error_code& error) {
    socket.non_blocking(true, error);
    if (error) return;
    const bool is_v6 = socket.local_endpoint(error).protocol() == boost::asio::ip::udp::v6();
    if (error) return;
    const int dont = is_v6 ? IPV6_PMTUDISC_DONT : IP_PMTUDISC_DONT;
    const int failed = setsockopt(socket.native_handle(), is_v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                                  is_v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &dont, sizeof dont);
    if (failed != 0) error.assign(errno, boost::system::system_category());
}

}  // namespace mdd::tunnel
