// Seals and opens the frames of one state file. Touches no file; see state_file.h for the layout.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/srtp/bytes.h"
#include "kmf-tunnel/openssl_ptr.h"
#include "kmf-tunnel/secret_bytes.h"

namespace mdd::kmf {

class FrameSeal {
  public:
    static constexpr std::size_t kHeaderBytes = 32;
    static constexpr std::size_t kFrameHeaderBytes = 8;
    static constexpr std::size_t kTagBytes = 16;
    using Header = std::array<std::uint8_t, kHeaderBytes>;

    // `header` is the file's: with `key` it makes the file's own key.
    FrameSeal(const srtp::Secret<32>& key, const Header& header);

    // A whole frame. `number` must not have been used with this header before: it is the nonce.
    // Throws std::runtime_error when OpenSSL is out of memory.
    std::vector<std::uint8_t> seal(std::uint64_t number, srtp::Bytes plain) const;
    // Of a frame without its header. nullopt: not sealed by this key under this number.
    // Precondition: at least kTagBytes.
    std::optional<tunnel::SecretBytes> open(std::uint64_t number, srtp::Bytes sealed) const;

  private:
    using Context = std::unique_ptr<EVP_CIPHER_CTX, tunnel::OpensslFree<EVP_CIPHER_CTX_free>>;

    Context begin(std::uint64_t number, bool encrypts) const;

    Header header_;
    srtp::Secret<32> key_;
};

}  // namespace mdd::kmf
