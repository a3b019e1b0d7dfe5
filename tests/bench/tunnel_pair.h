// Both ends of one real tunnel in memory, of either dialect: what the MDD sends, the KMF's end
// decodes, and back. No sockets, no loss.
#pragma once

#include <memory>
#include <vector>

#include "kmf-tunnel/credentials.h"
#include "kmf-tunnel/session.h"

namespace mdd::bench {

class TunnelPair {
  public:
    virtual ~TunnelPair() = default;

    // Encodes and encrypts.
    virtual bool send_from_mdd(const tunnel::Message& message) = 0;
    virtual bool send_from_kmf(const tunnel::Message& message) = 0;
    // Decrypts and decodes what the other end has sent so far.
    virtual std::vector<tunnel::Message> receive_at_kmf() = 0;
    virtual std::vector<tunnel::Message> receive_at_mdd() = 0;
};

// Up when it returns. Throws std::runtime_error when the handshake fails.
std::unique_ptr<TunnelPair> make_tunnel_pair(tunnel::Dialect dialect,
                                             const tunnel::Credentials& mdd,
                                             const tunnel::Credentials& kmf);

}  // namespace mdd::bench
