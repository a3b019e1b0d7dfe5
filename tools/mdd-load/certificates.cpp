// Making and reading certificates with OpenSSL.
#include "tools/mdd-load/certificates.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <cstdio>
#include <stdexcept>

#include "kmf-tunnel/openssl_ptr.h"

namespace mdd::load {
namespace {

constexpr long kYear_seconds = 365L * 24 * 3600;
constexpr long kClocksDiffer_seconds = 3600;

using FilePtr = std::unique_ptr<std::FILE, tunnel::OpensslFree<std::fclose>>;

void require(bool ok, const std::filesystem::path& file, const char* what) {
    if (!ok)
        throw std::runtime_error(fmt::format("Certificate \"{}\" {}: {}.", file.string(), what,
                                             tunnel::openssl_error_text()));
}

// Readable for us alone.
FilePtr create(const std::filesystem::path& path) {
    const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return FilePtr(descriptor < 0 ? nullptr : fdopen(descriptor, "w"));
}

void make(const CertificateFiles& files) {
    const tunnel::PkeyPtr key(EVP_EC_gen("P-256"));
    const tunnel::X509Ptr certificate(X509_new());
    require(key && certificate, files.cert, "cannot be made");
    std::uint64_t serial = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kClocksDiffer_seconds);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kYear_seconds);
    X509_set_pubkey(certificate.get(), key.get());
    auto* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("mdd-load"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    require(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, files.cert,
            "cannot be signed");
    const auto key_file = create(files.key);
    const auto cert_file = create(files.cert);
    require(key_file && cert_file &&
                PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                     nullptr) == 1 &&
                PEM_write_X509(cert_file.get(), certificate.get()) == 1,
            files.cert, "cannot be written");
}

}  // namespace

CertificateFiles member_certificate(const std::filesystem::path& folder, std::uint32_t member) {
    const auto stem = fmt::format("member-{}", member);
    return {folder / (stem + ".pem"), folder / (stem + ".key")};
}

dtls::Fingerprint ensure_certificate(const CertificateFiles& files) {
    std::error_code ignored;
    std::filesystem::create_directories(files.cert.parent_path(), ignored);
    if (!std::filesystem::exists(files.cert) || !std::filesystem::exists(files.key)) make(files);
    const FilePtr file(std::fopen(files.cert.c_str(), "re"));
    require(file != nullptr, files.cert, "cannot be read");
    const tunnel::X509Ptr certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr));
    require(certificate != nullptr, files.cert, "cannot be read");
    const auto fingerprint = dtls::fingerprint_of(certificate.get());
    require(fingerprint.has_value(), files.cert, "cannot be read");
    return *fingerprint;
}

}  // namespace mdd::load
