// Finds RFC 9185's messages in a stream of bytes, however it is cut (§6.1: type, length, body).
// Knows no message.
#pragma once

#include <functional>

#include "kmf-tunnel/message_rfc9185.h"
#include "kmf-tunnel/secret_bytes.h"

namespace mdd::tunnel::rfc9185 {

// Holds at most one message; its bytes, which may be keys, are wiped once it has been told.
class FrameReader {
  public:
    // Called for every whole message, in order; the body is borrowed. False ends the reading: the
    // rest of the stream is not looked at.
    using Sink = std::function<bool(std::uint8_t type, srtp::Bytes body)>;

    void take(srtp::Bytes bytes, const Sink& sink);
    // What has come of a message that is not whole yet.
    srtp::Bytes begun() const { return buffer_.bytes().first(held_); }

  private:
    std::size_t missing() const;

    SecretBytes buffer_{kHeaderBytes + kMaxBodyBytes};
    std::size_t held_ = 0;
};

}  // namespace mdd::tunnel::rfc9185
