// SRTP with AES-128-GCM in the three ways an SFU may do it: libsrtp2 as the distribution ships it,
// OpenSSL's EVP with a context that lives as long as its key, and IPsec-MB called directly. One
// stream per session, RTP headers of 12 bytes, no SRTCP.
#pragma once

#include "dataplane/srtp/aead.h"
#include "dataplane/srtp/index.h"
#include "dataplane/srtp/keys.h"
#include "dataplane/srtp/rtp.h"
#include "kmf-tunnel/openssl_ptr.h"
#include "tests/support/libsrtp_session.h"

namespace mdd::bench {

inline constexpr std::size_t kRtpHeaderBytes = srtp::kRtpFixedHeaderBytes;

// Every cipher below has a name and two classes, each made from a master key of 16 bytes:
//   Opener  open(packet, bytes): opens an SRTP packet in place and returns the size of the RTP
//           packet, 0 when it does not verify or came before; keeps a replay window of 1024.
//   Sealer  seal(rtp, to): writes the SRTP packet to `to`, which has SRTP_MAX_TRAILER_LEN bytes of
//           room behind the RTP packet's size, and returns its size, 0 on failure.

struct Libsrtp {
    static constexpr const char* kName = "libsrtp2";
    // NSS beneath it searches lists that grow with the sessions: setting up more takes minutes.
    static constexpr std::size_t kManyKeys = 1000;

    class Opener {
      public:
        explicit Opener(const srtp::MasterKey& key);
        std::size_t open(std::uint8_t* packet, std::size_t size_bytes) {
            auto size = static_cast<int>(size_bytes);
            return session_.unprotect(packet, size) == srtp_err_status_ok
                       ? static_cast<std::size_t>(size)
                       : 0;
        }

      private:
        test::LibsrtpSession session_;
    };
    class Sealer {
      public:
        explicit Sealer(const srtp::MasterKey& key);
        // The library works in place only, hence the copy.
        std::size_t seal(srtp::Bytes rtp, std::uint8_t* to) {
            std::memcpy(to, rtp.data(), rtp.size());
            auto size = static_cast<int>(rtp.size());
            return session_.protect(to, size) == srtp_err_status_ok ? static_cast<std::size_t>(size)
                                                                    : 0;
        }

      private:
        test::LibsrtpSession session_;
    };
};

// What SRTP asks of a receiver besides the cipher.
class InboundIndex {
  public:
    // nullopt: a replay.
    std::optional<std::uint64_t> fresh(std::uint16_t sequence) const {
        const auto index = window_.started() ? srtp::estimate_index(window_.highest(), sequence)
                                             : std::optional<std::uint64_t>(sequence);
        if (!index || window_.check(*index) != srtp::Replay::fresh) return std::nullopt;
        return index;
    }
    void accept(std::uint64_t index) { window_.mark(index); }

  private:
    srtp::ReplayWindow<1024> window_;
};

// And of a sender.
class OutboundIndex {
  public:
    std::uint64_t next(std::uint16_t sequence) {
        highest_ = srtp::estimate_index(highest_, sequence).value_or(sequence);
        return highest_;
    }

  private:
    std::uint64_t highest_ = 0;
};

struct Evp {
    static constexpr const char* kName = "openssl-evp";
    static constexpr std::size_t kManyKeys = 10'000;

    // The key is scheduled once, here; a packet sets the nonce only.
    class Context {
      public:
        Context(const srtp::MasterKey& key, bool seals);
        bool open(std::uint64_t index, std::uint8_t* packet, std::size_t size_bytes);
        bool seal(std::uint64_t index, srtp::Bytes rtp, std::uint8_t* to);

      private:
        bool begin(std::uint64_t index, const std::uint8_t* rtp_header);
        std::unique_ptr<EVP_CIPHER_CTX, tunnel::OpensslFree<EVP_CIPHER_CTX_free>> context_;
        srtp::Secret<srtp::kHopSaltBytes> salt_;
    };
    class Opener {
      public:
        explicit Opener(const srtp::MasterKey& key) : context_(key, false) {}
        std::size_t open(std::uint8_t* packet, std::size_t size_bytes);

      private:
        Context context_;
        InboundIndex index_;
    };
    class Sealer {
      public:
        explicit Sealer(const srtp::MasterKey& key) : context_(key, true) {}
        std::size_t seal(srtp::Bytes rtp, std::uint8_t* to);

      private:
        Context context_;
        OutboundIndex index_;
    };
};

struct IpsecMb {
    static constexpr const char* kName = "ipsec-mb";

    class Opener {
      public:
        explicit Opener(const srtp::MasterKey& key);
        std::size_t open(std::uint8_t* packet, std::size_t size_bytes);

      private:
        std::unique_ptr<const srtp::AeadKey> key_;
        InboundIndex index_;
    };
    class Sealer {
      public:
        explicit Sealer(const srtp::MasterKey& key);
        std::size_t seal(srtp::Bytes rtp, std::uint8_t* to);

      private:
        std::unique_ptr<const srtp::AeadKey> key_;
        OutboundIndex index_;
    };
};

// The session key and salt for RTP, expanded for IPsec-MB.
std::unique_ptr<const srtp::AeadKey> rtp_key_of(const srtp::MasterKey& key);

}  // namespace mdd::bench
