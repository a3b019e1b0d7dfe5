// Buffers and bursts.
#include "tools/mdd-load/transmitter.h"

#include <rte_cycles.h>

#include <cstring>

namespace mdd::load {
namespace {

constexpr std::size_t kSourcePortAt = 34;       // behind Ethernet and IPv4
constexpr std::uint16_t kStrangersPort = 1023;  // below every first_port

// What the outer tag covers; at the end there may be EKT.
void damage(std::uint8_t* frame) {
    frame[net::kHeaderBytes + srtp::kRtpFixedHeaderBytes] ^= 0x01;
}
void make_stranger(std::uint8_t* frame) {
    srtp::store_be16(frame + kSourcePortAt, kStrangersPort);
}

}  // namespace

Transmitter::Transmitter(World& world, Journal& journal, Port& port, rte_mempool* pool)
    : world_(world),
      journal_(journal),
      port_(port),
      pool_(pool),
      queues_(port.tx_queues()),
      sender_(world, journal) {}

KindCount& Transmitter::count_of(StreamIndex stream) {
    return world_.stream(stream).kind == MediaKind::audio ? counts_.audio : counts_.video;
}

unsigned Transmitter::send(std::span<const Due> due) {
    const auto count = static_cast<unsigned>(due.size());
    counts_.due += count;
    for (const auto& one : due) {
        const auto sender = world_.stream(one.stream).sender;
        count_of(one.stream).expected += world_.present(world_.plan().conference_of(sender)) - 1;
    }
    std::array<rte_mbuf*, kBurst> packets;
    if (rte_pktmbuf_alloc_bulk(pool_, packets.data(), count) != 0) {
        counts_.refused += count;
        return 0;
    }
    std::array<Built, kBurst> built;
    for (std::size_t i = 0; i < count; ++i) {
        const auto stream = due[i].stream;
        const auto bytes = StreamSender::next_frame_bytes(world_.stream(stream));
        auto* frame = rte_pktmbuf_append(packets[i], static_cast<std::uint16_t>(bytes));
        const auto written =
            sender_.write_packet(stream, due[i].ends_frame, reinterpret_cast<std::uint8_t*>(frame));
        built[i] = {packets[i], written.place, stream};
    }
    const auto all = std::span(built).first(count);
    if (hostile_) send_junk(all);
    return transmit(all);
}

unsigned Transmitter::transmit(std::span<const Built> built) {
    if (queues_ == 1) return transmit_on(0, built);
    unsigned taken = 0;
    std::array<Built, kBurst> own;
    for (std::uint16_t queue = 0; queue < queues_; ++queue) {
        std::size_t count = 0;
        for (const auto& one : built)
            if (queue_of(one.stream) == queue) own[count++] = one;
        if (count != 0) taken += transmit_on(queue, std::span(own).first(count));
    }
    return taken;
}

unsigned Transmitter::transmit_on(std::uint16_t queue, std::span<const Built> built) {
    std::array<rte_mbuf*, kBurst> packets;
    const auto count = static_cast<unsigned>(built.size());
    const auto at = rte_rdtsc();
    for (unsigned i = 0; i < count; ++i) {
        packets[i] = built[i].packet;
        journal_.went_out(built[i].place, at);
    }
    const unsigned taken = port_.tx_burst(queue, packets.data(), static_cast<std::uint16_t>(count));
    for (unsigned i = 0; i < taken; ++i) {
        ++count_of(built[i].stream).sent;
        world_.note_sent(world_.stream(built[i].stream).sender);
    }
    if (taken < count) {
        counts_.refused += count - taken;
        for (unsigned i = taken; i < count; ++i) journal_.went_out(built[i].place, 0);
        rte_pktmbuf_free_bulk(packets.data() + taken, count - taken);
    }
    return taken;
}

// In front of the packets that it is made of: the damaged ones are new to mdd's replay window, so
// that it has to try them.
void Transmitter::send_junk(std::span<const Built> like) {
    const auto& hostile = world_.scenario().hostile;
    for (const auto& one : like) {
        for (bad_tags_owed_ += hostile.bad_tags_percent; bad_tags_owed_ >= 100;
             bad_tags_owed_ -= 100)
            send_copy(one, damage);
        for (strangers_owed_ += hostile.strangers_percent; strangers_owed_ >= 100;
             strangers_owed_ -= 100)
            send_copy(one, make_stranger);
    }
}

void Transmitter::send_copy(const Built& like, void (*spoil)(std::uint8_t* frame)) {
    auto* packet = rte_pktmbuf_alloc(pool_);
    if (packet == nullptr) return;
    const auto bytes = rte_pktmbuf_data_len(like.packet);
    auto* frame = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(packet, bytes));
    std::memcpy(frame, rte_pktmbuf_mtod(like.packet, const std::uint8_t*), bytes);
    spoil(frame);
    if (port_.tx_burst(queue_of(like.stream), &packet, 1) == 1)
        ++counts_.junk;
    else
        rte_pktmbuf_free(packet);
}

bool Transmitter::send_frame(srtp::Bytes frame) {
    auto* packet = rte_pktmbuf_alloc(pool_);
    if (packet == nullptr) return false;
    auto* at = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
    std::memcpy(at, frame.data(), frame.size());
    if (port_.tx_burst(0, &packet, 1) == 1) return true;
    rte_pktmbuf_free(packet);
    return false;
}

void Transmitter::send_report(EndpointIndex reporter, Tsc now) {
    std::array<std::uint8_t, kReportFrameBytes> frame;
    const auto bytes = sender_.write_report(reporter, now, frame.data());
    counts_.rtcp.expected += world_.present(world_.plan().conference_of(reporter)) - 1;
    if (!send_frame(srtp::Bytes(frame).first(bytes))) {
        ++counts_.refused;
        return;
    }
    ++counts_.rtcp.sent;
    world_.note_sent(reporter);
}

}  // namespace mdd::load
