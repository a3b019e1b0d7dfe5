// One link per KMF, with its events in the log.
#include "controlplane/tunnels.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace mdd::control {

class Tunnels::End : public tunnel::LinkEvents {
  public:
    End(boost::asio::io_context& io, const tunnel::LinkConfig& config, TunnelIndex index,
        const Handler& handler)
        : name_(config.name), index_(index), handler_(handler), link_(io, config, *this) {}

    void on_link_up(const tunnel::PeerIdentity& peer) override {
        spdlog::info("tunnel to {} is up; its certificate is {} ({})", name_, peer.common_name,
                     tunnel::to_hex(peer.certificate_sha256));
        refused_.clear();
    }
    void on_link_down(tunnel::DownReason reason, const std::string& text) override {
        spdlog::warn("tunnel to {} is down ({}): {}; media goes on, new endpoints have to wait",
                     name_, tunnel::to_string(reason), text);
    }
    void on_link_message(tunnel::Message&& message) override {
        handler_(index_, std::move(message));
    }
    void on_link_refused(tunnel::DownReason reason, const std::string& text) override {
        // Retries come every few hundred milliseconds: say each reason once.
        if (text == refused_) return;
        refused_ = text;
        spdlog::warn("tunnel to {} does not come up ({}): {}", name_, tunnel::to_string(reason),
                     text);
    }

    tunnel::Link& link() { return link_; }
    const tunnel::Link& link() const { return link_; }
    const std::string& name() const { return name_; }

  private:
    const std::string name_;
    const TunnelIndex index_;
    const Handler handler_;
    std::string refused_;
    tunnel::Link link_;
};

Tunnels::Tunnels(boost::asio::io_context& io, const std::vector<tunnel::LinkConfig>& configs,
                 Handler handler) {
    for (const auto& config : configs)
        ends_.push_back(
            std::make_unique<End>(io, config, static_cast<TunnelIndex>(ends_.size()), handler));
}
Tunnels::~Tunnels() = default;

void Tunnels::start() {
    for (auto& end : ends_) end->link().start();
}

void Tunnels::stop() {
    for (auto& end : ends_) end->link().stop();
}

bool Tunnels::send(TunnelIndex tunnel, const tunnel::Message& message) {
    return ends_[tunnel]->link().send(message);
}

bool Tunnels::is_up(TunnelIndex tunnel) const {
    return ends_[tunnel]->link().is_up();
}

std::optional<TunnelIndex> Tunnels::first_up(const std::vector<TunnelIndex>& preferred) const {
    const auto found =
        std::ranges::find_if(preferred, [this](TunnelIndex tunnel) { return is_up(tunnel); });
    return found == preferred.end() ? std::nullopt : std::optional(*found);
}

std::vector<TunnelReport> Tunnels::report() const {
    std::vector<TunnelReport> reports;
    for (const auto& end : ends_)
        reports.push_back({end->name(), end->link().is_up(), end->link().counters()});
    return reports;
}

}  // namespace mdd::control
