// The in-memory network between two sessions.
#include "tests/unit/tunnel/session_pair.h"

#include <array>
#include <thread>

namespace mdd::test {

using namespace tunnel;

namespace {

constexpr std::array<std::uint8_t, 6> kPeerAddress{192, 0, 2, 1, 0x11, 0x22};
constexpr Milliseconds kDatagramStep{10};

}  // namespace

SessionPair::SessionPair(const Credentials& mdd_credentials, const Credentials& kmf_credentials,
                         SessionConfig config)
    : mdd_context(Role::mdd, mdd_credentials),
      kmf_context(Role::kmf, kmf_credentials),
      mdd(mdd_context, config),
      kmf(kmf_context, config) {}

bool SessionPair::chance(double probability) {
    return std::uniform_real_distribution<double>(0, 1)(random) < probability;
}

bool SessionPair::move(Session& from, Session& to, bool is_cut,
                       std::vector<std::vector<std::uint8_t>>& held) {
    auto datagram = from.next_datagram();
    if (!datagram) {
        const auto late = std::exchange(held, {});
        for (const auto& bytes : late) to.on_datagram(now, bytes, kPeerAddress);
        return !late.empty();
    }
    captured.push_back(*datagram);
    if (is_cut || chance(weather.loss)) return true;
    if (chance(weather.late)) {
        held.push_back(std::move(*datagram));
        return true;
    }
    to.on_datagram(now, *datagram, kPeerAddress);
    if (chance(weather.twice)) to.on_datagram(now, *datagram, kPeerAddress);
    return true;
}

void SessionPair::collect() {
    while (auto event = mdd.next_event()) mdd_events.push_back(std::move(*event));
    while (auto event = kmf.next_event()) kmf_events.push_back(std::move(*event));
}

void SessionPair::exchange() {
    while (move(mdd, kmf, cut_to_kmf, held_to_kmf_) || move(kmf, mdd, cut_to_mdd, held_to_mdd_)) {
    }
    collect();
}

void SessionPair::connect() {
    mdd.start(now);
    exchange();
}

void SessionPair::pass(Milliseconds span) {
    const TimePoint end = now + span;
    while (now < end) {
        now += kDatagramStep;
        for (Session* session : {&mdd, &kmf}) {
            const auto deadline = session->deadline(now);
            if (deadline && *deadline <= now) session->on_time(now);
        }
        exchange();
    }
}

bool SessionPair::wait_until(const std::function<bool()>& done, Milliseconds limit) {
    const TimePoint start = Clock::now();
    const TimePoint virtual_start = now;
    while (!done() && Clock::now() < start + limit) {
        std::this_thread::sleep_for(kDatagramStep);
        now = virtual_start + (Clock::now() - start);
        mdd.on_time(now);
        kmf.on_time(now);
        exchange();
    }
    return done();
}

std::string SessionPair::down_reason(const std::vector<Event>& events) {
    for (const auto& event : events)
        if (const auto* down = std::get_if<Down>(&event))
            return std::string(to_string(down->reason));
    return "up";
}

std::string SessionPair::down_text(const std::vector<Event>& events) {
    for (const auto& event : events)
        if (const auto* down = std::get_if<Down>(&event)) return down->text;
    return {};
}

Message message_of(std::uint8_t association, std::size_t size_bytes) {
    Message message;
    message.association.bytes.fill(association);
    message.conference.bytes.fill(0xc0);
    message.dtls.assign(size_bytes, association);
    return message;
}

}  // namespace mdd::test
