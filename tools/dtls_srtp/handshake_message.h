// DTLS 1.2 handshake messages (RFC 6347 §4.2.2, §4.2.3): the header, and messages put together from
// fragments in any order. Knows no message's content; retransmission is the sender's.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/srtp/bytes.h"
#include "kmf-tunnel/secret_bytes.h"
#include "tools/dtls_srtp/ekt_message.h"

namespace mdd::dtls {

inline constexpr std::size_t kHandshakeHeaderBytes = 12;
inline constexpr std::uint8_t kHelloRequestHandshake = 0;
inline constexpr std::uint8_t kClientHelloHandshake = 1;
inline constexpr std::uint8_t kFinishedHandshake = 20;

// One fragment of a message; an unfragmented message is the fragment with everything. `part` is
// borrowed from the record.
struct HandshakeFragment {
    std::uint8_t type;
    std::uint32_t message_bytes;  // of the whole message
    std::uint16_t message_seq;
    std::uint32_t offset;
    srtp::Bytes part;

    bool is_whole() const { return part.size() == message_bytes; }
};

// Walks the plaintext of a handshake record, which may hold several fragments. nullopt at the end
// and at the first header that does not add up; well_formed() after the walk tells which it was.
class FragmentWalk {
  public:
    explicit FragmentWalk(srtp::Bytes plaintext) : rest_(plaintext) {}
    std::optional<HandshakeFragment> next();
    bool well_formed() const { return rest_.empty(); }

  private:
    srtp::Bytes rest_;
};

// Header and body of an unfragmented message.
tunnel::SecretBytes encode_handshake(std::uint8_t type, std::uint16_t message_seq,
                                     srtp::Bytes body);

// True when a message number comes after another in a sequence that wraps at 16 bits.
constexpr bool is_later_message(std::uint16_t number, std::uint16_t than) {
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(number - than)) > 0;
}

// Messages of one handshake type and bounded length, in any order of fragments, overlaps included.
// Memory is bounded: at most kMessages at a time, the one with the lowest number gives way.
class Reassembly {
  public:
    static constexpr std::size_t kMessages = 4;
    static constexpr std::size_t kRecordsRemembered = 32;

    // A complete message and the records that brought it, newest kRecordsRemembered of them.
    struct Message {
        std::uint16_t message_seq;
        tunnel::SecretBytes body;
        std::vector<RecordNumber> records;
    };

    explicit Reassembly(std::size_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}

    // Adds a fragment that came in `record`. A message that this completes is returned and
    // forgotten. A fragment that contradicts earlier ones of its message (another length, other
    // bytes at the same place) replaces them: the message starts over with it. Longer messages than
    // the bound are not kept.
    std::optional<Message> add(const HandshakeFragment& fragment, const RecordNumber& record);

    // Forgets every message up to and including `message_seq`.
    void forget_through(std::uint16_t message_seq);

  private:
    struct Partial {
        std::uint16_t message_seq;
        tunnel::SecretBytes body;
        std::vector<bool> present;
        std::size_t missing_bytes;
        std::vector<RecordNumber> records;
    };

    Partial& place_for(const HandshakeFragment& fragment);

    std::size_t max_message_bytes_;
    std::vector<Partial> partials_;
};

}  // namespace mdd::dtls
