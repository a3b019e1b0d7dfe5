// One worker's tables: conferences, members, streams and legs. Touched by that worker alone,
// between bursts changed by the commands of control; knows no DPDK and no sockets. Every object is
// allocated and freed by control.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "dataplane/bounds.h"
#include "dataplane/flow_table.h"
#include "dataplane/net/address.h"
#include "dataplane/net/header_template.h"
#include "dataplane/srtp/hop.h"
#include "dataplane/srtp/hot_memory.h"
#include "dataplane/srtp/outbound.h"

struct rte_mbuf;

namespace mdd {

using ConferenceSlot = std::uint16_t;  // index of a conference on this node
using MemberSlot =
    std::uint16_t;  // index of an endpoint within its conference, constant for its endpoint id
using WorkerIndex = std::uint8_t;
using PortIndex = std::uint8_t;

// One receiver's copy of one stream: everything that belongs to (recipient key, SSRC). Held by the
// SSRC's owner. One cache line: a packet to a thousand receivers reads a thousand of them.
struct alignas(64) Leg {
    srtp::OutboundIndex rtp;
    std::uint32_t rtcp_next = 0;  // SRTCP index of the next packet; RFC 3711 §3.4 starts at 0
    std::uint32_t key_epoch = 0;  // Recipient::key_epoch that this leg has counted under
    std::uint32_t key_start =
        0;  // Recipient::key_start this leg has counted under; another value: start at ROC 0
    std::uint32_t source_run : 31 =
        0;  // Stream::run this leg has followed; another value: start a new run
    std::uint32_t paused : 1 = 0;
};
static_assert(sizeof(Leg) == 64);

// One SSRC of one endpoint, on the endpoint's worker. Outlives the endpoint's association: while
// recipients keep keys that its packets were sealed under, a rejoin has to go on above them
// (ownership laws 3 and 5).
struct alignas(64) Stream : srtp::InHotMemory {
    Stream(std::uint32_t stream_ssrc, std::size_t member_capacity)
        : ssrc(stream_ssrc), legs(member_capacity) {}
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    const std::uint32_t ssrc;
    std::uint32_t run : 31 = 0;  // rises when the sender restarts or rejoins
    std::vector<Leg, srtp::HotAllocator<Leg>>
        legs;  // by MemberSlot of the recipient; sized once, by control
    srtp::StreamRx rx;
};
static_assert(!std::is_copy_constructible_v<Stream> && !std::is_move_constructible_v<Stream>);

// A packet that has been opened and waits until control has granted its SSRC. The plaintext stands
// in the packet in place of the ciphertext: header, plaintext, 16 bytes of no meaning, EKT tag.
// RTCP: the plain compound, no tag. This note about it stands in the packet's own headroom.
struct HeldPacket {
    rte_mbuf* packet = nullptr;    // owned
    std::uint8_t* data = nullptr;  // first byte of the UDP payload
    std::uint16_t header_bytes = 0;
    std::uint16_t plain_bytes = 0;
    std::uint16_t tail_bytes = 0;
    bool is_rtcp = false;
    std::uint64_t index = 0;
    HeldPacket* next = nullptr;  // of the same SSRC
};

// An SSRC that has verified but that control has not decided on yet.
struct PendingSsrc {
    // A key frame that opens a video stream comes as one burst, faster than control can answer.
    static constexpr std::size_t kHeld = 128;
    std::uint32_t ssrc = 0;
    bool in_use = false;
    srtp::StreamRx rx;
    HeldPacket* first = nullptr;  // oldest
    HeldPacket* last = nullptr;
    unsigned held_count = 0;

    // Precondition: fewer than kHeld are there; `held` stays where it is until it is taken.
    void hold(HeldPacket* held) {
        (first == nullptr ? first : last->next) = held;
        last = held;
        ++held_count;
    }
    // The oldest, gone from here; null: there is none.
    HeldPacket* take() {
        auto* held = first;
        if (held == nullptr) return nullptr;
        first = held->next;
        --held_count;
        return held;
    }
};

// What an endpoint's keys have proved and control has not been told yet, by their epochs; 0: none.
struct UnreportedProofs {
    std::uint64_t restart = 0;
    std::uint64_t rekey = 0;  // the newest one after that restart

    bool any() const { return restart != 0 || rekey != 0; }
    // A proof of the newest keys. A restart leaves nothing to be said of older ones; a re-key only
    // of older re-keys.
    void add(srtp::Proof proof, std::uint64_t epoch) {
        if (proof == srtp::Proof::restart) *this = {epoch, 0};
        if (proof == srtp::Proof::rekey) rekey = epoch;
    }
};

// The streams that an endpoint has been granted. The SSRCs stand beside the pointers: to find one,
// no other stream is looked at.
class GrantedStreams {
  public:
    struct Granted {
        std::uint32_t ssrc;
        Stream* stream;
    };

    Stream* find(std::uint32_t ssrc) const {
        for (const auto& [known, stream] : all())
            if (known == ssrc) return stream;
        return nullptr;
    }
    std::span<const Granted> all() const { return {granted_.data(), count_}; }
    // False: there are kMaxGrantedStreams.
    bool add(Stream* stream) {
        if (count_ == kMaxGrantedStreams) return false;
        granted_[count_++] = {stream->ssrc, stream};
        return true;
    }
    template <typename Unwanted>
    void remove_if(Unwanted unwanted) {
        const auto end =
            std::remove_if(granted_.begin(), granted_.begin() + count_,
                           [&](const Granted& granted) { return unwanted(*granted.stream); });
        count_ = static_cast<unsigned>(end - granted_.begin());
    }
    void clear() { count_ = 0; }

  private:
    unsigned count_ = 0;
    std::array<Granted, kMaxGrantedStreams> granted_{};
};

// The SSRCs of an endpoint that have not been granted: only what they send asks for it.
struct UngrantedSsrcs : srtp::InCoolMemory {
    static constexpr std::size_t kPending = 4;
    static constexpr std::size_t kRefused = 16;
    struct Refused {
        std::uint32_t ssrc;
        srtp::Verdict reason;
    };
    std::array<PendingSsrc, kPending> pending{};
    std::array<Refused, kRefused> refused{};
    unsigned refused_count = 0;       // so far; the oldest gives way
    std::uint32_t refused_under = 0;  // Conference::ssrcs_freed when the last one was entered

    PendingSsrc* find_pending(std::uint32_t ssrc) {
        for (auto& entry : pending)
            if (entry.in_use && entry.ssrc == ssrc) return &entry;
        return nullptr;
    }
    const Refused* find_refused(std::uint32_t ssrc) const {
        for (unsigned i = 0; i < refused_count && i < kRefused; ++i)
            if (refused[i].ssrc == ssrc) return &refused[i];
        return nullptr;
    }
};

// Receiving side of an endpoint; exists only on the worker that owns the endpoint. What every
// packet asks for stands at the beginning.
struct alignas(64) Endpoint : srtp::InHotMemory {
    Endpoint() = default;
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    srtp::HopRx hop;
    UnreportedProofs unreported;
    GrantedStreams streams;
    const std::unique_ptr<UngrantedSsrcs> ungranted = std::make_unique<UngrantedSsrcs>();

    // A packet can prove nothing, and control knows what others have proved.
    bool settled() const { return hop.settled() && !unreported.any(); }
    // There are SSRCs from before the newest keys, which may go on under these.
    bool may_continue() const {
        const auto newest = hop.newest()->epoch;
        const auto granted = streams.all();
        return std::any_of(granted.begin(), granted.end(),
                           [&](const auto& entry) { return entry.stream->rx.epoch != newest; }) ||
               std::ranges::any_of(ungranted->pending, [&](const PendingSsrc& entry) {
                   return entry.in_use && entry.rx.epoch != newest;
               });
    }
};

// How a packet to one member is sealed and addressed. One cache line, and the recipients of a
// conference lie side by side: what a copy needs comes in one look and in the order of the copies.
struct alignas(64) Recipient {
    const srtp::Keyset* tx = nullptr;  // seals what we send to it; null: not keyed
    std::uint32_t key_epoch = 0;       // of these keys, the low 32 bits
    std::uint32_t key_start = 0;       // changes when legs towards it must start afresh at ROC 0
    net::HeaderTemplate
        header;          // prepared for its address; link-layer address filled in with `resolved`
    PortIndex port = 0;  // where its packets leave
    enum class State : std::uint8_t { absent, unresolved, resolved } state = State::absent;

    void key(const srtp::Keyset* keys, std::uint32_t start) {
        tx = keys;
        key_epoch = keys == nullptr ? 0 : static_cast<std::uint32_t>(keys->epoch);
        key_start = start;
    }
};
static_assert(sizeof(Recipient) == 64);

// One endpoint as this worker sees it. Every worker has its own copy of every member.
struct alignas(64) Member : srtp::InHotMemory {
    ConferenceSlot conference = 0;
    MemberSlot slot = 0;
    WorkerIndex owner = 0;
    std::unique_ptr<Endpoint> endpoint;  // on the owner only
    // Of its conference, by MemberSlot, itself among them: here, so that the way from a packet to
    // its receivers has no step in between. From Table::add() on.
    std::span<Recipient> recipients;
    net::SocketAddress remote;  // its media address
    net::SocketAddress local;   // the address of ours it talks to
    net::Be32 next_hop{};       // on-link address that its packets go to
};
static_assert(sizeof(Member) == 64);

// Who owns an SSRC: where PLI and FIR about it go, and when the next one may. Of each its own: a
// source need not answer both alike, so that one must not keep the other from it.
struct SsrcOwner {
    MemberSlot member;
    std::uint64_t next_pli_tsc = 0;
    std::uint64_t next_fir_tsc = 0;
};
// A map of nodes, which control makes and frees, so that the worker only links.
using SsrcOwners = std::map<std::uint32_t, SsrcOwner>;

using PayloadTypes = std::bitset<128>;

struct Conference : srtp::InHotMemory {
    explicit Conference(std::size_t member_capacity, const PayloadTypes& audio_types = {})
        : recipients(member_capacity), members(member_capacity), audio(audio_types) {}
    std::vector<Recipient, srtp::HotAllocator<Recipient>> recipients;  // by MemberSlot
    std::vector<std::unique_ptr<Member>, srtp::HotAllocator<std::unique_ptr<Member>>>
        members;               // by MemberSlot; null: slot not in use
    const PayloadTypes audio;  // what goes first when not all can go
    SsrcOwners ssrc_owners;
    std::uint32_t ssrcs_freed = 0;  // how often one has come to belong to nobody
};

class Table {
  public:
    // Room for this many conferences and flows; afterwards only commands of control allocate, never
    // a packet.
    Table(std::size_t conferences, std::size_t flows);

    Conference* conference(ConferenceSlot slot) { return conferences_[slot].get(); }
    void put(ConferenceSlot slot, std::unique_ptr<Conference> conference) {
        conferences_[slot] = std::move(conference);
    }

    // Calls `visit` with every member of every conference.
    template <typename Visit>
    void for_each(Visit visit) {
        for (auto& conference : conferences_) {
            if (!conference) continue;
            for (auto& member : conference->members)
                if (member) visit(*member);
        }
    }

    const FlowTable& flows() const { return flows_; }
    Member* find(ConferenceSlot conference, MemberSlot member) const;
    // Precondition: the member is in the table.
    static Recipient& recipient(const Member& member) { return member.recipients[member.slot]; }
    // Puts `member` in its place and enters its flow. It keeps its endpoint until it is taken out.
    // Precondition: neither is taken.
    void add(std::unique_ptr<Member> member, const Recipient& recipient);
    // Takes a member out, flow and all. Null when there is none.
    std::unique_ptr<Member> remove(ConferenceSlot conference, MemberSlot member);

  private:
    std::vector<std::unique_ptr<Conference>, srtp::HotAllocator<std::unique_ptr<Conference>>>
        conferences_;
    FlowTable flows_;
};

}  // namespace mdd
