// Asks OpenSSL for its version.
#include "kmf-tunnel/tls_version.h"

#include <openssl/crypto.h>

namespace mdd::tunnel {

std::string tls_library_version() {
    return OpenSSL_version(OPENSSL_VERSION);
}

}  // namespace mdd::tunnel
