// Copies between packet buffers and bytes.
#include "dataplane/datagram.h"

#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/packet_pool.h"

namespace mdd {

rte_mbuf* make_datagram(rte_mempool* pool, srtp::Bytes payload) {
    auto* packet = rte_pktmbuf_alloc(pool);
    if (packet == nullptr) return nullptr;
    char* at = payload.size() <= UINT16_MAX
                   ? rte_pktmbuf_append(packet, static_cast<std::uint16_t>(payload.size()))
                   : nullptr;
    if (at == nullptr) {
        rte_pktmbuf_free(packet);
        return nullptr;
    }
    std::memcpy(at, payload.data(), payload.size());
    return packet;
}

srtp::Bytes datagram_of(const Notice& notice) {
    return {rte_pktmbuf_mtod_offset(notice.packet, const std::uint8_t*, notice.payload_offset),
            notice.payload_bytes};
}

void free_datagram(rte_mbuf* packet) {
    if (packet != nullptr) free_packet(packet);
}

}  // namespace mdd
