// First keys, re-key, restart, leaving.
#include "controlplane/endpoint_keys.h"

#include <iterator>
#include <utility>

namespace mdd::control {
namespace {

void append(Change& change, Change&& more) {
    std::move(more.postings.begin(), more.postings.end(), std::back_inserter(change.postings));
    std::move(more.replaced.begin(), more.replaced.end(), std::back_inserter(change.replaced));
}

}  // namespace

Change EndpointKeys::install(Publisher& publisher, EndpointRef who, WorkerIndex owner,
                             KeysetPtr receive, KeyCopiesPtr transmit, TimePoint now) {
    epoch_ = next_epoch();
    if (!keyed()) {
        key_start_ = fresh_start_ = publisher.next_key_start();
        receive_ = std::move(receive);
        transmit_ = std::move(transmit);
        return publisher.first_keys(who, owner, receive_.get(), transmit_.get(), key_start_);
    }
    auto change = publisher.receive_keys(who, owner, receive.get());
    // The worker keeps the newest two.
    if (receive_old_) change.replaced.push_back(std::move(receive_old_));
    receive_old_ = std::exchange(receive_, std::move(receive));
    next_transmit_ = std::move(transmit);
    decide_at_ = now + kDecideAfter;
    retire_at_.reset();
    return change;
}

Change EndpointKeys::proved(Publisher& publisher, EndpointRef who, WorkerIndex owner,
                            std::uint64_t epoch, srtp::Proof proof, TimePoint now) {
    if (!expects_proof(epoch) || proof == srtp::Proof::none) return {};
    proved_ = epoch;
    const bool restart = proof == srtp::Proof::restart;
    Change change;
    if (next_transmit_) {
        // A restart that older keys have proved still holds when newer ones take over.
        restarted_ |= restart;
        if (epoch == epoch_) change = switch_transmit(publisher, who);
    } else if (restart) {
        // The endpoint was silent for so long that its keys are in use under the old count.
        key_start_ = publisher.next_key_start();
        change = publisher.transmit_keys(who, transmit_.get(), key_start_);
    }
    if (epoch != epoch_) return change;
    decide_at_.reset();
    if (restart)
        append(change, retire_old(publisher, who, owner));
    else if (receive_old_)
        retire_at_ = now + kRetireAfter;
    return change;
}

Change EndpointKeys::decided(Publisher& publisher, EndpointRef who, std::uint64_t epoch,
                             Decision decision, TimePoint now) {
    if (!keyed() || epoch != epoch_ || proved_ == epoch) return {};
    if (decision == Decision::settled) return {};
    // It may prove a restart yet, with new SSRCs alone: the owner is asked again.
    decide_at_ = now + kDecideAfter;
    if (decision == Decision::open || !next_transmit_) return {};
    retire_at_ = now + kUnproved;
    return switch_transmit(publisher, who);
}

Change EndpointKeys::on_time(Publisher& publisher, EndpointRef who, WorkerIndex owner,
                             TimePoint now) {
    Change change;
    if (decide_at_ && now >= *decide_at_) {
        decide_at_.reset();
        change = publisher.decide(who, owner, epoch_);
    }
    if (retire_at_ && now >= *retire_at_) append(change, retire_old(publisher, who, owner));
    return change;
}

Change EndpointKeys::switch_transmit(Publisher& publisher, EndpointRef who) {
    if (!next_transmit_) return {};
    if (std::exchange(restarted_, false)) key_start_ = fresh_start_ = publisher.next_key_start();
    auto change = publisher.transmit_keys(who, next_transmit_.get(), key_start_);
    change.replaced.push_back(std::exchange(transmit_, std::move(next_transmit_)));
    return change;
}

Change EndpointKeys::retire_old(Publisher& publisher, EndpointRef who, WorkerIndex owner) {
    retire_at_.reset();
    if (!receive_old_) return {};
    auto change = publisher.retire_old(who, owner);
    change.replaced.push_back(std::move(receive_old_));
    return change;
}

Change EndpointKeys::leave(Publisher& publisher, EndpointRef who, WorkerIndex owner) {
    if (!keyed()) return {};
    auto change = publisher.leave(who, owner);
    change.replaced = {std::move(receive_), std::move(receive_old_), std::move(transmit_)};
    next_transmit_.reset();
    restarted_ = false;
    // What they prove from now on is no matter of the keys that the endpoint comes back with.
    proved_ = epoch_;
    decide_at_.reset();
    retire_at_.reset();
    return change;
}

}  // namespace mdd::control
