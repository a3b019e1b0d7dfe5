// One thing that an endpoint or an MDD does wrong, where it does it, and what must have been
// counted.
#pragma once

#include <gtest/gtest.h>

#include "tests/unit/kmf/world.h"

namespace mdd::test::hostile {

inline constexpr std::uint8_t kGood = 1;
inline constexpr std::uint8_t kBad = 66;

// A world with one good member. What a case does comes after that.
struct Scene {
    World world;
    kmf::Tally before;
    tunnel::Dialect dialect;

    static Setup setup(tunnel::Dialect dialect, const kmf::Limits& limits) {
        Setup made{.dialect = dialect};
        made.limits = limits;
        // Nobody else's coming and going may reach the good member.
        made.rekey = {.on_join = false, .on_leave = false};
        return made;
    }
    explicit Scene(tunnel::Dialect by, const kmf::Limits& limits = {})
        : world(setup(by, limits)), dialect(by) {
        world.join(kGood, world.alice, {.tls_id = kAliceTlsId});
        EXPECT_TRUE(world.run_until([&] { return world.tally().ekt.acknowledged == 1; }));
        before = world.tally();
    }

    DtlsClient& good() { return world.client(kGood); }
    ClientOptions as_bob() const { return {.tls_id = kBobTlsId}; }
    // The first ClientHello of a client that does nothing else.
    Datagram hello(const TestCertificate& certificate, const ClientOptions& options) {
        return DtlsClient(certificate, options).outbox.front();
    }
    tunnel::Message message(std::uint8_t tag, const Datagram& dtls) {
        return world.wrapped(association_id(tag), dtls);
    }
    // Runs until the handshake of `kBad` has ended one way or the other.
    void shake(const TestCertificate& certificate, const ClientOptions& options) {
        auto& bad = world.join(kBad, certificate, options);
        world.run_until([&] { return bad.has_failed() || bad.is_established(); },
                        std::chrono::seconds(3));
    }
    void from_other_mdd() {
        world.bring_up(TunnelId{2}, world.mdd_two);
        world.route = TunnelId{2};
    }
};

// What must have been counted; nothing else may have been.
struct Verdict {
    std::optional<kmf::Drop> drop{};
    std::optional<kmf::Refusal> refusal{};
    int alert = 0;                   // OpenSSL's reason at the endpoint; 0: not looked at
    std::uint64_t times = 1;         // of that drop or refusal
    bool or_more = false;            // timers have a say in it
    std::uint64_t failed = 0;        // members lost by it
    std::uint64_t disconnected = 0;  // likewise
    std::uint64_t handshakes = 0;    // completed by it
};

struct Case {
    const char* name;
    tunnel::Dialect dialect;
    std::function<void(Scene&)> act;
    Verdict verdict;
    kmf::Limits limits{};
};

inline Datagram record(std::uint8_t type, std::uint16_t epoch, const Datagram& body,
                       std::uint8_t sequence = 99) {
    Datagram made{type, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, sequence, 0, 0};
    srtp::store_be16(&made[3], epoch);
    srtp::store_be16(&made[11], static_cast<std::uint16_t>(body.size()));
    made.insert(made.end(), body.begin(), body.end());
    return made;
}

inline constexpr auto kV1 = tunnel::Dialect::dtls_v1;
inline constexpr auto k9185 = tunnel::Dialect::rfc9185;

inline void PrintTo(const Case& one, std::ostream* out) {
    *out << one.name;
}

// Before there is a handshake, or beside it.
std::vector<Case> cases_of_datagrams();
std::vector<Case> cases_of_hellos();
// In the handshake and after it.
std::vector<Case> cases_of_refusals();
std::vector<Case> cases_of_mdds();
std::vector<Case> cases_of_ekt();

}  // namespace mdd::test::hostile
