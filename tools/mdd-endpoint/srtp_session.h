// One libsrtp session used in one direction with one AES-GCM master key. It knows nothing of
// Double, EKT or who owns which SSRC; it only makes libsrtp's roll-over counter explicit.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "dataplane/srtp/keys.h"
#include "tools/mdd-endpoint/packet_index.h"
#include "tools/mdd-endpoint/rtp_packet.h"

struct srtp_ctx_t_;

namespace mdd::endpoint {

enum class Crypto {
    ok,
    replayed,   // seen before, or behind the replay window
    failed,     // the tag does not verify
    malformed,  // not a packet libsrtp can parse
    refused,    // sending only: this index was already used under this key, or libsrtp reported an
                // internal error
};

class SrtpSession {
  public:
    enum class Direction { inbound, outbound };

    // Starts libsrtp, once for the process. The first session does it too, but its self-tests take
    // some 15 ms that nobody should have to wait for between handshake and media. Throws
    // std::runtime_error when they fail.
    static void prepare();

    // `key_bytes` is 16 or 32. Serves every SSRC; `known_ssrcs` get a stream of their own at once,
    // so that a first packet beyond ROC 0 can be placed. Throws std::runtime_error when libsrtp
    // refuses, which no peer can cause.
    SrtpSession(std::size_t key_bytes, const srtp::MasterKey& key, Direction direction,
                std::span<const std::uint32_t> known_ssrcs = {});

    // Outbound only: replaces the key and keeps every stream's packet index and SRTCP index (RFC
    // 3711 §3.3.1, §3.4).
    void rekey(const srtp::MasterKey& key);

    // RTP in place; `packet` grows or shrinks by the 16-byte tag. `index` is where the packet lies:
    // its ROC is given to libsrtp. After anything but ok the contents of `packet` are unspecified.
    Crypto protect(Packet& packet, PacketIndex index);
    Crypto unprotect(Packet& packet, PacketIndex index);

    // SRTCP in place. libsrtp keeps the index per sender SSRC and starts at 1.
    Crypto protect_rtcp(Packet& packet);
    Crypto unprotect_rtcp(Packet& packet);

  private:
    struct Destroy {
        void operator()(srtp_ctx_t_* session) const;
    };

    void place(std::uint32_t ssrc, std::uint32_t roc);

    std::size_t key_bytes_;
    Direction direction_;
    std::unique_ptr<srtp_ctx_t_, Destroy> session_;
};

}  // namespace mdd::endpoint
