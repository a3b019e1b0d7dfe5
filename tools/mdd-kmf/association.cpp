// Who of two connections gets a datagram, and when the newer one takes over.
#include "tools/mdd-kmf/association.h"

#include <algorithm>

namespace mdd::kmf {
void Association::begin(std::unique_ptr<Connection> connection, Tally& tally) {
    if (candidate_) tally.count(Refusal::superseded);
    candidate_ = std::move(connection);
    promote();
}

void Association::receive(Bytes datagram, TimePoint now) {
    const auto* before = live_.get();
    if (candidate_) {
        candidate_->receive(datagram, now);
        promote();
    }
    // While both exist a protected record may be either's: the wrong one cannot open it and drops
    // it.
    const bool replaced = live_.get() != before;
    if (!live_ || replaced || (candidate_ && !has_protected_record(datagram))) return;
    live_->receive(datagram, now);
    look_after_live();
}

void Association::expire(TimePoint now) {
    if (live_) {
        live_->expire(now);
        look_after_live();
    }
    if (!candidate_) return;
    candidate_->expire(now);
    promote();
}

void Association::abandon(Refusal refusal) {
    if (!candidate_) return;
    candidate_->abandon(refusal);
    promote();
}

void Association::look_after_live() {
    while (auto event = live_->next_event()) events_.push_back(std::move(*event));
    if (live_->state() == Connection::State::ended) live_.reset();
}

void Association::close_live() {
    if (live_) live_->close();
    live_.reset();
}

std::optional<TimePoint> Association::deadline() const {
    const auto of = [](const auto& connection) {
        return connection ? connection->deadline() : std::nullopt;
    };
    const auto one = of(candidate_);
    const auto other = of(live_);
    return one && other ? std::min(*one, *other) : one ? one : other;
}

bool Association::knows(const ClientRandom& random) const {
    return (candidate_ && candidate_->random() == random) || (live_ && live_->random() == random);
}

// The old connection goes without a close_notify: the endpoint at that address is the new one.
void Association::promote() {
    if (candidate_->state() == Connection::State::established) live_ = std::move(candidate_);
    if (!candidate_ || candidate_->state() != Connection::State::ended) return;
    failure_ = {candidate_->refusal().value_or(Refusal::handshake_failed), candidate_->admitted()};
    candidate_.reset();
}

}  // namespace mdd::kmf
