// Rounds of the poll core.
#include "tools/mdd-load/poll_loop.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cstring>

#include "dataplane/net/arp.h"

namespace mdd::load {
namespace {

// Bursts that are taken before what is due gets its turn: what waits in the queue is lost first.
constexpr unsigned kBurstsPerRound = 8;
constexpr std::uint64_t kChoresPerSecond = 4000;

std::size_t longest_inner_bytes(const Scenario& scenario) {
    return std::max(scenario.audio.size_bytes, scenario.video.size_bytes);
}

net::Be32 first_hop(const Bed& bed) {
    return net::to_be(bed.endpoints.gateway.value_or(bed.mdd.address.address));
}

srtp::MutableBytes bytes_of(rte_mbuf* packet) {
    return {rte_pktmbuf_mtod(packet, std::uint8_t*), rte_pktmbuf_data_len(packet)};
}

bool is_dtls(srtp::Bytes datagram) {
    return !datagram.empty() && datagram[0] >= 20 && datagram[0] <= 63;
}
bool is_media(srtp::Bytes datagram) {
    return !datagram.empty() && datagram[0] >= 128 && datagram[0] <= 191;
}

}  // namespace

PollLoop::PollLoop(World& world, const Bed& bed, const Schedule& schedule, Port& port,
                   rte_mempool* pool, std::function<void(EndpointIndex)> put_out,
                   RealHandshakes* real)
    : world_(world),
      schedule_(schedule),
      port_(port),
      asked_ip_(first_hop(bed)),
      given_next_hop_(bed.mdd.mac),
      ticks_per_second_(rte_get_tsc_hz()),
      catch_up_(ticks_per_second_ / 1000 * static_cast<Tsc>(bed.cpu.catch_up.count())),
      journal_(world.plan().streams(), longest_inner_bytes(world.scenario())),
      transmitter_(world, journal_, port, pool),
      verifier_(world, journal_, TscScale(ticks_per_second_), bed.verify.every),
      joins_(
          world, ticks_per_second_,
          [this](srtp::Bytes frame) { return transmitter_.send_frame(frame); }, std::move(put_out),
          real),
      speakers_(world.scenario(), world.plan(), ticks_per_second_),
      next_hop_(given_next_hop_) {}

Tsc PollLoop::now() {
    return rte_rdtsc();
}

void PollLoop::ask_for_next_hop(net::Be32 asker) {
    std::array<std::uint8_t, net::kArpFrameBytes> frame;
    net::write_arp_request(frame.data(), port_.mac(), asker, asked_ip_);
    transmitter_.send_frame(frame);
}

void PollLoop::use_next_hop() {
    world_.set_link(port_.mac(), *next_hop_);
    has_link_ = true;
}

void PollLoop::start_sending(double packets_per_second, Tsc start) {
    pacer_.emplace(schedule_, packets_per_second, ticks_per_second_, start, catch_up_);
}

void PollLoop::report(bool on) {
    const auto interval_ms = static_cast<Tsc>(world_.scenario().rtcp.interval.count());
    report_interval_ = on && interval_ms != 0
                           ? ticks_per_second_ / 1000 * interval_ms / world_.plan().endpoints()
                           : 0;
    next_report_ = report_interval_ != 0 ? now() : kNever;
}

void PollLoop::reset_counts(Tsc since) {
    transmitter_.reset_counts();
    core_time_ = {};
    round_began_ = now();
    verifier_.reset(since);
}

std::uint64_t PollLoop::missed() const {
    const auto counters = port_.counters();
    return counters.rx_missed + counters.rx_nombuf;
}

bool PollLoop::round() {
    const auto began = now();
    is_behind_ = false;
    core_time_.longest_gap = std::max(core_time_.longest_gap, began - round_began_);
    unsigned packets = receive();
    if (pacer_) packets += send_due(now());
    if (began >= next_chores_) {
        next_chores_ = began + ticks_per_second_ / kChoresPerSecond;
        // Not `began`: who comes or goes now is owed nothing of, or all of, what was sent since.
        chores(now());
    }
    const auto spent = now() - began;
    core_time_.all += began - round_began_;
    if (packets != 0) core_time_.busy += spent;
    if (is_behind_) core_time_.behind += spent;
    round_began_ = began;
    return packets != 0;
}

void PollLoop::chores(Tsc now) {
    if (!has_link_) return;
    joins_.poll(now);
    speakers_.poll(now);
    send_reports(now);
}

// --- What comes in

unsigned PollLoop::receive() {
    unsigned total = 0;
    for (std::uint16_t queue = 0; queue < port_.rx_queues(); ++queue) total += receive_from(queue);
    return total;
}

unsigned PollLoop::receive_from(std::uint16_t queue) {
    std::array<rte_mbuf*, kBurst> packets;
    unsigned total = 0;
    for (unsigned burst = 0; burst < kBurstsPerRound; ++burst) {
        const unsigned count = port_.rx_burst(queue, packets.data(), kBurst);
        if (count == 0) break;
        sort(packets.data(), count, now());
        rte_pktmbuf_free_bulk(packets.data(), count);
        total += count;
    }
    if (total >= kBurstsPerRound * kBurst) is_behind_ = true;
    return total;
}

void PollLoop::sort(rte_mbuf** packets, unsigned count, Tsc now) {
    std::array<Arrival, kBurst> media;
    std::size_t media_count = 0;
    for (unsigned i = 0; i < count; ++i) take(packets[i], media, media_count, now);
    verifier_.take(std::span(media).first(media_count), now);
}

void PollLoop::take(rte_mbuf* packet, std::array<Arrival, kBurst>& media, std::size_t& media_count,
                    Tsc now) {
    net::Frame parsed;
    const auto frame = bytes_of(packet);
    if (packet->nb_segs != 1 || net::parse_frame(frame, parsed) != srtp::Verdict::accepted)
        return verifier_.take_astray();
    const auto payload = frame.subspan(parsed.payload_offset, parsed.payload_bytes);
    if (parsed.kind == net::FrameKind::arp) return answer_arp(payload);
    if (parsed.kind != net::FrameKind::udp) return;
    const auto receiver = world_.plan().endpoint_at(parsed.destination);
    if (!receiver) return verifier_.take_astray();
    if (is_media(payload))
        media[media_count++] = {*receiver, payload};
    else if (is_dtls(payload))
        joins_.on_datagram(*receiver, payload, now);
    else
        verifier_.take_astray();
}

void PollLoop::answer_arp(srtp::Bytes payload) {
    const auto arp = net::parse_arp(payload);
    if (!arp) return verifier_.take_astray();
    if (arp->sender_ip == asked_ip_ && !next_hop_) next_hop_ = arp->sender_mac;
    if (arp->operation != net::ArpOperation::request || !world_.plan().is_ours(arp->target_ip))
        return;
    std::array<std::uint8_t, net::kArpFrameBytes> reply;
    net::write_arp_reply(reply.data(), *arp, port_.mac(), arp->target_ip);
    transmitter_.send_frame(reply);
}

// --- What goes out

unsigned PollLoop::send_due(Tsc now) {
    std::array<Due, kBurst> due;
    std::size_t count = 0;
    while (count < due.size()) {
        const auto* event = pacer_->next(now);
        if (event == nullptr) break;
        look_ahead();
        const auto stream = speakers_.stream_in(event->slot, event->kind);
        if (stream && world_.is_present(world_.stream(*stream).sender))
            due[count++] = {*stream, event->ends_frame};
    }
    return count == 0 ? 0 : transmitter_.send(std::span(due).first(count));
}

// The order is known long before the time is there. Packets are often due one by one, so looking
// ahead within a burst would be too late.
void PollLoop::look_ahead() const {
    constexpr std::size_t kKeys = 6, kEndpoint = 12, kStream = 18;
    const auto stream_at = [this](std::size_t ahead) {
        const auto& event = pacer_->ahead(ahead);
        return speakers_.stream_in(event.slot, event.kind);
    };
    const auto& sender = transmitter_.sender();
    if (const auto stream = stream_at(kKeys)) sender.prefetch_keys(*stream);
    if (const auto stream = stream_at(kEndpoint)) sender.prefetch_endpoint(*stream);
    if (const auto stream = stream_at(kStream)) sender.prefetch_stream(*stream);
}

bool PollLoop::send_one(StreamIndex stream) {
    if (!world_.is_present(world_.stream(stream).sender)) return false;
    const Due due{stream, true};
    return transmitter_.send({&due, 1}) == 1;
}

void PollLoop::send_reports(Tsc now) {
    constexpr unsigned kMostAtOnce = 8;
    for (unsigned i = 0; i < kMostAtOnce && now >= next_report_; ++i) {
        next_report_ += report_interval_;
        const auto reporter = next_reporter_;
        next_reporter_ = (next_reporter_ + 1) % world_.plan().endpoints();
        if (world_.is_present(reporter)) transmitter_.send_report(reporter, PollLoop::now());
    }
}

}  // namespace mdd::load
