// Whole DTLS-SRTP handshakes of mdd-load's endpoints with a real KMF, through mdd, EKT keys and
// their acknowledgements included. A thread of its own; the poll loop carries the datagrams.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/srtp/keys.h"
#include "tools/mdd-load/bed.h"
#include "tools/mdd-load/latency.h"
#include "tools/mdd-load/plan.h"

namespace mdd::load {

// What a handshake wants of the poll loop.
struct HandshakeEvent {
    enum class Kind : std::uint8_t {
        datagram,  // to be sent from the endpoint's address
        keyed,     // it has new hop keys
        ended,     // failed, or the KMF has ended the association
    };
    Kind kind;
    EndpointIndex endpoint;
    std::vector<std::uint8_t> datagram;
    std::unique_ptr<srtp::HopKeys> keys;
};

struct RealHandshakeCounts {
    std::uint64_t begun = 0, finished = 0, failed = 0;
    std::uint64_t ekt_keys = 0;
    LatencyHistogram took;     // from the first ClientHello to the KMF's Finished
    std::string last_failure;  // a sentence; empty: none
};

class RealHandshakes {
  public:
    // Throws std::runtime_error, a sentence, when certificates are missing or the bed names no
    // fingerprint.
    RealHandshakes(const Bed& bed, const Plan& plan, srtp::Profile profile);
    ~RealHandshakes();
    RealHandshakes(const RealHandshakes&) = delete;
    RealHandshakes& operator=(const RealHandshakes&) = delete;

    // Any thread; none of these waits for a handshake.
    void begin(EndpointIndex endpoint);
    void leave(EndpointIndex endpoint);  // says close_notify
    void on_datagram(EndpointIndex endpoint, srtp::Bytes datagram);
    std::vector<HandshakeEvent> take();  // what has come up since the last call
    RealHandshakeCounts counts() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

// The tls-id of an endpoint (RFC 8842), as the KMF's configuration has to say it.
std::string tls_id_of(EndpointIndex endpoint);

}  // namespace mdd::load
