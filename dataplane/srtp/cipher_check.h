// Our cipher is held against the library's before it may serve.
#pragma once

#include "dataplane/srtp/code_path.h"

namespace mdd::srtp {

// Whether `ours` (vaes_code_path()) makes what `library` makes, of texts of 501 lengths up to 1500
// bytes with headers of up to 99, in both directions, with keys of both lengths. The keys are of no
// secret. Precondition: the CPU has what either path needs, and the library is on its VAES path.
// Some milliseconds; any thread.
bool agrees_with_library(const CodePath& ours, const CodePath& library);

}  // namespace mdd::srtp
