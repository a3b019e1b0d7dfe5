// Which cipher a test program starts: MDD_TEST_CIPHER=ipsec-mb for the library's, so that it is
// tested where ours would serve; anything else for what the product takes.
#pragma once

#include <cstdlib>
#include <string_view>

#include "dataplane/srtp/aead.h"

namespace mdd::test {

inline srtp::AeadCode cipher_to_test() {
    const char* wanted = std::getenv("MDD_TEST_CIPHER");
    return wanted != nullptr && std::string_view(wanted) == "ipsec-mb" ? srtp::AeadCode::ipsec_mb
                                                                       : srtp::AeadCode::fastest;
}

}  // namespace mdd::test
