// Packet index of one SSRC: estimate from the 16-bit sequence number (RFC 3711 §3.3.1, App. A) and
// replay window (§3.3.2). Pure arithmetic; commits only what the caller says has been
// authenticated.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/srtp/prefetch.h"

namespace mdd::srtp {

// Memory for so many; fewer may be in use.
inline constexpr unsigned kReplayWindowPackets = 1024;

enum class Replay : std::uint8_t { fresh, duplicate, too_old };

// Sliding window over a 64-bit index. WindowBits: size in packets, a power of two; a parameter so
// that tests can run every sequence of packets at small widths. Memory: WindowBits / 8 bytes.
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
        return test(index) ? Replay::duplicate : Replay::fresh;
    }
    // Precondition: check(index) == fresh and the packet has been authenticated.
    void mark(std::uint64_t index) {
        if (!started_ || (index > highest_ && index - highest_ >= WindowBits)) {
            words_.fill(0);
            highest_ = index;
            started_ = true;
        }
        for (; highest_ < index; clear(++highest_)) {
        }
        set(index);
    }
    bool started() const { return started_; }
    // Highest index marked. Precondition: started().
    std::uint64_t highest() const { return highest_; }
    void reset() { *this = ReplayWindow{}; }
    // Asks for the memory that says whether an index was seen, and does not wait for it. Any of its
    // lowest bits that cover the window will do, such as a sequence number.
    void prefetch(std::uint64_t index) const { srtp::prefetch(&words_[word(index)]); }

  private:
    static constexpr unsigned kWords = WindowBits < 64 ? 1 : WindowBits / 64;
    static unsigned word(std::uint64_t index) {
        return static_cast<unsigned>(index % WindowBits) / 64;
    }
    static std::uint64_t bit(std::uint64_t index) {
        return std::uint64_t{1} << (index % WindowBits % 64);
    }
    bool test(std::uint64_t index) const { return (words_[word(index)] & bit(index)) != 0; }
    void set(std::uint64_t index) { words_[word(index)] |= bit(index); }
    void clear(std::uint64_t index) { words_[word(index)] &= ~bit(index); }

    // What every packet asks for stands first.
    std::uint64_t highest_ = 0;
    bool started_ = false;
    std::array<std::uint64_t, kWords> words_{};
};

// The index that a packet with `sequence` most likely has, given the highest index authenticated so
// far (RFC 3711 App. A with s_l and ROC taken from `highest`). nullopt: it would lie before index
// 0.
template <unsigned SeqBits = 16>
std::optional<std::uint64_t> estimate_index(std::uint64_t highest, std::uint32_t sequence) {
    constexpr std::uint64_t kSpan = std::uint64_t{1} << SeqBits;
    constexpr std::uint64_t kHalf = kSpan / 2;
    const std::uint64_t roc = highest / kSpan;
    const std::uint64_t s_l = highest % kSpan;
    if (s_l < kHalf) {
        if (sequence > s_l + kHalf) {
            if (roc == 0) return std::nullopt;
            return (roc - 1) * kSpan + sequence;
        }
    } else if (s_l - kHalf > sequence) {
        return (roc + 1) * kSpan + sequence;
    }
    return roc * kSpan + sequence;
}

}  // namespace mdd::srtp
