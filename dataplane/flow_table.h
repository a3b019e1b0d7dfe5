// Which member a datagram's addresses belong to: a hash table whose look-up has two steps, so that
// a burst of packets can wait for memory together. One thread; changed between bursts only.
#pragma once

#include <nmmintrin.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/net/address.h"
#include "dataplane/srtp/hot_memory.h"
#include "dataplane/srtp/prefetch.h"

namespace mdd {

struct Endpoint;
struct Member;

// The address of an endpoint together with ours: a datagram's 4-tuple.
struct Flow {
    net::SocketAddress remote;
    net::SocketAddress local;
    bool operator==(const Flow&) const = default;
};

// A flow as the table hashes and compares it: two words, of an address and a port each.
struct FlowKey {
    FlowKey(const Flow& flow) : FlowKey(pack(flow.remote), pack(flow.local)) {}
    // Of words that are packed already.
    FlowKey(std::uint64_t packed_remote, std::uint64_t packed_local)
        : remote(packed_remote), local(packed_local) {}
    FlowKey() = default;

    Flow unpacked() const { return {unpack(remote), unpack(local)}; }
    static std::uint64_t pack(const net::SocketAddress& address) {
        return std::uint64_t{static_cast<std::uint32_t>(address.ip)} << 16 |
               static_cast<std::uint16_t>(address.port);
    }
    static net::SocketAddress unpack(std::uint64_t word) {
        return {net::Be32{static_cast<std::uint32_t>(word >> 16)},
                net::Be16{static_cast<std::uint16_t>(word)}};
    }

    // Asked at once: which of the words differs, nobody wants to know.
    bool operator==(const FlowKey& other) const {
        return ((remote ^ other.remote) | (local ^ other.local)) == 0;
    }

    std::uint64_t remote = 0, local = 0;
};

class FlowTable {
  public:
    // Room for `flows`; never grows.
    explicit FlowTable(std::size_t flows);

    // What the steps of a look-up are told instead of the flow. Two instructions, and addresses or
    // ports that follow each other collide less often than by chance. Every CPU that DPDK runs on
    // has them.
    [[gnu::target("sse4.2")]] static std::uint32_t hash(const FlowKey& flow) {
        return static_cast<std::uint32_t>(_mm_crc32_u64(_mm_crc32_u64(0, flow.local), flow.remote));
    }
    // Before step one, where strangers are about. True: it is nobody's. False: look it up. In the
    // table itself up to every second stranger meets another's entry, which a processor cannot
    // foresee, and each wrong guess of it costs as much as all the rest; here one of sixteen does.
    bool is_nobodys(std::uint32_t hash) const { return begin_here_[hash & begin_mask_] == 0; }
    // Step one: where the look-up will begin. Asks for the memory there and does not wait for it.
    std::size_t prefetch(std::uint32_t hash) const {
        const auto place = hash & mask_;
        srtp::prefetch(&entries_[place]);
        return place;
    }
    // Step two, with the answer of step one: who has this address, null when nobody. Asks for the
    // member and its endpoint, and does not wait for them.
    Member* find_and_prefetch(const FlowKey& flow, std::size_t place) const {
        const auto& entry = entries_[find_place(flow, place)];
        if (entry.member != nullptr) {
            srtp::prefetch(entry.member);
            srtp::prefetch(entry.endpoint);
        }
        return entry.member;
    }
    Member* find(const FlowKey& flow) const {
        return entries_[find_place(flow, hash(flow) & mask_)].member;
    }

    // Enters a flow, or gives one that is there to another member. `endpoint`: the member's, for as
    // long as the flow is here; null: it has none. Precondition: there is room.
    void put(const FlowKey& flow, Member* member, const Endpoint* endpoint = nullptr);
    // Nothing happens when it is not there.
    void erase(const FlowKey& flow);

  private:
    // Two to a cache line, none across one.
    struct alignas(32) Entry {
        FlowKey flow;
        Member* member = nullptr;  // null: free
        // Here too, so that nobody waits for the member to ask for it.
        const Endpoint* endpoint = nullptr;
    };
    // Where the flow is, or the free entry where it would be.
    std::size_t find_place(const FlowKey& flow, std::size_t place) const {
        while (entries_[place].member != nullptr && entries_[place].flow != flow)
            place = (place + 1) & mask_;
        return place;
    }

    std::size_t mask_;
    std::vector<Entry, srtp::HotAllocator<Entry>> entries_;
    // How many flows have a hash with this end, up to kCrowd, where it stays. Sixteen times as many
    // counts as flows; not in hot memory, where they would part what is always used.
    static constexpr std::uint8_t kCrowd = 255;
    std::size_t begin_mask_;
    std::vector<std::uint8_t> begin_here_;
};

}  // namespace mdd
