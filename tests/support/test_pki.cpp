// Certificates for tests, made with OpenSSL.
#include "tests/support/test_pki.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <cstdio>
#include <stdexcept>

#include "kmf-tunnel/openssl_ptr.h"

namespace mdd::test {
namespace {

using tunnel::PkeyPtr;
using tunnel::X509Ptr;

constexpr long kHourS = 3600;
constexpr long kDayS = 24 * kHourS;

void require(bool ok, const char* what) {
    if (!ok)
        throw std::runtime_error(std::string("Test certificates: ") + what + ": " +
                                 tunnel::openssl_error_text() + ".");
}

std::filesystem::path make_directory() {
    std::string path = (std::filesystem::temp_directory_path() / "mdd-pki-XXXXXX").string();
    require(mkdtemp(path.data()) != nullptr, "no temporary directory");
    return path;
}

void write_pem(const std::string& path, const auto& write) {
    FILE* file = std::fopen(path.c_str(), "we");
    require(file != nullptr, "cannot write a PEM file");
    const int written = write(file);
    require(std::fclose(file) == 0 && written == 1, "cannot write a PEM file");
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, "extension");
    X509_EXTENSION_free(extension);
}

// An unsigned certificate for `key` with a random serial number.
X509Ptr blank(const std::string& common_name, EVP_PKEY* key, long from_s, long until_s) {
    X509Ptr certificate(X509_new());
    std::uint64_t serial = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), until_s);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                               0);
    return certificate;
}

}  // namespace

struct TestPki::Keys {
    PkeyPtr key{EVP_EC_gen("P-256")};
    X509Ptr certificate;
};

TestPki::TestPki(const std::string& common_name)
    : directory_(make_directory()),
      ca_file_((directory_ / "ca.pem").string()),
      keys_(std::make_unique<Keys>()) {
    keys_->certificate = blank(common_name, keys_->key.get(), -kHourS, kDayS);
    X509* ca = keys_->certificate.get();
    X509_set_issuer_name(ca, X509_get_subject_name(ca));
    add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(ca, ca, NID_key_usage, "critical,keyCertSign");
    require(X509_sign(ca, keys_->key.get(), EVP_sha256()) > 0, "cannot sign the CA");
    write_pem(ca_file_, [&](FILE* file) { return PEM_write_X509(file, ca); });
}

TestPki::~TestPki() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

TestCertificate TestPki::issue(const std::string& common_name) {
    return write(common_name, false, -kHourS, kDayS);
}

TestCertificate TestPki::issue_expired(const std::string& common_name) {
    return write(common_name, false, -2 * kHourS, -kHourS);
}

TestCertificate TestPki::issue_not_yet_valid(const std::string& common_name) {
    return write(common_name, false, kHourS, kDayS);
}

TestCertificate TestPki::self_signed(const std::string& common_name) {
    return write(common_name, true, -kHourS, kDayS);
}

tunnel::Credentials TestPki::credentials(const std::string& common_name) {
    const TestCertificate leaf = issue(common_name);
    return {leaf.cert_file, leaf.key_file, ca_file_, {}};
}

TestCertificate TestPki::write(const std::string& common_name, bool self, long from_s,
                               long until_s) {
    const PkeyPtr key(EVP_EC_gen("P-256"));
    require(key != nullptr, "cannot make a key");
    const X509Ptr leaf = blank(common_name, key.get(), from_s, until_s);
    X509* issuer = self ? leaf.get() : keys_->certificate.get();
    X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer));
    if (!self) {
        add_extension(leaf.get(), issuer, NID_basic_constraints, "CA:FALSE");
        add_extension(leaf.get(), issuer, NID_ext_key_usage, "clientAuth,serverAuth");
    }
    require(X509_sign(leaf.get(), self ? key.get() : keys_->key.get(), EVP_sha256()) > 0,
            "cannot sign");
    const auto identity = tunnel::identity_of(leaf.get());
    const auto stem = (directory_ / common_name).string();
    write_pem(stem + ".pem", [&](FILE* file) { return PEM_write_X509(file, leaf.get()); });
    write_pem(stem + ".key", [&](FILE* file) {
        return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return {stem + ".pem", stem + ".key", identity.certificate_sha256, identity.spki_sha256};
}

}  // namespace mdd::test
