// Self-signed P-256 certificates for tests, made on the spot.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "kmf-tunnel/openssl_ptr.h"
#include "tools/dtls_srtp/fingerprint.h"

namespace mdd::endpoint::test {

// A key and its certificate, in memory and as PEM files NAME.pem and NAME.key in `directory`.
struct Certificate {
    tunnel::PkeyPtr key;
    tunnel::X509Ptr certificate;
    std::filesystem::path cert_file;
    std::filesystem::path key_file;

    dtls::Fingerprint fingerprint() const { return *dtls::fingerprint_of(certificate.get()); }
};

inline Certificate make_certificate(const std::filesystem::path& directory,
                                    const std::string& name) {
    Certificate made{tunnel::PkeyPtr(EVP_EC_gen("P-256")), tunnel::X509Ptr(X509_new()),
                     directory / (name + ".pem"), directory / (name + ".key")};
    auto* x509 = made.certificate.get();
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
    X509_set_pubkey(x509, made.key.get());
    auto* subject = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(x509, subject);
    if (X509_sign(x509, made.key.get(), EVP_sha256()) == 0)
        throw std::runtime_error("cannot sign a certificate");

    auto write = [](const std::filesystem::path& file, auto&& put) {
        std::FILE* out = std::fopen(file.c_str(), "w");
        if (out == nullptr) throw std::runtime_error("cannot write " + file.string());
        put(out);
        std::fclose(out);
    };
    write(made.cert_file, [&](std::FILE* out) { PEM_write_X509(out, x509); });
    write(made.key_file, [&](std::FILE* out) {
        PEM_write_PrivateKey(out, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return made;
}

}  // namespace mdd::endpoint::test
