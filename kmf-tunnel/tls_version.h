// Which TLS library runs here, for version reports.
#pragma once

#include <string>

namespace mdd::tunnel {

// "OpenSSL 3.0.22 ...": the library loaded, not the headers compiled against.
std::string tls_library_version();

}  // namespace mdd::tunnel
