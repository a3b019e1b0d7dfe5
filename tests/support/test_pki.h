// A certificate authority for tests: made anew in each run, P-256, files in a temporary directory
// that goes away with it. Not for anything that leaves a test.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "kmf-tunnel/credentials.h"
#include "kmf-tunnel/identity.h"

namespace mdd::test {

// PEM files of one leaf, and its digests.
struct TestCertificate {
    std::string cert_file;
    std::string key_file;
    tunnel::Sha256 certificate_sha256;
    tunnel::Sha256 spki_sha256;
};

class TestPki {
  public:
    // A new authority with a self-signed certificate, valid for a day. Throws std::runtime_error
    // when it cannot.
    explicit TestPki(const std::string& common_name = "test CA");
    ~TestPki();
    TestPki(const TestPki&) = delete;
    TestPki& operator=(const TestPki&) = delete;

    const std::string& ca_file() const { return ca_file_; }
    const std::filesystem::path& directory() const { return directory_; }
    // Signed by this authority, for client and server use. Files are named after `common_name`.
    TestCertificate issue(const std::string& common_name);
    // The same, but its validity ended an hour ago.
    TestCertificate issue_expired(const std::string& common_name);
    // The same, but its validity begins in an hour.
    TestCertificate issue_not_yet_valid(const std::string& common_name);
    // Self-signed: what a DTLS-SRTP endpoint uses.
    TestCertificate self_signed(const std::string& common_name);
    // Credentials for one end: a fresh leaf under this authority, believing this authority.
    tunnel::Credentials credentials(const std::string& common_name);

  private:
    struct Keys;
    TestCertificate write(const std::string& common_name, bool self, long from_s, long until_s);

    std::filesystem::path directory_;
    std::string ca_file_;
    std::unique_ptr<Keys> keys_;
};

}  // namespace mdd::test
