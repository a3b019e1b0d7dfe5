// Where a worker's cycles go, stage by stage. Only a build for that measurement has it
// (MDD_STAGE_CLOCK); otherwise the marks are nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#ifdef MDD_STAGE_CLOCK
#include <rte_cycles.h>
#endif

namespace mdd {

enum class Stage : std::uint8_t {
    receive,   // taking bursts from the queue
    classify,  // headers, and whose packet it is
    gather,    // asking ahead for streams, recipients and keys
    open,      // parsing, index, opening the outer layer, replay window, header block
    copy,      // per recipient: index, header block, seal, headers
    send,      // the transmit queue
    count_
};

class StageClock {
  public:
    using Cycles = std::array<std::uint64_t, static_cast<std::size_t>(Stage::count_)>;
#ifdef MDD_STAGE_CLOCK
    // Begins a round.
    void start() {
        last_ = rte_rdtsc();
    }
    // The cycles since the last mark were `stage`'s.
    void mark(Stage stage) {
        const auto now = rte_rdtsc();
        cycles_[static_cast<std::size_t>(stage)] += now - last_;
        last_ = now;
    }
    const Cycles& cycles() const {
        return cycles_;
    }

  private:
    std::uint64_t last_ = 0;
    Cycles cycles_{};
#else
    void start() {}
    void mark(Stage) {}
#endif
};

}  // namespace mdd
