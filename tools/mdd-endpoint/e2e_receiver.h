// The inner layer of one remote stream (RFC 8723 §5.3, RFC 8870 §4.3.2): learns its keys from full
// tags, undoes the media distributor's header changes and opens the payload. Replay protection over
// the inner index lasts as long as the object (RFC 8871 §8.2.2).
#pragma once

#include <array>
#include <deque>
#include <vector>

#include "tools/mdd-endpoint/ekt_key.h"
#include "tools/mdd-endpoint/ekt_tag.h"
#include "tools/mdd-endpoint/srtp_session.h"

namespace mdd::endpoint {

// One thread. `key` is borrowed and must outlive the object.
class E2eReceiver {
  public:
    E2eReceiver(const EktKey& key, std::uint32_t ssrc) : key_(key), ssrc_(ssrc) {}

    // What became of a full tag. Only unknown_spi, unwrap_failed and wrong_key_length condemn the
    // packet.
    enum class Learnt {
        same,           // the tag seen last, or a current key with its ROC
        new_key,        // a key with a higher epoch: now the first to be tried
        stale_epoch,    // lower epoch, or another key under an epoch already used: tag ignored
        reused_key,     // a key that this stream has given up: tag ignored, or its packets could be
                        // replayed
        ssrc_mismatch,  // made for another stream: tag ignored
        unknown_spi,
        unwrap_failed,
        wrong_key_length,
    };
    Learnt learn(const EktTag& tag, std::uint16_t original_sequence);

    enum class Outcome { ok, no_key, failed, replayed, header_block_invalid };
    struct Opened {
        Packet rtp;         // the original packet without header extension; its PT, SEQ and marker
        PacketIndex index;  // inner ROC and original SEQ
        std::uint16_t epoch = 0;  // of the key that opened it
    };
    // `packet` is what the outer layer left: header, inner ciphertext and tag, original header
    // block.
    Outcome open(const Packet& packet, Opened& opened);

    bool has_key() const { return !keys_.empty(); }

    // Packets that only opened with the ROC of a tag whose key and epoch were known: RFC 8870 §4.1
    // read strictly would have lost them.
    std::uint64_t roc_corrections() const { return roc_corrections_; }

  private:
    static constexpr std::size_t kKeysKept = 2;
    using KeyDigest = std::array<std::uint8_t, 32>;

    struct InnerKey {
        std::uint16_t epoch;
        KeyDigest digest;
        SrtpSession session;
        IndexTracker indices;
    };

    Learnt learn_contents(const EktContents& contents, std::uint16_t epoch,
                          std::uint16_t original_sequence);
    Crypto open_with(InnerKey& key, const Packet& sealed, Packet& opened, PacketIndex& index);

    const EktKey& key_;
    std::uint32_t ssrc_;
    std::deque<InnerKey> keys_;  // newest first
    std::vector<KeyDigest> given_up_;
    std::vector<std::uint8_t> last_ciphertext_;
    std::optional<std::uint32_t> told_roc_;
    std::uint64_t roc_corrections_ = 0;
};

// The sequence number that the sender gave the packet which the outer layer opened. nullopt:
// malformed or too short, or its original header block is invalid.
std::optional<std::uint16_t> original_sequence(srtp::Bytes packet);

}  // namespace mdd::endpoint
