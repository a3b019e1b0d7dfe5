// Making packet pools.
#include "dataplane/packet_pool.h"

#include <rte_errno.h>

#include <stdexcept>

namespace mdd {

PacketPool make_packet_pool(const std::string& name, unsigned count, int socket,
                            std::uint16_t frame_bytes) {
    const std::size_t room_bytes = std::size_t{frame_bytes} + RTE_PKTMBUF_HEADROOM;
    const std::string what = "packet pool " + name + " of " + std::to_string(count) +
                             " buffers of " + std::to_string(room_bytes) + " bytes (" +
                             std::to_string(count * (room_bytes + sizeof(rte_mbuf)) >> 20) +
                             " MiB)";
    if (room_bytes > UINT16_MAX) throw std::runtime_error(what + ": a buffer holds 65535 bytes.");
    // The per-lcore cache must stay small beside the pool, or a few idle lcores hold most of it.
    const unsigned cache = count >= 2048 ? 256 : 0;
    rte_mempool* pool = rte_pktmbuf_pool_create(name.c_str(), count, cache, 0,
                                                static_cast<std::uint16_t>(room_bytes), socket);
    if (pool == nullptr)
        throw std::runtime_error(what + " cannot be made on NUMA socket " + std::to_string(socket) +
                                 ": " + rte_strerror(rte_errno) + ".");
    return PacketPool(pool);
}

void free_packets(rte_mbuf** packets, unsigned count) {
    for (unsigned from = 0, to = 0; from < count; from = to) {
        auto* pool = packets[from]->pool;
        for (; to < count && packets[to]->pool == pool && is_whole_buffer(packets[to]); ++to)
            unpoison_room(packets[to]);
        if (to == from)
            free_packet(packets[to++]);
        else
            rte_mempool_put_bulk(pool, reinterpret_cast<void**>(packets + from), to - from);
    }
}

}  // namespace mdd
