// AES-GCM alone: see limit.h.
#include "tests/bench/limit.h"

#define NO_COMPAT_IMB_API_053
#include <emmintrin.h>
#include <intel-ipsec-mb.h>
#include <rte_cycles.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

#include "dataplane/srtp/aead.h"
#include "dataplane/srtp/hot_memory.h"
#include "dataplane/srtp/profile.h"
#include "tests/bench/median.h"

namespace mdd::bench {
namespace {

constexpr unsigned kPackets = 2000;
constexpr std::size_t kNonceRoom = 16, kHeaderBytes = 12;

// What is sealed and opened, the same for whoever does it: how it lies to cache lines and pages
// makes a difference of some cycles.
struct Texts {
    static constexpr std::size_t kMost = 1536;
    alignas(64) std::uint8_t header[64], plain[kMost], sealed[kMost], opened[kMost];
};
Texts& texts_of(std::size_t size_bytes) {
    static Texts texts;
    if (size_bytes + srtp::kTagBytes > Texts::kMost)
        throw std::invalid_argument("the limit is measured for 1520 bytes at most");
    std::fill_n(texts.header, kHeaderBytes, std::uint8_t{1});
    std::fill_n(texts.plain, size_bytes, std::uint8_t{2});
    return texts;
}

struct ManagerDeleter {
    void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};

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

double measure_memory(unsigned rounds) {
    constexpr std::size_t kBytes = std::size_t{64} << 20, kLine = 64, kLines = kBytes / kLine;
    constexpr unsigned kReads = 50000;
    // In huge pages, as the tables are.
    static std::vector<std::uint8_t, srtp::HotAllocator<std::uint8_t>> memory(kBytes);
    std::vector<double> measured;
    std::uint64_t place = 1;
    unsigned sum = 0;
    for (unsigned round = 0; round < rounds; ++round) {
        const auto start = rte_rdtsc();
        for (unsigned i = 0; i < kReads; ++i) {
            place = place * 6364136223846793005ULL + 1442695040888963407ULL;
            sum += memory[(place >> 33) % kLines * kLine];
        }
        measured.push_back(static_cast<double>(rte_rdtsc() - start) / kReads);
    }
    if (sum != 0) throw std::runtime_error("memory that was never written is not zero");
    return median(measured);
}

CipherCost measure_cipher(unsigned aes_bits, std::size_t size_bytes, unsigned rounds) {
    static const std::unique_ptr<IMB_MGR, ManagerDeleter> manager(alloc_mb_mgr(0));
    static const bool started = (init_mb_mgr_auto(manager.get(), nullptr), true);
    if (!started || imb_get_errno(manager.get()) != 0)
        throw std::runtime_error("IPsec-MB does not start");
    const bool is_256 = aes_bits == 256;
    const auto seal = is_256 ? manager->gcm256_enc : manager->gcm128_enc;
    const auto open = is_256 ? manager->gcm256_dec : manager->gcm128_dec;
    alignas(64) gcm_key_data key;
    const std::vector<std::uint8_t> key_bytes(aes_bits / 8, 7);
    auto& texts = texts_of(size_bytes);
    (is_256 ? manager->gcm256_pre : manager->gcm128_pre)(key_bytes.data(), &key);
    std::uint8_t tag[srtp::kTagBytes];
    // Stored at once: the library loads it as a whole, and would wait for a part that was stored
    // just before.
    alignas(16) std::uint8_t nonce[kNonceRoom] = {};
    gcm_context_data context;
    CipherCost cost{};
    cost.seal_cycles = cycles_per_packet(rounds, [&](unsigned i) {
        _mm_store_si128(reinterpret_cast<__m128i*>(nonce), _mm_cvtsi32_si128(static_cast<int>(i)));
        seal(&key, &context, texts.sealed, texts.plain, size_bytes, nonce, texts.header,
             kHeaderBytes, texts.sealed + size_bytes, srtp::kTagBytes);
    });
    cost.open_cycles = cycles_per_packet(rounds, [&](unsigned) {
        open(&key, &context, texts.opened, texts.sealed, size_bytes, nonce, texts.header,
             kHeaderBytes, tag, srtp::kTagBytes);
    });
    if (!std::equal(tag, tag + srtp::kTagBytes, texts.sealed + size_bytes))
        throw std::runtime_error("the packet of the limit measurement does not open");
    return cost;
}

CipherCost measure_own_cipher(unsigned aes_bits, std::size_t size_bytes, unsigned rounds) {
    constexpr std::uint32_t kSsrc = 0x10203040;
    const std::vector<std::uint8_t> key_bytes(aes_bits / 8, 7), salt(srtp::kHopSaltBytes, 3);
    auto& texts = texts_of(size_bytes);
    const srtp::Bytes header(texts.header, kHeaderBytes), plain(texts.plain, size_bytes),
        sealed(texts.sealed, size_bytes + srtp::kTagBytes);
    const auto key = std::make_unique<const srtp::AeadKey>(key_bytes, salt);
    CipherCost cost{};
    cost.seal_cycles = cycles_per_packet(rounds, [&](unsigned i) {
        srtp::seal(*key, key->rtp_nonce(kSsrc, i), header, plain, texts.sealed);
    });
    bool all_open = true;
    cost.open_cycles = cycles_per_packet(rounds, [&](unsigned) {
        all_open &=
            srtp::open(*key, key->rtp_nonce(kSsrc, kPackets - 1), header, sealed, texts.opened);
    });
    if (!all_open) throw std::runtime_error("a packet that our cipher has sealed does not open");
    return cost;
}

}  // namespace mdd::bench
