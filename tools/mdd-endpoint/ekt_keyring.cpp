// A short list, newest first.
#include "tools/mdd-endpoint/ekt_keyring.h"

#include <algorithm>
#include <utility>

namespace mdd::endpoint {
namespace {

bool same_secrets(const EktKey& a, const EktKey& b) {
    return std::ranges::equal(a.key_value(), b.key_value()) &&
           std::ranges::equal(a.salt.bytes(), b.salt.bytes());
}

}  // namespace

EktKeyring::Added EktKeyring::add(EktKey key, Clock::time_point now) {
    if (const auto* held = find(key.spi, now))
        return same_secrets(*held, key) ? Added::known : Added::refused;
    for (auto& held : held_)
        if (!std::exchange(held.superseded, true))
            held.ends = std::min(held.ends, now + kOldKeysLinger);
    drop_retired(now);
    const auto ends = now + key.ttl;
    held_.push_front({std::make_shared<const EktKey>(std::move(key)), ends});
    any_came_ = true;
    return Added::newest;
}

std::shared_ptr<const EktKey> EktKeyring::newest(Clock::time_point now) const {
    if (held_.empty() || held_.front().superseded || now >= held_.front().ends) return nullptr;
    return held_.front().key;
}

const EktKey* EktKeyring::find(std::uint16_t spi, Clock::time_point now) const {
    for (const auto& held : held_)
        if (held.key->spi == spi && now < held.ends) return held.key.get();
    return nullptr;
}

bool EktKeyring::expired(Clock::time_point now) const {
    return any_came_ && newest(now) == nullptr;
}

std::size_t EktKeyring::size(Clock::time_point now) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(held_, [&](const Held& held) { return now < held.ends; }));
}

void EktKeyring::drop_retired(Clock::time_point now) {
    std::erase_if(held_, [&](const Held& held) { return now >= held.ends; });
}

void EktKeyring::clear() {
    held_.clear();
    any_came_ = false;
}

}  // namespace mdd::endpoint
