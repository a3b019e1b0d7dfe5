// One endpoint's transmit keys, expanded once on every node that has workers, so that no packet
// fetches a key from another node. They come and go together, all wiped.
#pragma once

#include <memory>
#include <vector>

#include "controlplane/homes.h"
#include "dataplane/srtp/hop.h"

namespace mdd::control {

class KeyCopies {
  public:
    KeyCopies(srtp::Profile profile, const srtp::MasterKey& master, std::uint64_t epoch,
              const Homes& homes) {
        for (const auto node : homes.nodes()) {
            const srtp::OnNode here(node);
            by_node_.push_back(srtp::make_keyset(profile, master, epoch));
        }
    }

    // `place` as Homes::place_of() says; of the same homes.
    const srtp::Keyset* at(std::size_t place) const { return by_node_[place].get(); }

  private:
    std::vector<std::unique_ptr<const srtp::Keyset>> by_node_;
};

}  // namespace mdd::control
