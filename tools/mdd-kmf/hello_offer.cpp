// Walks the extensions of a ClientHello.
#include "tools/mdd-kmf/hello_offer.h"

#include <algorithm>

#include <openssl/ssl.h>
#include <openssl/tls1.h>

#include "tools/dtls_srtp/hello_extensions.h"

namespace mdd::kmf {
namespace {

std::optional<srtp::Bytes> extension(SSL* ssl, unsigned number) {
    const unsigned char* data = nullptr;
    std::size_t size_bytes = 0;
    if (SSL_client_hello_get0_ext(ssl, number, &data, &size_bytes) != 1) return std::nullopt;
    return srtp::Bytes(data, size_bytes);
}

// use_srtp: list length(2), profiles(2 each), MKI length(1), MKI (RFC 5764 §4.1.1).
std::vector<std::uint16_t> srtp_profiles(SSL* ssl) {
    std::vector<std::uint16_t> profiles;
    const auto use_srtp = extension(ssl, TLSEXT_TYPE_use_srtp);
    if (!use_srtp || use_srtp->size() < 2) return profiles;
    const auto list = use_srtp->subspan(2);
    const std::size_t list_bytes = srtp::load_be16(use_srtp->data());
    for (std::size_t at = 0; at + 2 <= std::min(list_bytes, list.size()); at += 2)
        profiles.push_back(srtp::load_be16(&list[at]));
    return profiles;
}

}  // namespace

HelloOffer read_hello_offer(SSL* ssl) {
    HelloOffer offer;
    offer.profiles = srtp_profiles(ssl);
    for (const auto cipher : {dtls::EktCipher::aeskw_128, dtls::EktCipher::aeskw_256})
        if (dtls::hello_offers_ekt(ssl, cipher)) offer.ekt_ciphers.push_back(cipher);
    offer.tls_id = dtls::session_id_in_hello(ssl);
    offer.extended_secret = extension(ssl, TLSEXT_TYPE_extended_master_secret).has_value();
    return offer;
}

}  // namespace mdd::kmf
