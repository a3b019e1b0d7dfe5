// The inner layer of one remote stream (RFC 8723 §5.3, RFC 8870 §4.3.2): learns its keys from full
// tags, undoes the media distributor's header changes and opens the payload. Replay protection
// lasts as long as the object, whatever EKT keys come and go (RFC 8871 §8.2.2).
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "tools/mdd-endpoint/ekt_keyring.h"
#include "tools/mdd-endpoint/ekt_tag.h"
#include "tools/mdd-endpoint/srtp_session.h"

namespace mdd::endpoint {

// One thread. `keyring` is borrowed and must outlive the object.
class E2eReceiver {
  public:
    using Clock = EktKeyring::Clock;

    E2eReceiver(const EktKeyring& keyring, std::uint32_t ssrc) : keyring_(keyring), ssrc_(ssrc) {}

    // What became of a full tag.
    enum class Learnt {
        same,         // the tag seen last, or the newest key of its SPI
        new_key,      // now the first to be tried
        stale_epoch,  // lower epoch, or another key under an epoch already used: tag ignored
        reused_key,   // a key that this stream had before, under whatever SPI: tag ignored, or its
                      // packets could be replayed
        ssrc_mismatch,  // made for another stream: tag ignored
        // The packet cannot be opened with it:
        unknown_spi,  // yet
        unwrap_failed,
        wrong_key_length,
    };
    Learnt learn(const EktTag& tag, std::uint16_t original_sequence, Clock::time_point now);

    enum class Outcome { ok, no_key, failed, replayed, header_block_invalid };
    struct Opened {
        Packet rtp;         // the original packet without header extension; its PT, SEQ and marker
        PacketIndex index;  // inner ROC and original SEQ
        std::uint32_t key_number = 0;  // counts up with each key that the stream had
    };
    // `packet` is what the outer layer left: header, inner ciphertext and tag, original header
    // block.
    Outcome open(const Packet& packet, Opened& opened, Clock::time_point now);

    // Wipes every key that came under an EKT key which the keyring no longer gives.
    void drop_retired(Clock::time_point now);

    // Packets that only opened with the ROC of a tag whose key and epoch were known: RFC 8870 §4.1
    // read strictly would have lost them.
    std::uint64_t roc_corrections() const { return roc_corrections_; }

  private:
    static constexpr int kKeysKept = 2;  // of one SPI
    using KeyDigest = std::array<std::uint8_t, 32>;

    struct InnerKey {
        std::uint16_t spi;
        std::uint32_t number;
        KeyDigest digest;
        SrtpSession session;
        IndexTracker indices;
    };
    struct SeenTag {
        std::uint16_t spi;
        std::uint16_t epoch;
        std::vector<std::uint8_t> ciphertext;
    };

    Learnt learn_contents(const EktKey& ekt_key, const EktContents& contents, std::uint16_t epoch,
                          std::uint16_t original_sequence);
    std::optional<Learnt> known_key(std::uint16_t spi, const KeyDigest& digest) const;
    void drop_surplus(std::uint16_t spi);
    void give_up(const std::function<bool(const InnerKey&)>& which);
    Crypto open_with(InnerKey& key, const Packet& sealed, Packet& opened, PacketIndex& index);

    const EktKeyring& keyring_;
    std::uint32_t ssrc_;
    std::deque<InnerKey> keys_;                      // newest first
    std::map<std::uint16_t, std::uint16_t> epochs_;  // highest of each SPI
    std::vector<KeyDigest> given_up_;
    std::optional<SeenTag> last_tag_;
    std::optional<std::uint32_t> told_roc_;
    std::uint32_t keys_learnt_ = 0;
    std::uint64_t roc_corrections_ = 0;
};

// The sequence number that the sender gave the packet which the outer layer opened. nullopt:
// malformed or too short, or its original header block is invalid.
std::optional<std::uint16_t> original_sequence(srtp::Bytes packet);

}  // namespace mdd::endpoint
