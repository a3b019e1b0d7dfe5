// What stands in front of the KMF: how many handshakes may begin, per source address and in total,
// and how many may be under way. No I/O; time comes in as an argument.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/clock.h"
#include "controlplane/endpoint_ref.h"

namespace mdd::control {

// `burst` tokens at most, `per_second` new ones; starts full.
class TokenBucket {
  public:
    TokenBucket(double per_second, double burst)
        : per_second_(per_second), burst_(burst), tokens_(burst) {}
    // Takes one token if there is one.
    bool take(TimePoint now);
    bool is_full(TimePoint now) const { return tokens_at(now) >= burst_; }

  private:
    double tokens_at(TimePoint now) const;
    double per_second_, burst_, tokens_;
    TimePoint filled_{};
};

struct AdmissionLimits {
    unsigned per_second = 1000;     // new handshakes on this node
    unsigned per_source = 20;       // per second and source address
    std::size_t pending = 4096;     // handshakes under way
    std::chrono::seconds idle{10};  // a handshake is given up when its endpoint is silent so long
    std::chrono::seconds longest{60};  // and in any case after this
};

class Admission {
  public:
    explicit Admission(const AdmissionLimits& limits);

    enum class Ruling : std::uint8_t {
        admitted,
        source_rate,   // the source has begun too many
        node_rate,     // all together have
        pending_full,  // too many are under way
        sources_full,  // too many sources to remember another
        count_
    };
    static std::string_view to_string(Ruling ruling);

    // A first ClientHello of `who` from `source`. Admitted: it is under way from now on.
    Ruling begin(EndpointRef who, net::Be32 source, TimePoint now);
    // Another datagram of a handshake under way.
    void touch(EndpointRef who, TimePoint now);
    // It has ended: keyed, or the endpoint is gone.
    void end(EndpointRef who) { pending_.erase(who); }
    bool is_pending(EndpointRef who) const { return pending_.contains(who); }
    // Takes out the handshakes that are given up now.
    std::vector<EndpointRef> expire(TimePoint now);

    std::size_t pending() const { return pending_.size(); }
    std::size_t sources() const { return sources_.size(); }

  private:
    struct Pending {
        TimePoint begun;
        TimePoint heard;
    };
    static constexpr double kBurstPerSource =
        5;  // at least; a quarter of a second where that is more
    static constexpr std::size_t kSources = 65'536;
    TokenBucket* bucket_of(net::Be32 source, TimePoint now);

    const AdmissionLimits limits_;
    TokenBucket all_;
    std::unordered_map<std::uint32_t, TokenBucket> sources_;
    std::map<EndpointRef, Pending> pending_;
};

}  // namespace mdd::control
