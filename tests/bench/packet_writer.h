// The senders of a FanOut: their next packets, sealed and with all headers. No ring and no thread
// of its own.
#pragma once

#include "tests/bench/fan_out.h"

namespace mdd::bench {

class PacketWriter {
  public:
    explicit PacketWriter(FanOut& fan_out)
        : fan_out_(fan_out), plain_(fan_out.config().size_bytes) {}

    // The next packet, of each sender a group in turn, into an empty buffer.
    void write(rte_mbuf* packet);
    // The next packet of this one.
    void write(FanOutSender& sender, rte_mbuf* packet);

  private:
    FanOut& fan_out_;
    // An inner ciphertext and tag of no meaning, and a header block that says: nothing changed.
    const std::vector<std::uint8_t> plain_;
    std::size_t sender_ = 0;
    unsigned in_group_ = 0;
};

}  // namespace mdd::bench
