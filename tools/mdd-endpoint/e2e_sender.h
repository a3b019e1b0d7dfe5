// The inner layer of what this endpoint sends (RFC 8723 §5.1 steps 3 to 5, RFC 8870 §4.3.1): one
// random master key for the run, one tag for each packet. The outer layer is put on in between by
// the caller.
#pragma once

#include <chrono>
#include <optional>
#include <unordered_map>

#include "tools/mdd-endpoint/ekt_key.h"
#include "tools/mdd-endpoint/hop_context.h"
#include "tools/mdd-endpoint/srtp_session.h"

namespace mdd::endpoint {

// One thread. `key` is borrowed and must outlive the object.
class E2eSender {
  public:
    static constexpr int kFullTagsAtStart = 3;
    static constexpr std::chrono::milliseconds kFullTagInterval{100};

    // `master_key` is key.key_bytes bytes; random_master_key() makes one. Its salt is the EKT
    // key's.
    E2eSender(const EktKey& key, srtp::Bytes master_key);

    // Fills key.key_bytes of a fresh secret. Throws std::runtime_error when there is no randomness.
    static srtp::Secret<32> random_master_key(std::size_t key_bytes);

    // The epoch of this run for one SSRC; key.epoch where nothing was set.
    void set_epoch(std::uint32_t ssrc, std::uint16_t epoch) { streams_[ssrc].epoch = epoch; }

    // Places a stream beyond ROC 0 before its first packet.
    void start_at(std::uint32_t ssrc, PacketIndex index) {
        streams_[ssrc].indices = IndexTracker(index);
    }

    // Full header, inner ciphertext, inner tag and an empty original header block in place of an
    // RTP packet: what the outer layer gets. `index` becomes the packet's inner index. malformed:
    // not RTP; refused: its index was used.
    Crypto seal(Packet& packet, PacketIndex& index);

    // Appends the tag for the packet with this inner index: full on the first three and every 100
    // ms, else short.
    void append_tag(Packet& packet, std::uint32_t ssrc, PacketIndex index, Clock::time_point now);

    // The next packets of every stream carry full tags again: the receivers may have changed.
    void announce();

    std::uint64_t full_tags() const { return full_tags_; }
    std::uint64_t short_tags() const { return short_tags_; }

  private:
    struct Stream {
        IndexTracker indices;
        std::optional<std::uint16_t> epoch;
        int full_tags_due = kFullTagsAtStart;
        Clock::time_point last_full_tag{};
        std::uint32_t tag_roc = 0;
        std::vector<std::uint8_t> tag;  // the field for tag_roc, repeated as it is
    };

    srtp::MasterKey master() const;
    SrtpSession& session_for(std::uint32_t ssrc);

    const EktKey& key_;
    srtp::Secret<32> master_key_;
    std::unordered_map<std::uint32_t, Stream> streams_;
    std::unordered_map<std::uint32_t, SrtpSession> sessions_;
    std::uint64_t full_tags_ = 0;
    std::uint64_t short_tags_ = 0;
};

}  // namespace mdd::endpoint
