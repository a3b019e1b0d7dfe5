// The two steps after reading mdd.toml key by key: fill in what it leaves open, then check across
// keys.
#pragma once

#include "controlplane/config/mdd_config.h"

namespace mdd::config {

// What each worker may hold besides the queues: its cache, copies under construction, packets of a
// handshake.
inline constexpr std::uint64_t kSpareMbufsPerWorker = 4096;
// The least that a worker cannot do without: one cache.
inline constexpr std::uint64_t kLeastMbufsPerWorker = 1024;

// Mbufs that sit in receive and transmit queues when all of them are full.
std::uint64_t mbufs_in_queues(const std::vector<PortConfig>& ports);

// Sets every value whose default is computed and that the file does not give; adds its derivation.
void compute_defaults(MddConfig& config, const Reader& reader, const Machine& machine);

// Reports every contradiction between keys. Precondition: defaults are computed.
void check_across(const MddConfig& config, Reader& reader);

}  // namespace mdd::config
