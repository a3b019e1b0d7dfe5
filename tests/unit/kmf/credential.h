// Throw-away certificates for tests: self-signed ones, and ones under a throw-away CA; in memory
// and as PEM files.
#pragma once

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "kmf-tunnel/openssl_ptr.h"
#include "tools/dtls_srtp/fingerprint.h"

namespace mdd::test {

struct Credential {
    tunnel::X509Ptr certificate;
    tunnel::PkeyPtr key;

    dtls::Fingerprint fingerprint() const { return *dtls::fingerprint_of(certificate.get()); }
};

// A P-256 certificate valid from yesterday on, signed by `issuer`, or by itself.
inline Credential make_credential(const std::string& name, const Credential* issuer = nullptr,
                                  bool is_ca = false) {
    static long serial = 1;
    Credential made{tunnel::X509Ptr(X509_new()), tunnel::PkeyPtr(EVP_EC_gen("P-256"))};
    auto* certificate = made.certificate.get();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, made.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    const auto& signer = issuer ? *issuer : made;
    X509_set_issuer_name(certificate, X509_get_subject_name(signer.certificate.get()));
    if (is_ca) {
        auto* extension =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    }
    X509_sign(certificate, signer.key.get(), EVP_sha256());
    return made;
}

// A folder of its own, removed with everything in it.
class ScratchFolder {
  public:
    ScratchFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "kmf-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    ~ScratchFolder() { std::filesystem::remove_all(path_); }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;

    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

// Writes NAME.pem and NAME.key (mode 0600) into `folder`.
inline void write_pem(const ScratchFolder& folder, const std::string& name,
                      const Credential& credential) {
    const std::unique_ptr<FILE, int (*)(FILE*)> cert(fopen((folder / (name + ".pem")).c_str(), "w"),
                                                     fclose);
    ASSERT_EQ(PEM_write_X509(cert.get(), credential.certificate.get()), 1);
    const auto key_path = folder / (name + ".key");
    const std::unique_ptr<FILE, int (*)(FILE*)> key(fopen(key_path.c_str(), "w"), fclose);
    std::filesystem::permissions(
        key_path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    ASSERT_EQ(PEM_write_PrivateKey(key.get(), credential.key.get(), nullptr, nullptr, 0, nullptr,
                                   nullptr),
              1);
}

}  // namespace mdd::test
