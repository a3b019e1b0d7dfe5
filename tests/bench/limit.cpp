// AES-GCM alone: see limit.h.
#include "tests/bench/limit.h"

#include <rte_cycles.h>

#include <stdexcept>
#include <vector>

#include "dataplane/srtp/aead.h"
#include "tests/bench/median.h"

namespace mdd::bench {
namespace {

constexpr unsigned kPackets = 2000;

template <typename Work>
double cycles_per_packet(unsigned rounds, Work work) {
    std::vector<double> measured;
    for (unsigned round = 0; round < rounds; ++round) {
        const auto start = rte_rdtsc();
        for (unsigned i = 0; i < kPackets; ++i) work(i);
        measured.push_back(static_cast<double>(rte_rdtsc() - start) / kPackets);
    }
    return median(measured);
}

}  // namespace

CipherCost measure_cipher(unsigned aes_bits, std::size_t size_bytes, unsigned rounds) {
    const std::vector<std::uint8_t> key(aes_bits / 8, 7), salt(12, 9), header(12, 1),
        plain(size_bytes, 2);
    const srtp::AeadKey aead(key, salt);
    std::vector<std::uint8_t> sealed(size_bytes + srtp::kTagBytes), opened(size_bytes);
    CipherCost cost{};
    cost.seal_cycles = cycles_per_packet(rounds, [&](unsigned i) {
        srtp::seal(aead, aead.rtp_nonce(1, i), header, plain, sealed.data());
    });
    srtp::seal(aead, aead.rtp_nonce(1, kPackets), header, plain, sealed.data());
    bool all = true;
    cost.open_cycles = cycles_per_packet(rounds, [&](unsigned) {
        all &= srtp::open(aead, aead.rtp_nonce(1, kPackets), header, sealed, opened.data());
    });
    if (!all) throw std::runtime_error("the packet of the limit measurement does not open");
    return cost;
}

}  // namespace mdd::bench
