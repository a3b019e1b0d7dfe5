// Packet index of one SSRC: estimate from the 16-bit sequence number (RFC 3711 §3.3.1, App. A) and
// replay window (§3.3.2). Pure arithmetic; commits only what the caller says has been
// authenticated.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace mdd::srtp {

// Memory for so many; fewer may be in use.
inline constexpr unsigned kReplayWindowPackets = 1024;

enum class Replay : std::uint8_t { fresh, duplicate, too_old };

// Sliding window over a 64-bit index. WindowBits: size in packets, a power of two; a parameter so
// that tests can run every sequence of packets at small widths. Memory: WindowBits / 8 bytes, which
// packets in order touch once in 64 of them, and 24.
template <unsigned WindowBits>
class ReplayWindow {
  public:
    static_assert(WindowBits > 0 && (WindowBits & (WindowBits - 1)) == 0);

    // Does not change anything: the packet is not authenticated yet. `in_use`: configured size, <=
    // WindowBits.
    Replay check(std::uint64_t index, unsigned in_use = WindowBits) const {
        if (!started_ || index > highest_) return Replay::fresh;
        // What lies behind the memory is unknown, whatever the caller thinks is in use.
        if (highest_ - index >= in_use || highest_ - index >= WindowBits) return Replay::too_old;
        return seen(index) ? Replay::duplicate : Replay::fresh;
    }
    // Precondition: check(index) == fresh and the packet has been authenticated.
    void mark(std::uint64_t index) {
        if (!started_ || index > highest_) rise_to(index);
        (is_newest(index) ? newest_ : older(index)) |= bit(index);
    }
    bool started() const { return started_; }
    // Highest index marked. Precondition: started().
    std::uint64_t highest() const { return highest_; }
    void reset() { *this = ReplayWindow{}; }

  private:
    // The indexes that one word tells of make a block.
    static constexpr unsigned kBlock = WindowBits < 64 ? WindowBits : 64;
    static constexpr unsigned kWords = WindowBits / kBlock;

    static std::uint64_t block(std::uint64_t index) { return index / kBlock; }
    static std::uint64_t bit(std::uint64_t index) { return std::uint64_t{1} << (index % kBlock); }
    bool is_newest(std::uint64_t index) const { return block(index) == block(highest_); }
    std::uint64_t& older(std::uint64_t index) { return words_[block(index) % kWords]; }
    const std::uint64_t& older(std::uint64_t index) const { return words_[block(index) % kWords]; }
    bool seen(std::uint64_t index) const {
        return ((is_newest(index) ? newest_ : older(index)) & bit(index)) != 0;
    }
    void rise_to(std::uint64_t index) {
        if (!started_ || !is_newest(index)) open_block(index);
        highest_ = index;
        started_ = true;
    }
    // The block of `index` becomes the newest. The word that will be its own goes on telling of the
    // block that is kWords before, of which a part may still be in the window.
    [[gnu::noinline]] void open_block(std::uint64_t index) {
        const auto from = block(highest_), to = block(index);
        if (!started_ || to - from > kWords) {
            words_.fill(0);
        } else {
            older(highest_) = newest_;
            for (auto skipped = from + 1; skipped < to; ++skipped) words_[skipped % kWords] = 0;
        }
        newest_ = 0;
    }

    // What nearly every packet asks for stands first, in few bytes.
    std::uint64_t highest_ = 0;
    std::uint64_t newest_ = 0;  // of the block that highest_ is in
    bool started_ = false;
    std::array<std::uint64_t, kWords> words_{};  // of the blocks before, by number
};

// The index that a packet with `sequence` most likely has, given the highest index authenticated so
// far (RFC 3711 App. A with s_l and ROC taken from `highest`). nullopt: it would lie before index
// 0.
template <unsigned SeqBits = 16>
std::optional<std::uint64_t> estimate_index(std::uint64_t highest, std::uint32_t sequence) {
    constexpr std::uint64_t kSpan = std::uint64_t{1} << SeqBits;
    constexpr std::uint64_t kHalf = kSpan / 2;
    const std::uint64_t s_l = highest % kSpan;
    const std::uint64_t ahead = (sequence - s_l) % kSpan;
    // Exactly half a span away, either way, is the ROC of `highest`.
    if (ahead < kHalf || (ahead == kHalf && s_l < kHalf)) return highest + ahead;
    const std::uint64_t behind = kSpan - ahead;
    if (behind > highest) return std::nullopt;
    return highest - behind;
}

}  // namespace mdd::srtp
