// The one IPsec-MB manager of the process, as aead.cpp made it, for kdf.cpp. Private to this room:
// nobody else includes it, and the library's own header stays out of it.
#pragma once

struct IMB_MGR;

namespace mdd::srtp {

// The manager that aead_start() initialised; nullptr before. Its job functions change it: serialise
// them. The direct functions that it points to do not.
IMB_MGR* ipsec_mb_manager();

}  // namespace mdd::srtp
