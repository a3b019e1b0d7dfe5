// ICMP echo (RFC 792): turns a request into its answer in the same buffer. No other ICMP is spoken.
#pragma once

#include "dataplane/net/address.h"
#include "dataplane/net/frame.h"
#include "dataplane/srtp/bytes.h"

namespace mdd::net {

// Precondition: `frame` was parsed into `parsed` with kind icmp. If it is an echo request to
// exactly (`local_mac`, `local_ip`), rewrites it in place into the reply (addresses swapped, TTL
// 64, fresh IPv4 checksum, ICMP checksum adjusted so that a damaged request stays detectably
// damaged) and returns true; its length stays. Otherwise changes nothing and returns false: group
// or broadcast destinations are never answered (RFC 1122 §3.2.2.6 allows it; amplification forbids
// it).
bool make_echo_reply(srtp::MutableBytes frame, const Frame& parsed, const MacAddress& local_mac,
                     Be32 local_ip);

}  // namespace mdd::net
