// What the tests of misbehaving peers share in either dialect: who signs certificates, the shape of
// a raw peer, and the alerts that it gets.
#pragma once

#include "tests/support/test_pki.h"
#include "tests/unit/tunnel/raw_tls.h"

namespace mdd::test {

inline constexpr int kNoAlert = -1;
enum Alert {
    unexpected_message = 10,
    bad_record_mac = 20,
    record_overflow = 22,
    handshake_failure = 40,
    bad_certificate = 42,
    certificate_expired = 45,
    unknown_ca = 48,
    protocol_version = 70,
    certificate_required = 116,
    close_notify = 0,
};

inline TestPki& pki() {
    static TestPki made;
    return made;
}
inline TestPki& other_pki() {
    static TestPki made("other CA");
    return made;
}

inline RawTlsShape shaped(
    tunnel::Role role, const TestCertificate& certificate,
    std::function<void(SSL_CTX*)> change = [](SSL_CTX*) {}) {
    RawTlsShape shape;
    shape.role = role;
    shape.cert_file = certificate.cert_file;
    shape.key_file = certificate.key_file;
    shape.change = std::move(change);
    return shape;
}

}  // namespace mdd::test
