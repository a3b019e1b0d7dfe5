// The EKT key of a conference: what all endpoints share and no media distributor may have. To an
// endpoint it is what an ekt_key message brought. Wrapping is in ekt_tag.h, which key is for what
// in ekt_keyring.h.
#pragma once

#include "tools/dtls_srtp/ekt_message.h"

namespace mdd::endpoint {

using EktKey = dtls::EktKeyMessage;

}  // namespace mdd::endpoint
