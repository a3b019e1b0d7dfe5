// Reads the validity of a certificate file. Judges nothing.
#include "kmf-tunnel/credentials.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>
#include <stdexcept>

#include "kmf-tunnel/openssl_ptr.h"

namespace mdd::tunnel {

std::chrono::system_clock::time_point certificate_expiry(const std::string& cert_file) {
    ERR_clear_error();
    const BioPtr file(BIO_new_file(cert_file.c_str(), "r"));
    const X509Ptr certificate(file ? PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr)
                                   : nullptr);
    std::tm until{};
    if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &until) != 1)
        throw std::runtime_error("Cannot read the validity of the certificate \"" + cert_file +
                                 "\": " + openssl_error_text() + ".");
    return std::chrono::system_clock::from_time_t(timegm(&until));
}

}  // namespace mdd::tunnel
