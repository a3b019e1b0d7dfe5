// The nonce ledger of audit builds, in shards so that worker threads seldom wait for each other.
// Grows without bound: about 70 bytes for each nonce.
#include "dataplane/srtp/nonce_ledger.h"

#ifdef MDD_AUDIT
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <unordered_map>

namespace mdd::srtp::nonce_ledger {
namespace {

struct Use {
    std::uint64_t key_fingerprint;
    Nonce nonce;
    bool operator==(const Use&) const = default;
};

// FNV-1a. For equal lengths one differing byte always changes it; accidents beyond that are 2^-64.
std::uint64_t hash(std::uint64_t state, Bytes bytes) {
    for (auto byte : bytes) state = (state ^ byte) * 0x100000001b3u;
    return state;
}

struct UseHash {
    std::size_t operator()(const Use& use) const { return hash(use.key_fingerprint, use.nonce); }
};

struct alignas(64) Shard {
    std::mutex mutex;
    std::unordered_map<Use, std::uint64_t, UseHash> content_of;
};

constexpr std::size_t kShards = 64;
std::atomic<std::uint64_t> g_seals{0};

// Never destroyed: other threads may still seal while the process ends.
Shard& shard_of(const Use& use) {
    static auto* shards = new Shard[kShards];
    return shards[UseHash{}(use) % kShards];
}

std::uint64_t content_hash(Bytes aad, Bytes plaintext) {
    std::uint8_t aad_size[4];
    store_be32(aad_size, static_cast<std::uint32_t>(aad.size()));
    std::uint64_t state = 0xcbf29ce484222325u ^ plaintext.size();
    return hash(hash(hash(state, aad_size), aad), plaintext);
}

[[noreturn]] void report_repeat(Bytes aad, Bytes plaintext) {
    // Neither key nor nonce (it holds the salt) is printed; the AAD begins with header bytes that
    // travel in the clear.
    std::fprintf(stderr, "nonce ledger: a nonce repeats with other bytes: aad of %zu bytes ",
                 aad.size());
    for (auto byte : aad.first(aad.size() < 12 ? aad.size() : 12))
        std::fprintf(stderr, "%02x", byte);
    std::fprintf(stderr, ", plaintext of %zu bytes\n", plaintext.size());
    std::abort();
}

}  // namespace

void record(std::uint64_t key_fingerprint, const Nonce& nonce, Bytes aad, Bytes plaintext) {
    const Use use{key_fingerprint, nonce};
    const auto content = content_hash(aad, plaintext);
    auto& shard = shard_of(use);
    bool repeated = false;
    {
        const std::lock_guard lock(shard.mutex);
        repeated = shard.content_of.try_emplace(use, content).first->second != content;
    }
    if (repeated) report_repeat(aad, plaintext);
    g_seals.fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t seals() {
    return g_seals.load(std::memory_order_relaxed);
}

}  // namespace mdd::srtp::nonce_ledger
#endif
