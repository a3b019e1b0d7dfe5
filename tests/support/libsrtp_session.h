// A libsrtp session of one direction with AES-GCM, the independent reference for one hop. Tests
// only.
#pragma once

#include <srtp2/srtp.h>

#include <stdexcept>
#include <vector>

#include "dataplane/srtp/bytes.h"

namespace mdd::test {

class LibsrtpSession {
  public:
    // `key`: 16 or 32 bytes of master key; `salt`: 12 bytes. Any SSRC.
    LibsrtpSession(srtp::Bytes key, srtp::Bytes salt, bool outbound) {
        static const auto started = srtp_init();
        if (started != srtp_err_status_ok ||
            with_policy(key, salt, outbound, [this](const srtp_policy_t* policy) {
                return srtp_create(&session_, policy);
            }) != srtp_err_status_ok)
            throw std::runtime_error("libsrtp did not make a session");
    }
    // Goes on with other keys: every stream keeps its index.
    void rekey(srtp::Bytes key, srtp::Bytes salt, bool outbound) {
        if (with_policy(key, salt, outbound, [this](const srtp_policy_t* policy) {
                return srtp_update(session_, policy);
            }) != srtp_err_status_ok)
            throw std::runtime_error("libsrtp did not take new keys");
    }
    ~LibsrtpSession() { srtp_dealloc(session_); }
    LibsrtpSession(const LibsrtpSession&) = delete;
    LibsrtpSession& operator=(const LibsrtpSession&) = delete;

    // Each works in place on `packet` and changes its size.
    srtp_err_status_t protect(std::vector<std::uint8_t>& packet) {
        return run(packet, srtp_protect);
    }
    srtp_err_status_t unprotect(std::vector<std::uint8_t>& packet) {
        return run(packet, srtp_unprotect);
    }
    srtp_err_status_t protect_rtcp(std::vector<std::uint8_t>& packet) {
        return run(packet, srtp_protect_rtcp);
    }
    srtp_err_status_t unprotect_rtcp(std::vector<std::uint8_t>& packet) {
        return run(packet, srtp_unprotect_rtcp);
    }

    // Likewise on memory that has SRTP_MAX_TRAILER_LEN bytes of room behind the packet, for who
    // counts cycles.
    srtp_err_status_t protect(std::uint8_t* packet, int& size_bytes) {
        return srtp_protect(session_, packet, &size_bytes);
    }
    srtp_err_status_t unprotect(std::uint8_t* packet, int& size_bytes) {
        return srtp_unprotect(session_, packet, &size_bytes);
    }

  private:
    template <typename Use>
    static srtp_err_status_t with_policy(srtp::Bytes key, srtp::Bytes salt, bool outbound,
                                         Use use) {
        std::vector<std::uint8_t> key_and_salt(key.begin(), key.end());
        key_and_salt.insert(key_and_salt.end(), salt.begin(), salt.end());
        srtp_policy_t policy{};
        if (key.size() == 32) {
            srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
            srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
        } else {
            srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
            srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
        }
        policy.ssrc.type = outbound ? ssrc_any_outbound : ssrc_any_inbound;
        policy.key = key_and_salt.data();
        policy.window_size = 1024;
        return use(&policy);
    }
    srtp_err_status_t run(std::vector<std::uint8_t>& packet,
                          srtp_err_status_t (*function)(srtp_t, void*, int*)) {
        auto size_bytes = static_cast<int>(packet.size());
        packet.resize(packet.size() + SRTP_MAX_TRAILER_LEN);
        const auto status = function(session_, packet.data(), &size_bytes);
        packet.resize(static_cast<std::size_t>(size_bytes));
        return status;
    }

    srtp_t session_ = nullptr;
};

}  // namespace mdd::test
