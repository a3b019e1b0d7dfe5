// The order of hellos.
#include "tools/mdd-load/joins.h"

#include <algorithm>

namespace mdd::load {
namespace {

// mdd is not told of a leaver before all that is on its way from it or to it has arrived; what has
// not by then is lost.
constexpr std::chrono::milliseconds kLongestParting{3000};
constexpr unsigned kMostAtOnce = 16;
constexpr std::uint64_t kCalm_seconds = 2;

}  // namespace

Joins::Joins(World& world, std::uint64_t ticks_per_second, SendFrame send,
             std::function<void(EndpointIndex)> put_out, RealHandshakes* real)
    : world_(world),
      ticks_per_second_(ticks_per_second),
      send_(std::move(send)),
      put_out_(std::move(put_out)),
      real_(real),
      random_(world.scenario().seed ^ 0x6a6f696e),
      is_asking_(world.plan().endpoints()) {}

Joins::Pace Joins::pace(std::uint32_t per_second, Tsc now) const {
    if (per_second == 0) return {};
    const auto interval = std::max<Tsc>(ticks_per_second_ / per_second, 1);
    return {now + interval, interval};
}

void Joins::start(Tsc now) {
    first_joins_ = pace(world_.scenario().joins.per_second, now);
}

void Joins::begin_unrest(Tsc now) {
    world_.forget_under_way();
    churn_ = pace(world_.scenario().churn.per_second, now);
    storm_ = pace(world_.scenario().storm.per_second, now);
}

void Joins::end_unrest() {
    churn_ = storm_ = {};
}

Tsc Joins::ticks(std::chrono::milliseconds span) const {
    return ticks_per_second_ / 1000 * static_cast<Tsc>(span.count());
}

void Joins::begin(EndpointIndex endpoint, Tsc now) {
    is_asking_[endpoint] = true;
    ++counts_.hellos;
    if (real_ != nullptr) {
        if (world_.is_present(endpoint)) --present_;
        world_.pause(endpoint, now);
        return real_->begin(endpoint);
    }
    world_.begin_handshake(endpoint);
    // What the port refuses now is repeated like what got lost.
    send_hello(endpoint);
    repeats_.push_back({now + ticks(world_.scenario().joins.again), endpoint,
                        world_.endpoint(endpoint).generation});
}

void Joins::send_datagram(EndpointIndex endpoint, srtp::Bytes datagram) {
    frame_.resize(net::kHeaderBytes + datagram.size());
    net::write_headers(world_.headers_of(endpoint), frame_.data(), datagram.size());
    std::ranges::copy(datagram, frame_.begin() + net::kHeaderBytes);
    static_cast<void>(send_(frame_));
}

void Joins::send_hello(EndpointIndex endpoint) {
    send_datagram(endpoint, write_hello({endpoint, world_.endpoint(endpoint).generation},
                                        world_.scenario().conferences.profile));
}

void Joins::on_datagram(EndpointIndex endpoint, srtp::Bytes datagram, Tsc now) {
    if (real_ != nullptr) return real_->on_datagram(endpoint, datagram);
    const auto answer = read_answer(datagram);
    if (!answer || answer->endpoint != endpoint || !is_asking_[endpoint] ||
        answer->generation != world_.endpoint(endpoint).generation) {
        ++counts_.stray_answers;
        return;
    }
    ++counts_.answers;
    is_asking_[endpoint] = false;
    if (!world_.is_present(endpoint)) ++present_;
    world_.complete_handshake(endpoint, now);
}

void Joins::take_events(Tsc now) {
    for (auto& event : real_->take()) switch (event.kind) {
            case HandshakeEvent::Kind::datagram:
                send_datagram(event.endpoint, event.datagram);
                break;
            case HandshakeEvent::Kind::keyed:
                on_keyed(event.endpoint, *event.keys, now);
                break;
            case HandshakeEvent::Kind::ended:
                on_ended(event.endpoint, now);
                break;
        }
}

void Joins::on_keyed(EndpointIndex endpoint, const srtp::HopKeys& keys, Tsc now) {
    if (!is_asking_[endpoint]) return;
    ++counts_.answers;
    is_asking_[endpoint] = false;
    ++present_;
    world_.install(endpoint, keys, now);
}

void Joins::on_ended(EndpointIndex endpoint, Tsc now) {
    ++counts_.failures;
    if (world_.is_present(endpoint)) --present_;
    world_.leave(endpoint, now);
    real_->leave(endpoint);
    std::erase_if(partings_, [&](const Parting& parting) { return parting.endpoint == endpoint; });
    return_later(endpoint, now);
}

void Joins::return_later(EndpointIndex endpoint, Tsc now) {
    returns_.push_back({now + ticks(world_.scenario().churn.away), endpoint, 0});
}

// Present, and has had its keys for a while: the keys before them may be forgotten.
bool Joins::is_calm(EndpointIndex endpoint, Tsc now) const {
    const auto keyed_at = world_.endpoint(endpoint).keyed_at;
    return world_.is_present(endpoint) && !is_asking_[endpoint] &&
           now - keyed_at > kCalm_seconds * ticks_per_second_;
}

// nullopt: chance has found nobody; soon it will.
std::optional<EndpointIndex> Joins::someone(Tsc now) {
    for (int i = 0; i < 8; ++i) {
        const auto endpoint = random_.below(world_.plan().endpoints());
        if (is_calm(endpoint, now)) return endpoint;
    }
    return std::nullopt;
}

void Joins::make_unrest(Tsc now) {
    if (now >= churn_.next) {
        churn_.next += churn_.interval;
        if (const auto endpoint = someone(now)) {
            world_.leave(*endpoint, now);
            --present_;
            ++counts_.departures;
            partings_.push_back({now, *endpoint});
        }
    }
    if (now >= storm_.next) {
        storm_.next += storm_.interval;
        if (const auto endpoint = someone(now)) begin(*endpoint, now);
    }
}

// Has the leaver everything that it is owed, and have the others all of it? An mdd of which a core
// was away for a while still works on packets from before.
bool Joins::is_over(const Parting& parting, Tsc now) const {
    return world_.under_way(parting.endpoint) <= 0 || now - parting.left >= ticks(kLongestParting);
}

void Joins::part(Tsc now) {
    std::erase_if(partings_, [&](const Parting& parting) {
        if (!is_over(parting, now)) return false;
        if (real_ != nullptr)
            real_->leave(parting.endpoint);
        else
            put_out_(parting.endpoint);
        return_later(parting.endpoint, now);
        return true;
    });
}

void Joins::repeat(Tsc now) {
    for (unsigned i = 0; i < kMostAtOnce && !repeats_.empty() && repeats_.front().at <= now; ++i) {
        auto due = repeats_.front();
        repeats_.pop_front();
        if (!is_asking_[due.endpoint] || due.generation != world_.endpoint(due.endpoint).generation)
            continue;
        ++counts_.repeats;
        static_cast<void>(send_hello(due.endpoint));
        due.at = now +
                 ticks_per_second_ / 1000 * static_cast<Tsc>(world_.scenario().joins.again.count());
        repeats_.push_back(due);
    }
}

void Joins::poll(Tsc now) {
    for (unsigned i = 0; i < kMostAtOnce && now >= first_joins_.next; ++i) {
        first_joins_.next += first_joins_.interval;
        begin(next_to_join_++, now);
        if (next_to_join_ == world_.plan().endpoints()) first_joins_ = {};
    }
    if (real_ != nullptr) take_events(now);
    make_unrest(now);
    part(now);
    while (!returns_.empty() && returns_.front().at <= now) {
        begin(returns_.front().endpoint, now);
        returns_.pop_front();
    }
    repeat(now);
}

}  // namespace mdd::load
