// How many DTLS datagrams may pass for one association, each way, and how many bytes may go to an
// address that has not proved yet that it receives. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "controlplane/admission.h"
#include "dataplane/srtp/bytes.h"

namespace mdd::control {

class DtlsBudget {
  public:
    static constexpr double kPerSecond = 50;
    static constexpr std::size_t kFactor = 3;  // bytes out for each byte in, until validated

    // A datagram of the endpoint. False: above the rate.
    bool takes_up(srtp::Bytes datagram, TimePoint now);

    enum class Down : std::uint8_t { pass, rate, amplification };
    // A datagram of the KMF.
    Down takes_down(srtp::Bytes datagram, TimePoint now);

    // The endpoint has proved its address by other means: it is keyed.
    void validate() { validated_ = true; }
    bool validated() const { return validated_; }

  private:
    TokenBucket up_{kPerSecond, kPerSecond};
    TokenBucket down_{kPerSecond, kPerSecond};
    std::size_t bytes_in_ = 0;
    std::size_t bytes_out_ = 0;
    bool validated_ = false;
    std::vector<std::uint8_t> cookie_;  // the last one that went to the endpoint's address
};

}  // namespace mdd::control
