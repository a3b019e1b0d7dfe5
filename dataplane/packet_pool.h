// Pools of packet buffers, one per worker, and the poison that makes a test build notice a read
// past a packet's end.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>
#include <string>

#if defined(MDD_AUDIT) && defined(__SANITIZE_ADDRESS__)
#define MDD_POISON_TAILROOM 1
#include <sanitizer/asan_interface.h>
#else
#define MDD_POISON_TAILROOM 0
#endif

namespace mdd {

struct PacketPoolDeleter {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
};
// Precondition for destruction: no mbuf of the pool is in use, no port of the pool is open.
using PacketPool = std::unique_ptr<rte_mempool, PacketPoolDeleter>;

// A pool of `count` single-segment buffers with room for a frame of `frame_bytes` behind
// RTE_PKTMBUF_HEADROOM. `name` is unique in the process and at most 26 characters. Throws
// std::runtime_error when memory does not suffice, saying how much was asked for. Control thread.
PacketPool make_packet_pool(const std::string& name, unsigned count, int socket,
                            std::uint16_t frame_bytes = 2048);

// After receive: nothing of ours may look behind the packet's last byte. A no-op unless built with
// audit and ASan. Pairs with unpoison_room() before the buffer is written, freed or sent: DPDK's
// inlined code is instrumented as well.
inline void poison_tailroom([[maybe_unused]] rte_mbuf* packet) {
#if MDD_POISON_TAILROOM
    __asan_poison_memory_region(
        rte_pktmbuf_mtod_offset(packet, char*, rte_pktmbuf_data_len(packet)),
        rte_pktmbuf_tailroom(packet));
#endif
}

inline void unpoison_room([[maybe_unused]] rte_mbuf* packet) {
#if MDD_POISON_TAILROOM
    __asan_unpoison_memory_region(packet->buf_addr, packet->buf_len);
#endif
}

// A whole buffer of nobody else's, the usual case: it can go back without a look at its second
// cache line.
inline bool is_whole_buffer(const rte_mbuf* packet) {
    return packet->nb_segs == 1 && RTE_MBUF_DIRECT(packet) && rte_mbuf_refcnt_read(packet) == 1;
}

// Gives a received packet back to its pool.
inline void free_packet(rte_mbuf* packet) {
    unpoison_room(packet);
    if (is_whole_buffer(packet))
        rte_mbuf_raw_free(packet);
    else
        rte_pktmbuf_free(packet);
}
// Likewise several: those of one pool go back together.
void free_packets(rte_mbuf** packets, unsigned count);

}  // namespace mdd
