// The cipher functions that a CPU is served with: IPsec-MB's, or ours on the library's keys.
#pragma once

#include <cstdint>

// Of the library, whose header stays out of ours.
struct gcm_key_data;
struct gcm_context_data;

namespace mdd::srtp {

// What is left of the library's manager for the hot path, in one cache line; where our cipher
// serves, in the same form for those who compare the two.
struct alignas(64) CodePath {
    // `key`: as the library has expanded it, or, for ours, as gcm_vaes.h lays it out.
    // `scratch`: for the library; ours takes null. `out`: `bytes` of text and nothing behind them;
    // `in` itself, or apart from it. `nonce`: 12 bytes, in 16 that may be read. `aad`: any number
    // of bytes. `tag`: 16 bytes, made in either direction; whoever opens compares. Any thread.
    using Crypt = void (*)(const gcm_key_data* key, gcm_context_data* scratch, std::uint8_t* out,
                           const std::uint8_t* in, std::uint64_t bytes, const std::uint8_t* nonce,
                           const std::uint8_t* aad, std::uint64_t aad_bytes, std::uint8_t* tag,
                           std::uint64_t tag_bytes);
    // From 16 or 32 bytes of key.
    using Expand = void (*)(const void* key, gcm_key_data*);
    Crypt seal_128 = nullptr;
    Crypt seal_256 = nullptr;
    Crypt open_128 = nullptr;
    Crypt open_256 = nullptr;
    Expand expand_128 = nullptr;
    Expand expand_256 = nullptr;
};

}  // namespace mdd::srtp
