// Two tunnel sessions joined in memory by a network that loses, doubles and swaps datagrams on
// demand; time is virtual (OpenSSL's own handshake repeats excepted).
#pragma once

#include <functional>
#include <random>
#include <vector>

#include "kmf-tunnel/secure.h"
#include "kmf-tunnel/session.h"
#include "tests/support/test_pki.h"

namespace mdd::test {

// Per datagram, 0 to 1.
struct Weather {
    double loss = 0;
    double twice = 0;
    double late = 0;  // overtaken by the next one
};

class SessionPair {
  public:
    SessionPair(const tunnel::Credentials& mdd, const tunnel::Credentials& kmf,
                tunnel::SessionConfig config = {});

    // Moves datagrams until none is left.
    void exchange();
    // Starts the MDD and exchanges.
    void connect();
    // Lets virtual time pass, step by step, serving deadlines and exchanging after each.
    void pass(tunnel::Milliseconds span);
    // Lets real time pass until `done` or the limit; for handshakes that lose datagrams.
    bool wait_until(const std::function<bool()>& done, tunnel::Milliseconds limit);

    template <class T>
    std::size_t count(const std::vector<tunnel::Event>& events) const {
        std::size_t found = 0;
        for (const auto& event : events) found += std::holds_alternative<T>(event);
        return found;
    }
    // The reason of the first Down in `events`; "up" when there is none.
    static std::string down_reason(const std::vector<tunnel::Event>& events);
    static std::string down_text(const std::vector<tunnel::Event>& events);

    tunnel::SecureContext mdd_context;
    tunnel::SecureContext kmf_context;
    tunnel::Session mdd;
    tunnel::Session kmf;
    std::vector<tunnel::Event> mdd_events;
    std::vector<tunnel::Event> kmf_events;
    std::vector<std::vector<std::uint8_t>>
        captured;  // every datagram, both ways, before the weather
    tunnel::TimePoint now{};
    Weather weather;
    bool cut_to_kmf = false;
    bool cut_to_mdd = false;
    std::mt19937 random{1};

  private:
    bool move(tunnel::Session& from, tunnel::Session& to, bool is_cut,
              std::vector<std::vector<std::uint8_t>>& held);
    bool chance(double probability);
    void collect();

    std::vector<std::vector<std::uint8_t>> held_to_kmf_;
    std::vector<std::vector<std::uint8_t>> held_to_mdd_;
};

// A message with an association id and a body of `size_bytes`.
tunnel::Message message_of(std::uint8_t association, std::size_t size_bytes);

}  // namespace mdd::test
