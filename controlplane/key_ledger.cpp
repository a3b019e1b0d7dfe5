// The three-way rule, by fingerprint.
#include "controlplane/key_ledger.h"

#include <array>

namespace mdd::control {

const KeyRefusalText& text_of(KeyRefusal refusal) {
    static constexpr std::array<KeyRefusalText, static_cast<std::size_t>(KeyRefusal::count_)>
        kTexts{{
#define X(name, text) {#name, text},
            MDD_KEY_REFUSALS(X)
#undef X
        }};
    return kTexts[static_cast<std::size_t>(refusal)];
}

KeyJudgement KeyLedger::judge(EndpointRef who, const tunnel::KeyNames& names, TimePoint now) {
    const auto refuse = [](KeyRefusal why) { return KeyJudgement{KeyRuling::refuse, why}; };
    if (names.all_zero) return refuse(KeyRefusal::all_zero);
    if (names.same_both_ways) return refuse(KeyRefusal::same_both_ways);
    const auto mine = current_.find(who);
    if (mine != current_.end() && mine->second.client_write == names.client_write &&
        mine->second.server_write == names.server_write)
        return {KeyRuling::current, {}};
    forget_old(now);
    for (const auto& fingerprint : {names.client_write, names.server_write}) {
        const auto found = known_.find(fingerprint);
        if (found != known_.end())
            return refuse(found->second ? KeyRefusal::live_elsewhere : KeyRefusal::retired);
    }
    if (known_.size() + 2 > capacity_) return refuse(KeyRefusal::ledger_full);
    return {KeyRuling::install, {}};
}

void KeyLedger::install(EndpointRef who, const tunnel::KeyNames& names, TimePoint now) {
    retire(who, now);
    current_[who] = names;
    known_[names.client_write] = true;
    known_[names.server_write] = true;
}

void KeyLedger::retire(EndpointRef who, TimePoint now) {
    const auto found = current_.find(who);
    if (found == current_.end()) return;
    for (const auto& fingerprint : {found->second.client_write, found->second.server_write}) {
        known_[fingerprint] = false;
        retired_.push_back({fingerprint, now});
    }
    current_.erase(found);
}

void KeyLedger::forget_old(TimePoint now) {
    while (!retired_.empty() && now - retired_.front().when > kRemember) {
        known_.erase(retired_.front().fingerprint);
        retired_.pop_front();
    }
}

}  // namespace mdd::control
