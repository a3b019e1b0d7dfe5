// libsrtp calls and the translation of its status codes.
#include "tools/mdd-endpoint/srtp_session.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <srtp2/srtp.h>

namespace mdd::endpoint {
namespace {

constexpr unsigned long kReplayWindowPackets = 1024;
constexpr std::size_t kMaxTrailerBytes = SRTP_MAX_TRAILER_LEN + 4;

[[noreturn]] void fail(const char* what, srtp_err_status_t status) {
    throw std::runtime_error(std::string("libsrtp2 refused to ") + what + " (status " +
                             std::to_string(static_cast<int>(status)) + ")");
}

// One policy with its key; wiped with the object.
struct Policy {
    Policy(std::size_t key_bytes, const srtp::MasterKey& key, srtp_ssrc_t ssrc) {
        if (key_bytes == 16) {
            srtp_crypto_policy_set_aes_gcm_128_16_auth(&value.rtp);
            srtp_crypto_policy_set_aes_gcm_128_16_auth(&value.rtcp);
        } else {
            srtp_crypto_policy_set_aes_gcm_256_16_auth(&value.rtp);
            srtp_crypto_policy_set_aes_gcm_256_16_auth(&value.rtcp);
        }
        const auto salt = key.salt.bytes();
        const auto secret = key.key.first(key_bytes);
        auto* material = key_and_salt.writable().data();
        std::copy(secret.begin(), secret.end(), material);
        std::copy(salt.begin(), salt.end(), material + key_bytes);
        value.key = material;
        value.ssrc = ssrc;
        value.window_size = kReplayWindowPackets;
    }
    Policy(const Policy&) = delete;
    Policy& operator=(const Policy&) = delete;

    srtp_policy_t value{};
    srtp::Secret<srtp::kMaxHopKeyBytes + srtp::kHopSaltBytes> key_and_salt;
};

srtp_ssrc_t wildcard(SrtpSession::Direction direction) {
    return {direction == SrtpSession::Direction::inbound ? ssrc_any_inbound : ssrc_any_outbound, 0};
}

Crypto outcome(srtp_err_status_t status, Crypto otherwise) {
    switch (status) {
        case srtp_err_status_ok:
            return Crypto::ok;
        case srtp_err_status_replay_fail:
        case srtp_err_status_replay_old:
        case srtp_err_status_pkt_idx_old:
            return Crypto::replayed;
        case srtp_err_status_auth_fail:
        case srtp_err_status_cipher_fail:
            return Crypto::failed;
        case srtp_err_status_parse_err:
        case srtp_err_status_bad_param:
            return Crypto::malformed;
        default:
            return otherwise;
    }
}

}  // namespace

void SrtpSession::prepare() {
    static const bool started = [] {
        if (srtp_init() != srtp_err_status_ok)
            throw std::runtime_error("libsrtp2 did not pass its self-test");
        // The default handler prints; key limits and SSRC collisions surface as refusals here.
        srtp_install_event_handler([](srtp_event_data_t*) {});
        return true;
    }();
    static_cast<void>(started);
}

void SrtpSession::Destroy::operator()(srtp_ctx_t_* session) const {
    srtp_dealloc(session);
}

SrtpSession::SrtpSession(std::size_t key_bytes, const srtp::MasterKey& key, Direction direction,
                         std::span<const std::uint32_t> known_ssrcs)
    : key_bytes_(key_bytes), direction_(direction) {
    prepare();
    const Policy any(key_bytes, key, wildcard(direction));
    srtp_t raw = nullptr;
    if (auto status = srtp_create(&raw, &any.value); status != srtp_err_status_ok)
        fail("create a session", status);
    session_.reset(raw);
    for (auto ssrc : known_ssrcs) {
        const Policy one(key_bytes, key, {ssrc_specific, ssrc});
        if (auto status = srtp_add_stream(raw, &one.value); status != srtp_err_status_ok)
            fail("add a stream", status);
    }
}

void SrtpSession::rekey(const srtp::MasterKey& key) {
    const Policy any(key_bytes_, key, wildcard(direction_));
    if (auto status = srtp_update(session_.get(), &any.value); status != srtp_err_status_ok)
        fail("change a session's key", status);
}

// A stream that libsrtp does not have yet starts at ROC 0 by itself; ROC 0 also takes back an
// earlier placement.
void SrtpSession::place(std::uint32_t ssrc, std::uint32_t roc) {
    static_cast<void>(srtp_set_stream_roc(session_.get(), ssrc, roc));
}

Crypto SrtpSession::protect(Packet& packet, PacketIndex index) {
    if (packet.size() < kFixedHeaderBytes) return Crypto::malformed;
    const auto ssrc = rtp_ssrc(packet);
    int size_bytes = static_cast<int>(packet.size());
    packet.resize(packet.size() + kMaxTrailerBytes);
    place(ssrc, roc_of(index));
    const auto status = srtp_protect(session_.get(), packet.data(), &size_bytes);
    place(ssrc, 0);
    packet.resize(static_cast<std::size_t>(size_bytes));
    const auto result = outcome(status, Crypto::refused);
    return result == Crypto::replayed || result == Crypto::failed ? Crypto::refused : result;
}

Crypto SrtpSession::unprotect(Packet& packet, PacketIndex index) {
    if (packet.size() < kFixedHeaderBytes + srtp::kTagBytes) return Crypto::malformed;
    const auto ssrc = rtp_ssrc(packet);
    int size_bytes = static_cast<int>(packet.size());
    place(ssrc, roc_of(index));
    const auto status = srtp_unprotect(session_.get(), packet.data(), &size_bytes);
    place(ssrc, 0);
    if (status == srtp_err_status_ok) packet.resize(static_cast<std::size_t>(size_bytes));
    return outcome(status, Crypto::failed);
}

Crypto SrtpSession::protect_rtcp(Packet& packet) {
    int size_bytes = static_cast<int>(packet.size());
    packet.resize(packet.size() + kMaxTrailerBytes);
    const auto status = srtp_protect_rtcp(session_.get(), packet.data(), &size_bytes);
    packet.resize(static_cast<std::size_t>(size_bytes));
    return status == srtp_err_status_ok ? Crypto::ok : Crypto::refused;
}

Crypto SrtpSession::unprotect_rtcp(Packet& packet) {
    constexpr std::size_t kSmallest = 8 + srtp::kTagBytes + 4;
    if (packet.size() < kSmallest) return Crypto::malformed;
    int size_bytes = static_cast<int>(packet.size());
    const auto status = srtp_unprotect_rtcp(session_.get(), packet.data(), &size_bytes);
    if (status == srtp_err_status_ok) packet.resize(static_cast<std::size_t>(size_bytes));
    return outcome(status, Crypto::failed);
}

}  // namespace mdd::endpoint
