// The configuration in the terms of control: what mdd.toml says about tunnels and conferences,
// with names resolved. Opens no file.
#pragma once

#include <vector>

#include "controlplane/config/mdd_config.h"
#include "controlplane/state.h"
#include "controlplane/tunnels.h"

namespace mdd::control {

// One per [[kmf]], in their order; KmfIndex is the index here.
std::vector<KmfPlan> kmf_plans(const config::MddConfig& config);

// `ports` and `pool` come from the node.
Settings control_settings(const config::MddConfig& config, std::vector<PortFacts> ports,
                          rte_mempool* pool);

}  // namespace mdd::control
