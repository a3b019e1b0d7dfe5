// Links to KMFs, opened and closed as the configuration says, with their events in the log.
#include "controlplane/tunnels.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace mdd::control {

using tunnel::Dialect;

namespace {

void add(const tunnel::LinkCounters& counters, TunnelReport& report) {
    if (counters.ups > 1) report.reconnects += counters.ups - 1;
    auto& sum = report.counters;
    sum.session += counters.session;
    sum.attempts += counters.attempts;
    sum.ups += counters.ups;
    sum.not_up += counters.not_up;
    sum.send_failed += counters.send_failed;
    sum.receive_failed += counters.receive_failed;
}

}  // namespace

class Tunnels::End : public tunnel::LinkEvents {
  public:
    End(Tunnels& tunnels, const KmfPlan& plan, const TunnelName& name, TimePoint now)
        : tunnels_(tunnels),
          name_(name),
          text_(text_of(plan, name)),
          opened_(now),
          used_(now),
          down_since_(now),
          link_(tunnels.io_, plan.link, *this) {}

    void on_link_up(const tunnel::PeerIdentity& peer) override {
        spdlog::info("tunnel to {} is up; its certificate is {} ({})", text_, peer.common_name,
                     tunnel::to_hex(peer.certificate_sha256));
        refused_.clear();
        down_since_.reset();
        was_up_ = true;
        tunnels_.on_up(name_);
    }
    void on_link_down(tunnel::DownReason reason, const std::string& text) override {
        spdlog::warn("tunnel to {} is down ({}): {}; media goes on", text_,
                     tunnel::to_string(reason), text);
        down_since_ = Clock::now();
    }
    void on_link_message(tunnel::Message&& message) override {
        tunnels_.on_message(name_, std::move(message));
    }
    void on_link_refused(tunnel::DownReason reason, const std::string& text) override {
        // Retries come every few hundred milliseconds: say each reason once.
        if (text == refused_) return;
        refused_ = text;
        if (reason == tunnel::DownReason::version_unsupported)
            spdlog::error("ALARM: tunnel to {} does not come up: {}", text_, text);
        else
            spdlog::warn("tunnel to {} does not come up ({}): {}", text_, tunnel::to_string(reason),
                         text);
    }

    tunnel::Link& link() { return link_; }
    const tunnel::Link& link() const { return link_; }
    std::optional<TimePoint> down_since() const { return down_since_; }
    bool may_soon_be_up(TimePoint now) const { return !was_up_ && now - opened_ < kFirstTry; }
    void use(TimePoint now) { used_ = now; }
    TimePoint used() const { return used_; }

  private:
    static std::string text_of(const KmfPlan& plan, const TunnelName& name) {
        auto text = plan.link.name;
        if (name.conference) text += " for conference " + std::to_string(*name.conference);
        if (name.member) text += ", endpoint " + std::to_string(*name.member);
        return text;
    }

    Tunnels& tunnels_;
    const TunnelName name_;
    const std::string text_;
    const TimePoint opened_;
    TimePoint used_;
    std::optional<TimePoint> down_since_;
    bool was_up_ = false;
    std::string refused_;
    tunnel::Link link_;
};

Tunnels::Tunnels(boost::asio::io_context& io, const std::vector<KmfPlan>& kmfs, Events events)
    : io_(io), events_(std::move(events)) {
    for (const auto& plan : kmfs) {
        // Tells now what would otherwise be found at the first use.
        const End probe(*this, plan, {}, {});
        Kmf kmf;
        kmf.plan = plan;
        kmf.past.kmf = plan.link.name;
        kmf.past.protocol = plan.link.dialect;
        kmfs_.push_back(std::move(kmf));
    }
}
Tunnels::~Tunnels() = default;

void Tunnels::start(const std::vector<ConferenceState>& conferences) {
    const auto now = Clock::now();
    for (KmfIndex kmf = 0; kmf < kmfs_.size(); ++kmf) {
        const auto& plan = kmfs_[kmf].plan;
        if (plan.connect != Connect::eager) continue;
        if (plan.sharing == Sharing::shared) open({kmf, {}, {}}, now);
        for (const auto& conference : conferences)
            if (std::ranges::find(conference.kmfs, kmf) != conference.kmfs.end())
                open_all(kmf, conference, now);
    }
}

void Tunnels::open_all(KmfIndex kmf, const ConferenceState& conference, TimePoint now) {
    if (kmfs_[kmf].plan.sharing == Sharing::per_conference) open({kmf, conference.slot, {}}, now);
    if (kmfs_[kmf].plan.sharing == Sharing::per_endpoint)
        for (const auto& endpoint : conference.endpoints) open(name_of(kmf, endpoint.ref), now);
}

void Tunnels::stop() {
    for (auto& [name, end] : ends_) end->link().stop();
}

void Tunnels::renew(KmfIndex kmf, const tunnel::Credentials& credentials) {
    auto plan = kmfs_[kmf].plan;
    plan.link.credentials = credentials;
    const End probe(*this, plan, {}, {});
    kmfs_[kmf].plan = std::move(plan);
    for (auto& [name, end] : ends_)
        if (name.kmf == kmf) end->link().renew(credentials);
}

TunnelName Tunnels::name_of(KmfIndex kmf, EndpointRef who) const {
    TunnelName name{kmf, {}, {}};
    const auto sharing = kmfs_[kmf].plan.sharing;
    if (sharing != Sharing::shared) name.conference = who.conference;
    if (sharing == Sharing::per_endpoint) name.member = who.member;
    return name;
}

Dialect Tunnels::dialect(KmfIndex kmf) const {
    return kmfs_[kmf].plan.link.dialect;
}

const Tunnels::End* Tunnels::find(const TunnelName& name) const {
    const auto found = ends_.find(name);
    return found == ends_.end() ? nullptr : found->second.get();
}

void Tunnels::open(const TunnelName& name, TimePoint now) {
    auto& end = ends_[name];
    if (end) return;
    end = std::make_unique<End>(*this, kmfs_[name.kmf].plan, name, now);
    end->link().start();
}

bool Tunnels::is_up(const TunnelName& name) const {
    const auto* end = find(name);
    return end != nullptr && end->link().is_up();
}

bool Tunnels::is_promising(const TunnelName& name, TimePoint now) const {
    const auto& kmf = kmfs_[name.kmf];
    if (now < kmf.suspected_until) return false;
    const auto* end = find(name);
    if (end == nullptr) return kmf.plan.connect == Connect::first_use;
    return end->link().is_up() ||
           (kmf.plan.connect == Connect::first_use && end->may_soon_be_up(now));
}

std::optional<TimePoint> Tunnels::down_since(const TunnelName& name) const {
    const auto* end = find(name);
    return end == nullptr ? TimePoint{} : end->down_since();
}

std::vector<std::uint64_t> Tunnels::signs_of_life() const {
    std::vector<std::uint64_t> signs;
    for (const auto& of_kmf : report()) {
        const auto& counters = of_kmf.counters;
        signs.push_back(counters.ups + counters.session.messages_in + counters.session.echoes);
    }
    return signs;
}

void Tunnels::suspect(KmfIndex kmf, TimePoint now) {
    if (now >= kmfs_[kmf].suspected_until)
        spdlog::warn("KMF {} does not answer; new endpoints go to another one where there is one",
                     kmfs_[kmf].plan.link.name);
    kmfs_[kmf].suspected_until = now + kSuspectFor;
}

bool Tunnels::send(const TunnelName& name, const tunnel::Message& message) {
    const auto found = ends_.find(name);
    return found != ends_.end() && found->second->link().send(message);
}

bool Tunnels::part(Kmf& kmf, End& end, const tunnel::AssociationId& id) {
    if (!end.link().is_up() || !end.link().send({id, {}, tunnel::Disconnect{}, {}})) return false;
    ++kmf.past.disconnects_sent;
    return true;
}

void Tunnels::say_goodbye(const TunnelName& name, const tunnel::AssociationId& id) {
    auto& kmf = kmfs_[name.kmf];
    if (kmf.plan.link.dialect != Dialect::rfc9185) return;
    const auto found = ends_.find(name);
    if (found != ends_.end() && part(kmf, *found->second, id)) return;
    // A KMF that is away for so long that these pile up ends the oldest ones by itself.
    if (kmf.farewells.size() == kFarewells) kmf.farewells.erase(kmf.farewells.begin());
    kmf.farewells.push_back(id);
}

void Tunnels::on_up(const TunnelName& name) {
    auto& kmf = kmfs_[name.kmf];
    kmf.suspected_until = {};
    // An association is known by its id alone: any tunnel will do.
    std::erase_if(kmf.farewells, [&](const auto& id) { return part(kmf, *ends_.at(name), id); });
    events_.up(name);
}

void Tunnels::on_message(const TunnelName& name, tunnel::Message&& message) {
    auto& kmf = kmfs_[name.kmf];
    kmf.suspected_until = {};
    if (std::holds_alternative<tunnel::Disconnect>(message.body)) ++kmf.past.disconnects_received;
    events_.message(name, std::move(message));
}

void Tunnels::close_unused(const std::vector<TunnelName>& in_use, TimePoint now) {
    for (const auto& name : in_use)
        if (const auto found = ends_.find(name); found != ends_.end()) found->second->use(now);
    for (auto at = ends_.begin(); at != ends_.end();) {
        auto& kmf = kmfs_[at->first.kmf];
        auto& end = *at->second;
        if (kmf.plan.connect == Connect::eager || now - end.used() < kKeepUnused) {
            ++at;
            continue;
        }
        end.link().stop();
        add(end.link().counters(), kmf.past);
        at = ends_.erase(at);
    }
}

std::vector<TunnelReport> Tunnels::report() const {
    std::vector<TunnelReport> reports;
    for (const auto& kmf : kmfs_) reports.push_back(kmf.past);
    for (const auto& [name, end] : ends_) {
        auto& report = reports[name.kmf];
        add(end->link().counters(), report);
        ++report.tunnels;
        if (end->link().is_up()) ++report.tunnels_up;
    }
    return reports;
}

}  // namespace mdd::control
