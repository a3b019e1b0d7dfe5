// Walks over record headers.
#include "tools/mdd-kmf/sorting.h"

#include "kmf-tunnel/record.h"

namespace mdd::kmf {

using tunnel::ContentType;
using tunnel::RecordWalk;

Sorting sort_inbound(Bytes datagram) {
    if (!tunnel::is_well_formed(datagram)) return Sorting::malformed;
    RecordWalk walk(datagram);
    while (const auto record = walk.next()) {
        if (record->epoch > 0) continue;
        if (record->type == ContentType::alert) return Sorting::unwanted_alert;
        if (record->type == ContentType::application_data || record->type == ContentType::ack)
            return Sorting::unwanted_type;
    }
    return Sorting::pass;
}

bool has_protected_record(Bytes datagram) {
    RecordWalk walk(datagram);
    while (const auto record = walk.next())
        if (record->epoch > 0) return true;
    return false;
}

}  // namespace mdd::kmf
