// Reads OpenSSL's error queue, and names the reasons of an end.
#include "kmf-tunnel/tls_failure.h"

#include <openssl/err.h>

namespace mdd::tunnel {
namespace {

// OpenSSL reports a received fatal alert as reason 1000 + alert number.
bool is_received_alert(unsigned long code) {
    return ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET;
}

bool is_missing_certificate(unsigned long code) {
    return ERR_GET_REASON(code) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
}

}  // namespace

std::string_view to_string(DownReason reason) {
    switch (reason) {
        case DownReason::closed_by_peer:
            return "closed_by_peer";
        case DownReason::closed_here:
            return "closed_here";
        case DownReason::refused_by_us:
            return "refused_by_us";
        case DownReason::refused_by_peer:
            return "refused_by_peer";
        case DownReason::handshake_failed:
            return "handshake_failed";
        case DownReason::handshake_timed_out:
            return "handshake_timed_out";
        case DownReason::silent:
            return "silent";
        case DownReason::unreachable:
            return "unreachable";
        case DownReason::protocol_error:
            return "protocol_error";
        case DownReason::version_unsupported:
            return "version_unsupported";
    }
    return "unknown";
}

std::optional<Down> failure_of(SSL* ssl, int ssl_result, bool was_up,
                               const std::string& certificate_refusal) {
    const int error = SSL_get_error(ssl, ssl_result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return std::nullopt;
    const unsigned long code = ERR_peek_error();
    if (error == SSL_ERROR_ZERO_RETURN)
        return Down{was_up ? DownReason::closed_by_peer : DownReason::refused_by_peer,
                    "the peer closed the tunnel"};
    if (!certificate_refusal.empty()) return Down{DownReason::refused_by_us, certificate_refusal};
    if (is_missing_certificate(code)) return Down{DownReason::refused_by_us, openssl_error_text()};
    if (is_received_alert(code))
        return Down{was_up ? DownReason::closed_by_peer : DownReason::refused_by_peer,
                    "the peer sent an alert: " + openssl_error_text()};
    return Down{was_up ? DownReason::protocol_error : DownReason::handshake_failed,
                openssl_error_text()};
}

}  // namespace mdd::tunnel
