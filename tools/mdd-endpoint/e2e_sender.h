// The inner layer of what this endpoint sends (RFC 8723 §5.1 steps 3 to 5, RFC 8870 §4.3.1): for
// each stream a random master key under the newest EKT key, one tag for each packet. The outer
// layer is put on in between by the caller.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tools/mdd-endpoint/ekt_key.h"
#include "tools/mdd-endpoint/hop_context.h"
#include "tools/mdd-endpoint/srtp_session.h"

namespace mdd::endpoint {

// One thread.
class E2eSender {
  public:
    static constexpr int kFullTagsAtStart = 3;
    static constexpr std::chrono::milliseconds kFullTagInterval{100};

    // Fills the first `key_bytes` of a secret.
    using MakeKey = std::function<srtp::Secret<32>(std::size_t key_bytes)>;
    // Fresh randomness. Throws std::runtime_error when there is none.
    static srtp::Secret<32> random_master_key(std::size_t key_bytes);

    explicit E2eSender(MakeKey make_key = random_master_key) : make_key_(std::move(make_key)) {}

    // Changes over to an EKT key: from its next packet on, each stream has a new master key, full
    // tags and epoch 0, or the next one where the SPI is that of before; nothing is sealed under
    // the keys before. Indices go on.
    void use(std::shared_ptr<const EktKey> key);
    // Wipes all keys; seal() must not be called until the next use().
    void forget();
    bool has_key() const { return key_ != nullptr; }

    // Places a stream beyond ROC 0 before its first packet.
    void start_at(std::uint32_t ssrc, PacketIndex index) {
        streams_[ssrc].indices = IndexTracker(index);
    }

    // Full header, inner ciphertext, inner tag and an empty original header block in place of an
    // RTP packet: what the outer layer gets. `index` becomes the packet's inner index. malformed:
    // not RTP; refused: its index was used. Precondition: has_key().
    Crypto seal(Packet& packet, PacketIndex& index);

    // Appends the tag for the packet with this inner index, which seal() has just sealed: full on
    // the first three and every 100 ms, else short.
    void append_tag(Packet& packet, std::uint32_t ssrc, PacketIndex index, Clock::time_point now);

    // The next packets of every stream carry full tags again: the receivers may have changed.
    void announce();

    std::uint64_t full_tags() const { return full_tags_; }
    std::uint64_t short_tags() const { return short_tags_; }

  private:
    struct Keyed {
        srtp::Secret<32> master_key;
        SrtpSession session;
        std::uint16_t epoch;
        std::uint32_t tag_roc = 0;
        std::vector<std::uint8_t> tag;  // the field for tag_roc, repeated as it is
    };
    struct Stream {
        IndexTracker indices;
        std::optional<Keyed> keyed;  // under key_
        std::optional<std::pair<std::uint16_t, std::uint16_t>> last_spi_and_epoch;
        int full_tags_due = kFullTagsAtStart;
        Clock::time_point last_full_tag{};
    };

    Keyed make_keyed(std::uint32_t ssrc, Stream& stream) const;

    MakeKey make_key_;
    std::shared_ptr<const EktKey> key_;
    std::unordered_map<std::uint32_t, Stream> streams_;
    std::uint64_t full_tags_ = 0;
    std::uint64_t short_tags_ = 0;
};

}  // namespace mdd::endpoint
