// Token buckets and the table of handshakes under way.
#include "controlplane/admission.h"

#include <algorithm>

namespace mdd::control {

double TokenBucket::tokens_at(TimePoint now) const {
    if (now <= filled_) return tokens_;
    const std::chrono::duration<double> elapsed = now - filled_;
    return std::min(burst_, tokens_ + elapsed.count() * per_second_);
}

bool TokenBucket::take(TimePoint now) {
    tokens_ = tokens_at(now);
    filled_ = std::max(filled_, now);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
}

Admission::Admission(const AdmissionLimits& limits)
    : limits_(limits), all_(limits.per_second, limits.per_second) {}

TokenBucket* Admission::bucket_of(net::Be32 source, TimePoint now) {
    const auto key = static_cast<std::uint32_t>(source);
    if (const auto found = sources_.find(key); found != sources_.end()) return &found->second;
    if (sources_.size() >= kSources)
        std::erase_if(sources_, [now](auto& entry) { return entry.second.is_full(now); });
    if (sources_.size() >= kSources) return nullptr;
    const TokenBucket fresh(limits_.per_source,
                            std::max(kBurstPerSource, limits_.per_source / 4.0));
    return &sources_.emplace(key, fresh).first->second;
}

std::string_view Admission::to_string(Ruling ruling) {
    switch (ruling) {
        case Ruling::admitted:
            return "admitted";
        case Ruling::source_rate:
            return "source_rate";
        case Ruling::node_rate:
            return "node_rate";
        case Ruling::pending_full:
            return "pending_full";
        case Ruling::sources_full:
            return "sources_full";
        case Ruling::count_:
            break;
    }
    return "";
}

Admission::Ruling Admission::begin(EndpointRef who, net::Be32 source, TimePoint now) {
    // When full, what is under way stays: new ones have to wait.
    if (pending_.size() >= limits_.pending && !is_pending(who)) return Ruling::pending_full;
    auto* bucket = bucket_of(source, now);
    if (bucket == nullptr) return Ruling::sources_full;
    if (!bucket->take(now)) return Ruling::source_rate;
    if (!all_.take(now)) return Ruling::node_rate;
    pending_[who] = {now, now};
    return Ruling::admitted;
}

void Admission::touch(EndpointRef who, TimePoint now) {
    if (const auto found = pending_.find(who); found != pending_.end()) found->second.heard = now;
}

std::vector<EndpointRef> Admission::expire(TimePoint now) {
    std::vector<EndpointRef> expired;
    for (const auto& [who, entry] : pending_)
        if (now - entry.heard >= limits_.idle || now - entry.begun >= limits_.longest)
            expired.push_back(who);
    for (const auto& who : expired) pending_.erase(who);
    return expired;
}

}  // namespace mdd::control
