// Outbound packet index of one SSRC under one recipient key: ours alone, starting at ROC 0, never
// used twice (ownership law 3). Runs of forwarding follow the source; a new run starts right behind
// the highest index sent.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/srtp/verdict.h"

namespace mdd::srtp {

// One leg's RTP index. 48 bytes; owned by the worker that owns the SSRC.
class OutboundIndex {
  public:
    // A jump of the source past this many packets starts a new run: a larger one could mislead the
    // receiver's ROC.
    static constexpr std::uint64_t kMaxJump = 1u << 14;
    // RFC 7714 §12: at most 2^48 SRTP packets per master key.
    static constexpr std::uint64_t kLimit = std::uint64_t{1} << 48;

    OutboundIndex() = default;
    // Goes on above indexes that were used before: `next` is the first one never used.
    explicit OutboundIndex(std::uint64_t next) : next_(next) {}

    struct Placed {
        Verdict verdict;      // accepted, run_old or key_exhausted
        std::uint64_t index;  // valid when accepted: ROC * 2^16 + SEQ to seal with; unique for the
                              // life of the key
    };

    // Places the source's packet with authenticated index `source`. Precondition: the caller's
    // replay window has let each `source` through once per run. Commits: call it only for a packet
    // that will be sealed or given up for good.
    Placed place(std::uint64_t source) {
        const std::uint64_t index = source + offset_;
        // Mostly a run goes on; run_source_ is above any source where there is none.
        if (source < run_source_ || index > next_ - 1 + kMaxJump || index >= used_.from ||
            index >= kLimit)
            return place_elsewhere(source);
        if (index >= next_) next_ = index + 1;
        lowest_ = std::min(lowest_, index);
        return {Verdict::accepted, index};
    }

    // The next placed packet starts a new run (pause ended, source switched or restarted).
    void end_run() { run_source_ = kNone; }

    // The leg goes on with another key, under which nothing has been sent yet.
    void follow_key() {
        lowest_ = kNone;
        used_ = {kNone, kNone};
    }
    // The receiver has lost its place, and expects ROC 0 under the key in use. Counts from there
    // again, around what this key was used for (the receiver follows there if that is less than
    // 2^15 packets). Changes nothing where the receiver can find in without: the key has been used
    // below ROC 1; and once per key only.
    void start_over();

    // Next index that has never been used; 0 while nothing was sent.
    std::uint64_t next() const { return next_; }

  private:
    static constexpr std::uint64_t kNone = ~std::uint64_t{0};
    struct Range {
        std::uint64_t from, to;  // `to` is not in it
    };
    void start_run(std::uint64_t source);
    Placed place_elsewhere(std::uint64_t source);

    std::uint64_t next_ = 0;            // one above the highest index sent
    std::uint64_t run_source_ = kNone;  // source index at which the run began; kNone: in no run
    std::uint64_t offset_ = 0;          // out = source + offset_, modulo 2^64
    std::uint64_t lowest_ = kNone;      // lowest index sent under the key in use
    Range used_{kNone, kNone};          // before it was started over
};

}  // namespace mdd::srtp
