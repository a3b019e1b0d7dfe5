// Passes over a burst, each of which asks for the memory that the next one reads; then group by
// group, receiver by receiver: see bare_loop.h.
#include "tests/bench/bare_loop.h"

#include <emmintrin.h>
#include <fmt/format.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "dataplane/net/wire.h"
#include "dataplane/port.h"
#include "dataplane/srtp/library_copy.h"
#include "tests/bench/bare_tables.h"

namespace mdd::bench {
namespace {

// Packets taken at once, as many as the worker takes; buffers for copies taken and given at once.
constexpr unsigned kBareBurst = kDefaultBurst, kBareCopies = 32, kTogether = 8;
constexpr std::size_t kLine = 64, kRtpBytes = 12;
// Headers, tag and a short EKT tag.
constexpr std::size_t kAroundText = net::kHeaderBytes + kRtpBytes + srtp::kTagBytes + 1;
constexpr std::size_t kIpLengthAt = net::kEthernetBytes + 2, kIpSumAt = net::kEthernetBytes + 10;
constexpr std::size_t kSourceAt = net::kEthernetBytes + 12, kSsrcAt = net::kHeaderBytes + 8;
constexpr std::size_t kUdpLengthAt = net::kHeaderBytes - 4, kUdpSumAt = net::kHeaderBytes - 2;

// How far ahead memory is asked for, and how much; the processor's own prefetcher sees the rest of
// a payload or of a fresh buffer coming. Tried: one to four receivers, one to three groups, 3 to
// all lines of a payload, none to 8 of a buffer; none was better by more than the figures wobble.
constexpr unsigned kReceiversAhead = 2, kGroupsAhead = 2;
constexpr std::size_t kPayloadLines = 8, kRoomLines = 3;

// Inlined, like all here that only asks for memory: GCC holds a function that does nothing else to
// be without effect, and leaves out the call.
[[gnu::always_inline]] inline void prefetch_lines(const void* at, std::size_t lines) {
    for (std::size_t line = 0; line < lines; ++line)
        __builtin_prefetch(static_cast<const char*>(at) + line * kLine);
}

[[gnu::always_inline]] inline void prefetch_key(const BareKey& key, std::size_t text_bytes,
                                                std::size_t round_key_lines) {
    constexpr std::size_t kLines = sizeof(BareKey) / kLine, kBlock = 16;
    // From the end, one hash power for each block, and for header and lengths.
    const auto powers = ((text_bytes + kBlock - 1) / kBlock + 3) * kBlock / kLine + 1;
    const auto first = kLines - std::min(powers, kLines - round_key_lines);
    prefetch_lines(&key, round_key_lines);
    prefetch_lines(reinterpret_cast<const char*>(&key) + first * kLine, kLines - first);
}

template <typename Value>
Value load(const void* at) {
    Value value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

template <typename Value>
void store(void* at, Value value) {
    std::memcpy(at, &value, sizeof value);
}

std::uint16_t swapped(std::size_t host) {
    return __builtin_bswap16(static_cast<std::uint16_t>(host));
}

std::uint16_t fold(std::uint32_t sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum + (sum >> 16));
}

std::size_t text_bytes(const rte_mbuf* packet) {
    return packet->data_len - kAroundText;
}

const std::uint8_t* rtp_of(const rte_mbuf* packet) {
    return rte_pktmbuf_mtod(packet, const std::uint8_t*) + net::kHeaderBytes;
}

// Headers for `frame_bytes` in front of a copy.
void write_headers(const BareHeaders& to, std::uint8_t* frame, std::size_t frame_bytes) {
    const auto ip_length = swapped(frame_bytes - net::kEthernetBytes);
    const auto udp_length = swapped(frame_bytes - net::kEthernetBytes - net::kIpv4Bytes);
    std::memcpy(frame, &to, sizeof to);
    store(frame + kIpLengthAt, ip_length);
    store(frame + kIpSumAt,
          static_cast<std::uint16_t>(~fold(std::uint32_t{to.ip_sum} + ip_length)));
    store(frame + kUdpLengthAt, udp_length);
    store(frame + kUdpSumAt, fold(std::uint32_t{to.pseudo_sum} + udp_length));
}

}  // namespace

struct alignas(64) BareLoop::Core {
    // Twelve bytes, moved by sixteen: as the cipher loads them.
    struct Nonce {
        __m128i bits;
        Nonce with(const BareKey& key) const {
            return {_mm_xor_si128(bits, load<__m128i>(key.salt.data()))};
        }
        const std::uint8_t* bytes() const { return reinterpret_cast<const std::uint8_t*>(&bits); }
    };
    // Packets of one stream that go together.
    struct Group {
        BareStream* stream = nullptr;
        unsigned count = 0;
        std::array<rte_mbuf*, kTogether> packets;
    };
    struct Opened {
        alignas(kLine) std::array<std::uint8_t, 2048> text;
        Nonce nonce;  // without a salt
    };

    Core(FanOut& fan_out, Port& in_port, Port& out_port, rte_mempool* copies);
    void find_streams();
    void form_groups();
    void prefetch_group(const Group& group) const;
    void prefetch_receiver();
    void open(const Group& group);
    void copy_to(const BareReceiver& to, const Group& group);
    rte_mbuf* fresh_packet();
    void send();

    Port& in;
    Port& out;
    rte_mempool* pool;
    srtp::LibraryCopy library;
    aes_gcm_enc_dec_t seal = nullptr, unseal = nullptr;
    std::size_t round_key_lines;
    std::unique_ptr<BareTables> tables;

    std::array<rte_mbuf*, kBareBurst> packets;
    std::array<BareStream*, kBareBurst> streams;
    std::array<Group, kBareBurst> groups;
    std::array<Opened, kTogether> opened;
    std::array<rte_mbuf*, kBareCopies> fresh;
    std::array<rte_mbuf*, kBareCopies> ready;
    unsigned packet_count = 0, group_count = 0, fresh_count = 0, ready_count = 0;
    unsigned copies_left = 0;  // of this burst
    // Whose key is asked for next.
    unsigned ahead_group = 0, ahead_receiver = 0;
    std::uint64_t sent = 0, lost = 0, forged = 0;
};

BareLoop::Core::Core(FanOut& fan_out, Port& in_port, Port& out_port, rte_mempool* copies)
    : in(in_port),
      out(out_port),
      pool(copies),
      round_key_lines(fan_out.config().aes_bits == 256 ? 4 : 3) {
    const std::unique_ptr<IMB_MGR, decltype(&free_mb_mgr)> manager(alloc_mb_mgr(0), &free_mb_mgr);
    init_mb_mgr_auto(manager.get(), nullptr);
    const bool is_256 = fan_out.config().aes_bits == 256;
    const auto shared = is_256 ? manager->gcm256_enc : manager->gcm128_enc;
    if (imb_get_errno(manager.get()) != 0 || !library.make(reinterpret_cast<const void*>(shared)))
        throw std::runtime_error("The bare loop gets no cipher of its own.");
    seal = library.at(shared);
    unseal = library.at(is_256 ? manager->gcm256_dec : manager->gcm128_dec);
    tables =
        std::make_unique<BareTables>(fan_out, is_256 ? manager->gcm256_pre : manager->gcm128_pre);
}

void BareLoop::Core::find_streams() {
    std::array<std::uint64_t, kBareBurst> tags;
    std::array<std::size_t, kBareBurst> places;
    for (unsigned i = 0; i < packet_count; ++i) {
        __builtin_prefetch(packets[i]);
        prefetch_lines(reinterpret_cast<const char*>(packets[i] + 1) + RTE_PKTMBUF_HEADROOM, 2);
    }
    for (unsigned i = 0; i < packet_count; ++i) {
        const auto* frame = rte_pktmbuf_mtod(packets[i], const std::uint8_t*);
        tags[i] = BareTables::tag_of(load<net::Be32>(frame + kSourceAt),
                                     load<net::Be32>(frame + kSsrcAt));
        places[i] = tables->prefetch(tags[i]);
    }
    for (unsigned i = 0; i < packet_count; ++i) {
        streams[i] = tables->find(tags[i], places[i]);
        __builtin_prefetch(&streams[i]->next_index);
    }
}

void BareLoop::Core::form_groups() {
    group_count = copies_left = 0;
    for (unsigned i = 0; i < packet_count; ++i) {
        auto* stream = streams[i];
        // What it says may be of another burst.
        const bool open = stream->group < group_count && groups[stream->group].stream == stream &&
                          groups[stream->group].count < kTogether;
        if (!open) {
            stream->group = group_count++;
            groups[stream->group].stream = stream;
            groups[stream->group].count = 0;
        }
        auto& group = groups[stream->group];
        group.packets[group.count++] = packets[i];
        copies_left += stream->receiver_count;
    }
    ahead_group = ahead_receiver = 0;
}

[[gnu::always_inline]] inline void BareLoop::Core::prefetch_group(const Group& group) const {
    prefetch_key(group.stream->key, text_bytes(group.packets[0]), round_key_lines);
    for (unsigned i = 0; i < group.count; ++i) {
        const auto* packet = group.packets[i];
        prefetch_lines(rte_pktmbuf_mtod(packet, const void*),
                       std::min<std::size_t>(packet->data_len / kLine + 1, kPayloadLines));
    }
}

[[gnu::always_inline]] inline void BareLoop::Core::prefetch_receiver() {
    if (ahead_group == group_count) return;
    const auto& group = groups[ahead_group];
    const auto& receiver = *group.stream->receivers[ahead_receiver];
    prefetch_key(receiver.key, text_bytes(group.packets[0]), round_key_lines);
    __builtin_prefetch(&receiver.headers);
    if (++ahead_receiver < group.stream->receiver_count) return;
    ahead_receiver = 0;
    ++ahead_group;
}

void BareLoop::Core::open(const Group& group) {
    auto& stream = *group.stream;
    for (unsigned i = 0; i < group.count; ++i) {
        const auto* rtp = rtp_of(group.packets[i]);
        const auto bytes = text_bytes(group.packets[i]);
        const auto step = static_cast<std::int16_t>(srtp::load_be16(rtp + 2) -
                                                    static_cast<std::uint16_t>(stream.next_index));
        const auto index = stream.next_index + static_cast<std::uint64_t>(std::int64_t{step});
        stream.next_index = index + 1;
        // RFC 7714 §8.1: 00 00, SSRC, ROC, SEQ.
        const auto head = srtp::from_big_endian(index >> 32 & 0xffff) |
                          std::uint64_t{load<std::uint32_t>(rtp + 8)} << 16;
        const auto tail = srtp::from_big_endian(static_cast<std::uint32_t>(index));
        opened[i].nonce = {_mm_set_epi64x(tail, static_cast<std::int64_t>(head))};
        const auto nonce = opened[i].nonce.with(stream.key);
        gcm_context_data context;
        __m128i tag;
        unseal(&stream.key.expanded, &context, opened[i].text.data(), rtp + kRtpBytes, bytes,
               nonce.bytes(), rtp, kRtpBytes, reinterpret_cast<std::uint8_t*>(&tag),
               srtp::kTagBytes);
        const auto equal = _mm_cmpeq_epi8(tag, load<__m128i>(rtp + kRtpBytes + bytes));
        forged += _mm_movemask_epi8(equal) != 0xffff;
    }
}

// An empty buffer as the pool keeps it; null: there is none.
inline rte_mbuf* BareLoop::Core::fresh_packet() {
    if (fresh_count == 0) {
        const auto wanted = std::min(copies_left, kBareCopies);
        if (rte_mempool_get_bulk(pool, reinterpret_cast<void**>(fresh.data()), wanted) != 0)
            return nullptr;
        fresh_count = wanted;
    }
    auto* packet = fresh[--fresh_count];
    if (fresh_count > 1) {
        const auto* next = reinterpret_cast<const char*>(fresh[fresh_count - 2]);
        __builtin_prefetch(next);
        prefetch_lines(next + sizeof(rte_mbuf) + RTE_PKTMBUF_HEADROOM, kRoomLines);
    }
    return packet;
}

void BareLoop::Core::copy_to(const BareReceiver& to, const Group& group) {
    for (unsigned i = 0; i < group.count; ++i) {
        const auto* received = group.packets[i];
        const std::size_t frame_bytes = received->data_len, bytes = text_bytes(received);
        auto* packet = fresh_packet();
        --copies_left;
        if (packet == nullptr) {
            ++lost;
            continue;
        }
        packet->data_off = RTE_PKTMBUF_HEADROOM;
        packet->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
        packet->data_len = static_cast<std::uint16_t>(frame_bytes);
        packet->pkt_len = static_cast<std::uint32_t>(frame_bytes);
        packet->tx_offload = net::kEthernetBytes | net::kIpv4Bytes << RTE_MBUF_L2_LEN_BITS;
        auto* frame = reinterpret_cast<std::uint8_t*>(packet + 1) + RTE_PKTMBUF_HEADROOM;
        write_headers(to.headers, frame, frame_bytes);
        const auto* rtp = rtp_of(received);
        auto* copy = frame + net::kHeaderBytes;
        std::memcpy(copy, rtp, kRtpBytes);
        const auto nonce = opened[i].nonce.with(to.key);
        gcm_context_data context;
        seal(&to.key.expanded, &context, copy + kRtpBytes, opened[i].text.data(), bytes,
             nonce.bytes(), rtp, kRtpBytes, copy + kRtpBytes + bytes, srtp::kTagBytes);
        frame[frame_bytes - 1] = rtp[frame_bytes - net::kHeaderBytes - 1];
        ready[ready_count++] = packet;
        if (ready_count == kBareCopies) send();
    }
}

void BareLoop::Core::send() {
    const unsigned taken = out.tx_burst(0, ready.data(), static_cast<std::uint16_t>(ready_count));
    for (unsigned i = taken; i < ready_count; ++i) rte_pktmbuf_free(ready[i]);
    sent += taken;
    lost += ready_count - taken;
    ready_count = 0;
}

BareLoop::BareLoop(FanOut& fan_out, Port& in, Port& out, rte_mempool* copies)
    : core_(std::make_unique<Core>(fan_out, in, out, copies)) {}
BareLoop::~BareLoop() = default;

unsigned BareLoop::poll_once() {
    auto& core = *core_;
    const auto before = core.sent;
    core.packet_count = core.in.rx_burst(0, core.packets.data(), kBareBurst);
    if (core.packet_count == 0) return 0;
    core.find_streams();
    core.form_groups();
    for (unsigned g = 0; g < kGroupsAhead && g < core.group_count; ++g)
        core.prefetch_group(core.groups[g]);
    for (unsigned r = 0; r < kReceiversAhead; ++r) core.prefetch_receiver();
    for (unsigned g = 0; g < core.group_count; ++g) {
        const auto& group = core.groups[g];
        if (g + kGroupsAhead < core.group_count) core.prefetch_group(core.groups[g + kGroupsAhead]);
        core.open(group);
        for (unsigned r = 0; r < group.stream->receiver_count; ++r) {
            core.prefetch_receiver();
            core.copy_to(*group.stream->receivers[r], group);
        }
    }
    if (core.ready_count != 0) core.send();
    rte_mempool_put_bulk(core.packets[0]->pool, reinterpret_cast<void**>(core.packets.data()),
                         core.packet_count);
    return static_cast<unsigned>(core.sent - before);
}

void BareLoop::check_losses() const {
    if (core_->forged + core_->lost != 0)
        throw std::runtime_error(fmt::format(
            "The bare loop found {} tags wrong and lost {} copies.", core_->forged, core_->lost));
}

}  // namespace mdd::bench
