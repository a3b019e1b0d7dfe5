// The EKT keys of a conference that an endpoint holds, by SPI: the newest is for sending, older
// ones are for packets that come late (RFC 8871 §4.5.2), and none is for anything after its
// lifetime (RFC 8870 §5.2.2). Knows nothing of packets, nor of how keys arrive.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>

#include "tools/mdd-endpoint/ekt_key.h"

namespace mdd::endpoint {

// One thread.
class EktKeyring {
  public:
    using Clock = std::chrono::steady_clock;

    // How long a key still opens packets after a newer one came.
    static constexpr std::chrono::seconds kOldKeysLinger{10};

    enum class Added {
        newest,   // a new key: the one to send with from now on
        known,    // held already: nothing changes
        refused,  // an SPI that is held, with another key or salt: one SPI has one key
    };
    // The key's lifetime starts `now`.
    Added add(EktKey key, Clock::time_point now);

    // The key to send with. nullptr: none came yet, or its lifetime is over.
    std::shared_ptr<const EktKey> newest(Clock::time_point now) const;
    // The key to receive with. nullptr: unknown, too old, or its lifetime is over.
    const EktKey* find(std::uint16_t spi, Clock::time_point now) const;

    // A key came, and the newest one's lifetime is over.
    bool expired(Clock::time_point now) const;
    // Keys that find() would still give.
    std::size_t size(Clock::time_point now) const;

    // Wipes what is of no use any more.
    void drop_retired(Clock::time_point now);
    // Wipes everything: the endpoint has left.
    void clear();

  private:
    struct Held {
        std::shared_ptr<const EktKey> key;
        Clock::time_point ends;  // of its lifetime, or sooner once a newer key came
        bool superseded = false;
    };

    std::deque<Held> held_;  // newest first
    bool any_came_ = false;
};

}  // namespace mdd::endpoint
