// Rates, and the return-routability rule.
#include "controlplane/dtls_budget.h"

#include <algorithm>

#include "kmf-tunnel/cookie.h"

namespace mdd::control {

bool DtlsBudget::takes_up(srtp::Bytes datagram, TimePoint now) {
    if (!up_.take(now)) return false;
    bytes_in_ += datagram.size();
    if (!validated_ && !cookie_.empty()) {
        const auto returned = tunnel::cookie_returned(datagram);
        validated_ = returned && std::ranges::equal(*returned, cookie_);
    }
    return true;
}

DtlsBudget::Down DtlsBudget::takes_down(srtp::Bytes datagram, TimePoint now) {
    if (!validated_ && bytes_out_ + datagram.size() > kFactor * bytes_in_)
        return Down::amplification;
    if (!down_.take(now)) return Down::rate;
    bytes_out_ += datagram.size();
    if (!validated_) {
        if (const auto asked = tunnel::cookie_asked(datagram))
            cookie_.assign(asked->begin(), asked->end());
    }
    return Down::pass;
}

}  // namespace mdd::control
