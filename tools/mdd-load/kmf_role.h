// The KMF that mdd-load is: over real tunnels it answers each ClientHello of its endpoints with key
// information. A thread of its own; shares nothing with the poll loop but a few counters.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tools/mdd-load/bed.h"
#include "tools/mdd-load/keys.h"
#include "tools/mdd-load/plan.h"

namespace mdd::load {

struct KmfCounts {
    std::uint64_t hellos = 0;     // of our endpoints
    std::uint64_t answers = 0;    // keys that went into a tunnel
    std::uint64_t put_out = 0;    // endpoints that we disconnected
    std::uint64_t ended = 0;      // associations that mdd has ended
    std::uint64_t strangers = 0;  // hellos of others, or for another conference
};

class KmfRole {
  public:
    // Listens; throws std::runtime_error, a full sentence, when that or the certificates are not
    // possible. `plan` and `keys` must outlive the object.
    KmfRole(const KmfSection& settings, const Plan& plan, const KeySource& keys);
    // Ends every tunnel and the thread.
    ~KmfRole();
    KmfRole(const KmfRole&) = delete;
    KmfRole& operator=(const KmfRole&) = delete;

    // Any thread:
    std::uint16_t port() const;
    unsigned tunnels_up() const;
    KmfCounts counts() const;
    // What went wrong last with a tunnel, a sentence; empty: nothing.
    std::string last_trouble() const;
    // Puts an endpoint out of its conference: mdd forgets its keys. Nothing happens when it has no
    // association. Only rfc9185 has a message for that.
    void put_out(EndpointIndex endpoint);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace mdd::load
