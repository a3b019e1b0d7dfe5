// Payloads and frames between packet buffers and bytes: all that the control thread needs of DPDK's
// buffers, and what workers do now and then. Free of rte_* headers.
#pragma once

#include "dataplane/mailbox.h"

struct rte_mempool;

namespace mdd {

// A buffer that holds `payload` and has headroom for the headers in front of it. Null: the pool is
// dry or the payload longer than a buffer. `pool` belongs to the caller's thread.
rte_mbuf* make_datagram(rte_mempool* pool, srtp::Bytes payload);

// The UDP payload of a notice of kind dtls; lives as long as notice.packet.
srtp::Bytes datagram_of(const Notice& notice);

// Frees a datagram that nobody took over; null is allowed.
void free_datagram(rte_mbuf* packet);

}  // namespace mdd
