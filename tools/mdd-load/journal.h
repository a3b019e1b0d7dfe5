// The last packets that were sent: end-to-end layer and time of each, for comparison with what
// comes back. One ring for all streams; the oldest gives way. Knows no keys.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "dataplane/srtp/bytes.h"
#include "tools/mdd-load/world.h"

namespace mdd::load {

struct Sent {
    Tsc at = 0;  // when it went out; 0: not yet
    std::uint64_t index = 0;
    StreamIndex stream = 0;
    std::uint32_t run = 0;
    std::uint32_t timestamp = 0;
    std::uint16_t bytes = 0;     // of the end-to-end layer: ciphertext and tag
    std::uint8_t tag_bytes = 0;  // of the EKT tag
};

// One thread. All memory is taken at the start.
class Journal {
  public:
    static constexpr std::size_t kPackets = std::size_t{1} << 15;

    static constexpr std::size_t kMostTagBytes = 64;

    // `most_bytes`: the longest end-to-end layer, with room for the OHB behind it.
    Journal(std::size_t streams, std::size_t most_bytes)
        : room_bytes_((most_bytes + kMostTagBytes + 63) / 64 * 64),
          recent_(std::bit_ceil(
              std::min(kPackets, 4 * kPackets / std::max<std::size_t>(streams, 1) + 64))),
          sent_(kPackets),
          bytes_(kPackets * room_bytes_),
          places_(streams * recent_) {}

    // Place for the next packet; bytes_at() it may be written to.
    std::uint32_t add(const Sent& sent) {
        const auto place = static_cast<std::uint32_t>(next_++ % kPackets);
        sent_[place] = sent;
        places_[place_of(sent.stream, sent.index)] = place;
        return place;
    }
    void went_out(std::uint32_t place, Tsc at) { sent_[place].at = at; }

    std::uint8_t* bytes_at(std::uint32_t place) { return bytes_.data() + place * room_bytes_; }
    const Sent& sent_at(std::uint32_t place) const { return sent_[place]; }

    // nullptr: not of this stream and run, or too long ago.
    const Sent* find(StreamIndex stream, std::uint32_t run, std::uint64_t index) const {
        const auto& sent = sent_[places_[place_of(stream, index)]];
        const bool is_it = sent.stream == stream && sent.index == index && sent.run == run;
        return is_it ? &sent : nullptr;
    }
    srtp::Bytes bytes_of(const Sent& sent) const {
        const auto place = static_cast<std::size_t>(&sent - sent_.data());
        return {bytes_.data() + place * room_bytes_, sent.bytes};
    }
    // The EKT tag, where its sender has to write it and where it is found.
    std::uint8_t* tag_at(std::uint32_t place) {
        return bytes_at(place) + room_bytes_ - kMostTagBytes;
    }
    srtp::Bytes tag_of(const Sent& sent) const {
        return {bytes_of(sent).data() + room_bytes_ - kMostTagBytes, sent.tag_bytes};
    }
    // Brings what find() needs into the cache, then what bytes_of() does.
    void prefetch_place(StreamIndex stream, std::uint64_t index) const {
        __builtin_prefetch(&places_[place_of(stream, index)]);
    }
    void prefetch_packet(StreamIndex stream, std::uint64_t index) const {
        const auto place = places_[place_of(stream, index)];
        __builtin_prefetch(&sent_[place]);
        __builtin_prefetch(bytes_.data() + place * room_bytes_);
    }

  private:
    std::size_t place_of(StreamIndex stream, std::uint64_t index) const {
        return stream * recent_ + (index & (recent_ - 1));
    }

    std::size_t room_bytes_;
    std::size_t recent_;  // packets of a stream that are found; a power of two
    std::vector<Sent> sent_;
    std::vector<std::uint8_t> bytes_;
    std::vector<std::uint32_t> places_;  // by stream and index
    std::uint64_t next_ = 0;
};

}  // namespace mdd::load
