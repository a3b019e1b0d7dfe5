// Owning pointers for OpenSSL objects and the text of OpenSSL's error queue. No policy, no state.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace mdd::tunnel {

template <auto free_function>
struct OpensslFree {
    template <class T>
    void operator()(T* object) const {
        free_function(object);
    }
};

using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free>>;
using SslPtr = std::unique_ptr<SSL, OpensslFree<SSL_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, OpensslFree<SSL_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, OpensslFree<X509_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;

// Takes every entry off this thread's error queue and joins their reasons with "; ". Names no
// secret: OpenSSL's reasons are fixed strings. "no OpenSSL error" when the queue is empty.
std::string openssl_error_text();

}  // namespace mdd::tunnel
