// What a forwarding loop is held against: AES-GCM alone, one hot key, on buffers in the cache, by
// the library and by our own code; and what this machine's memory gives while others use it too. No
// packets.
#pragma once

#include <cstddef>

namespace mdd::bench {

// Cycles (TSC) that AES-128- or 256-GCM needs for one packet of `size_bytes`, measured now; median
// of `rounds`.
struct CipherCost {
    double open_cycles;
    double seal_cycles;
    // One packet opened and `receivers` sealed, per sealed packet.
    double limit(unsigned receivers) const {
        return (open_cycles + receivers * seal_cycles) / receivers;
    }
};
// By IPsec-MB's direct call.
CipherCost measure_cipher(unsigned aes_bits, std::size_t size_bytes, unsigned rounds);
// The same by open() and seal() of the worker. After aead_start().
CipherCost measure_own_cipher(unsigned aes_bits, std::size_t size_bytes, unsigned rounds);

// Cycles (TSC) per cache line when lines anywhere in 64 MiB are read as fast as they come, many at
// a time: what the state of thousands of receivers costs to reach. Measured now; median of
// `rounds`.
double measure_memory(unsigned rounds);

}  // namespace mdd::bench
