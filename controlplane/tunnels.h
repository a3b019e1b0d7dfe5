// The tunnels to all configured KMFs: which are up, and messages to and from them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/conference.h"
#include "kmf-tunnel/link.h"

namespace mdd::control {

struct TunnelReport {
    std::string kmf;
    bool up = false;
    tunnel::LinkCounters counters;
};

class Tunnels {
  public:
    using Handler = std::function<void(TunnelIndex, tunnel::Message&&)>;

    // Throws std::runtime_error, a full sentence, when credentials cannot be loaded. `handler` runs
    // on the thread of `io`.
    Tunnels(boost::asio::io_context& io, const std::vector<tunnel::LinkConfig>& configs,
            Handler handler);
    ~Tunnels();
    Tunnels(const Tunnels&) = delete;
    Tunnels& operator=(const Tunnels&) = delete;

    void start();
    void stop();
    bool send(TunnelIndex tunnel, const tunnel::Message& message);
    bool is_up(TunnelIndex tunnel) const;
    // The first of `preferred` that is up; nullopt: none.
    std::optional<TunnelIndex> first_up(const std::vector<TunnelIndex>& preferred) const;
    std::vector<TunnelReport> report() const;

  private:
    class End;
    std::vector<std::unique_ptr<End>> ends_;
};

}  // namespace mdd::control
