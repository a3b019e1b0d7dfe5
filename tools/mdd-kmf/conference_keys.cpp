// When a key is due, and the standing of each member towards it.
#include "tools/mdd-kmf/conference_keys.h"

#include <algorithm>

namespace mdd::kmf {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kSpis = 0x10000;

// Long enough before the end of a key's life for the next one to reach everybody, repeats included.
constexpr std::chrono::milliseconds kTtlMargin = 60s;

std::chrono::milliseconds margin(std::chrono::seconds ttl) {
    return std::min(kTtlMargin, std::chrono::milliseconds(ttl) / 4);
}

}  // namespace

ConferenceKeys::ConferenceKeys(std::size_t key_bytes, const RekeyPolicy& policy, Random random)
    : key_bytes_(key_bytes), policy_(policy), random_(std::move(random)) {}

ConferenceKeys::ConferenceKeys(std::size_t key_bytes, const RekeyPolicy& policy, Random random,
                               Saved saved)
    : ConferenceKeys(key_bytes, policy, std::move(random)) {
    key_ = std::move(saved.key);
    spis_used_ = saved.spis_used;
    left_ = saved.is_stale;
}

void ConferenceKeys::join(const Member& member) {
    const bool waits_for_next = key_ && policy_.on_join;
    const auto [place, is_new] =
        members_.insert_or_assign(member, waits_for_next ? Standing::joining : Standing::waiting);
    joined_ = joined_ || waits_for_next;
    left_ = left_ || (!is_new && key_ && !policy_.on_join && policy_.on_leave);
}

void ConferenceKeys::join_restored(const Member& member) {
    members_.insert_or_assign(member, Standing::waiting);
}

void ConferenceKeys::leave(const Member& member) {
    if (members_.erase(member) > 0 && key_ && policy_.on_leave) left_ = true;
}

std::optional<RekeyCause> ConferenceKeys::due(TimePoint now) const {
    if (members_.empty()) return std::nullopt;
    if (!key_) return RekeyCause::first;
    if (left_) return RekeyCause::leave;
    if (joined_ && now >= key_->made_at + kJoinSpacing) return RekeyCause::join;
    if (now < end_of_use()) return std::nullopt;
    return now - key_->made_at + margin(policy_.ttl) < policy_.ttl ? RekeyCause::interval
                                                                   : RekeyCause::ttl;
}

std::optional<RekeyCause> ConferenceKeys::renew(TimePoint now) {
    const auto cause = due(now);
    if (!cause || spis_used_ == kSpis) return std::nullopt;
    EktKey next;
    if (key_) {
        next.spi = static_cast<std::uint16_t>(key_->spi + 1);
    } else {
        std::uint8_t start[2];
        random_(start);
        next.spi = srtp::load_be16(start);
    }
    random_(next.key.writable().first(key_bytes_));
    random_(next.salt.writable());
    next.made_at = now;
    key_ = std::move(next);
    ++spis_used_;
    joined_ = left_ = false;
    for (auto& [member, standing] : members_) standing = Standing::waiting;
    return cause;
}

bool ConferenceKeys::is_used_up(TimePoint now) const {
    return spis_used_ == kSpis && due(now);
}

TimePoint ConferenceKeys::end_of_use() const {
    const std::chrono::milliseconds life = policy_.ttl - margin(policy_.ttl);
    return key_->made_at + std::min(life, policy_.interval.value_or(life));
}

std::optional<TimePoint> ConferenceKeys::deadline() const {
    if (members_.empty() || !key_) return std::nullopt;
    return joined_ ? std::min(end_of_use(), key_->made_at + kJoinSpacing) : end_of_use();
}

dtls::EktKeyMessage ConferenceKeys::message(TimePoint now) const {
    dtls::EktKeyMessage made;
    made.key_bytes = key_bytes_;
    made.key = srtp::Secret<32>(key_->key.first(key_bytes_));
    made.salt = srtp::Secret<srtp::kHopSaltBytes>(key_->salt.bytes());
    made.spi = key_->spi;
    const auto left = policy_.ttl - (now - key_->made_at);
    made.ttl = std::max(1s, std::chrono::floor<std::chrono::seconds>(left));
    return made;
}

std::vector<ConferenceKeys::Member> ConferenceKeys::waiting() const {
    std::vector<Member> waiting;
    if (!key_) return waiting;
    for (const auto& [member, standing] : members_)
        if (standing == Standing::waiting) waiting.push_back(member);
    return waiting;
}

void ConferenceKeys::handed(const Member& member) {
    const auto found = members_.find(member);
    if (found != members_.end()) found->second = Standing::handed;
}

bool ConferenceKeys::acknowledged(const Member& member, std::uint16_t spi) {
    const auto found = members_.find(member);
    if (found == members_.end() || !key_ || key_->spi != spi) return false;
    found->second = Standing::acknowledged;
    return true;
}

void ConferenceKeys::hand_again(const Member& member) {
    const auto found = members_.find(member);
    if (found != members_.end() && found->second == Standing::handed)
        found->second = Standing::waiting;
}

bool ConferenceKeys::has_acknowledged(const Member& member) const {
    const auto found = members_.find(member);
    return found != members_.end() && found->second == Standing::acknowledged;
}

}  // namespace mdd::kmf
