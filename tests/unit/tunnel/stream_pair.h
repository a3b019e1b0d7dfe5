// RFC 9185 sessions in memory, with virtual time: two of ours joined by a stream that can be cut
// into pieces, or one of ours and a raw TLS peer.
#pragma once

#include <vector>

#include "kmf-tunnel/stream_session.h"
#include "tests/support/test_pki.h"
#include "tests/unit/tunnel/raw_tls.h"

namespace mdd::test {

// Takes every event; what they say, in order: "up", "message ID", "keys ID", "disconnect ID",
// "down REASON".
std::vector<std::string> told(tunnel::StreamSession& session, std::string* text = nullptr);

class StreamPair {
  public:
    StreamPair(const tunnel::Credentials& mdd, const tunnel::Credentials& kmf,
               tunnel::SessionConfig config = {},
               tunnel::rfc9185::Announcement ours = {0, {0x0009, 0x000a}});

    // Moves bytes, `piece_bytes` at a time, until none is left.
    void exchange();
    void connect();
    // Lets virtual time pass, serving deadlines.
    void pass(tunnel::Milliseconds span);

    tunnel::SecureContext mdd_context;
    tunnel::SecureContext kmf_context;
    tunnel::StreamSession mdd;
    tunnel::StreamSession kmf;
    std::vector<std::string> mdd_told;
    std::vector<std::string> kmf_told;
    std::string mdd_text;  // of its Down
    std::string kmf_text;
    tunnel::TimePoint now{};
    std::size_t piece_bytes = 65536;
    bool kmf_reads = true;

  private:
    bool move(tunnel::StreamSession& from, tunnel::StreamSession& to);
};

// A session of ours against a raw peer of the other role.
class StreamAgainstRaw {
  public:
    StreamAgainstRaw(tunnel::Role ours, const tunnel::Credentials& credentials,
                     const RawTlsShape& shape, tunnel::SessionConfig config = {});

    void exchange();
    // Starts both ends and exchanges.
    void connect();
    // Bytes for our session that are no TLS of the peer's.
    void inject(srtp::Bytes bytes);
    void pass(tunnel::Milliseconds span);
    // A Down's reason, or "none".
    std::string reason() const;

    tunnel::SecureContext context;
    tunnel::StreamSession session;
    RawTls raw;
    std::vector<std::string> told_lines;
    std::string text;
    tunnel::TimePoint now{};
    std::size_t piece_bytes = 65536;
};

}  // namespace mdd::test
