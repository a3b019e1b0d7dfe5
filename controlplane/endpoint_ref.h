// The name of an endpoint within this process.
#pragma once

#include <compare>

#include "dataplane/table.h"

namespace mdd::control {

struct EndpointRef {
    ConferenceSlot conference = 0;
    MemberSlot member = 0;
    auto operator<=>(const EndpointRef&) const = default;
};

}  // namespace mdd::control
