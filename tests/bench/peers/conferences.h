// The sessions of an SFU: for every conference one to open its sender's packets and one per
// receiver to seal, all over the heap. No packets, no sockets.
#pragma once

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "tests/bench/peers/packet_source.h"

namespace mdd::bench {

// 0 .. count-1 in an order that looks like none and is the same in every run.
inline std::vector<std::size_t> shuffled(std::size_t count) {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), std::mt19937(1));
    return order;
}

template <class Cipher>
class Conferences {
  public:
    using Opener = typename Cipher::Opener;
    using Sealer = typename Cipher::Sealer;

    explicit Conferences(const Layout& layout)
        : layout_(layout), openers_(layout.conferences), sealers_(layout.keys()) {
        // Made in another order than used, so that neighbours in use are none in memory.
        for (const auto key : shuffled(layout.keys()))
            sealers_[key] = std::make_unique<Sealer>(master_key(key));
        for (const auto c : shuffled(layout.conferences))
            openers_[c] = std::make_unique<Opener>(master_key(layout.sender_key(c)));
    }
    const Layout& layout() const { return layout_; }
    Opener& opener(std::size_t conference) { return *openers_[conference]; }
    Sealer& sealer(std::size_t conference, std::size_t receiver) {
        return *sealers_[layout_.receiver_key(conference, receiver)];
    }

  private:
    Layout layout_;
    std::vector<std::unique_ptr<Opener>> openers_;
    std::vector<std::unique_ptr<Sealer>> sealers_;
};

}  // namespace mdd::bench
