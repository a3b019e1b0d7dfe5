// Which link-layer address the packets of our endpoints go to: next hops, what ARP has taught, and
// when to ask (again). No I/O.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "controlplane/clock.h"
#include "dataplane/net/address.h"
#include "dataplane/table.h"

namespace mdd::control {

// What control has to know of one port, in the order of PortIndex.
struct PortFacts {
    net::MacAddress mac;
    std::uint16_t mtu_bytes = 1500;
    net::Ipv4Network address;  // ours, with its network
    std::optional<net::Be32> gateway;
    // Every worker has a queue of the port, and the device hashes flows over them (Port).
    bool spreads_flows = false;
};

// Where packets to `destination` go first: itself when on-link, otherwise the gateway; nullopt when
// there is none.
std::optional<net::Be32> next_hop(const PortFacts& port, net::Be32 destination);

struct NextHop {
    PortIndex port = 0;
    net::Be32 ip{};
    auto operator<=>(const NextHop&) const = default;
};

class Neighbours {
  public:
    static constexpr std::size_t kCapacity = 4096;  // addresses remembered without being in use
    static constexpr std::chrono::seconds kRetry{1};
    static constexpr unsigned kRetries = 30;  // then as seldom as a refresh
    static constexpr std::chrono::seconds kRefresh{30};

    // Somebody's packets go there from now on: ask when unknown, refresh when known.
    void use(NextHop hop);
    // ARP says that `hop` is at `mac`. True: that is news, and in use or not, workers should know.
    bool learn(NextHop hop, const net::MacAddress& mac);
    std::optional<net::MacAddress> find(NextHop hop) const;
    // Whom to ask now; counts as asked.
    std::vector<NextHop> due(TimePoint now);

  private:
    struct Entry {
        std::optional<net::MacAddress> mac;
        bool in_use = false;
        unsigned asked = 0;  // since it was last learnt
        TimePoint ask_at{};  // of an entry in use
    };
    std::map<NextHop, Entry> entries_;
};

}  // namespace mdd::control
