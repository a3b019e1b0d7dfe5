// One KMF without sockets, MDDs that are maps of endpoints, and a lossy tunnel between them. Time
// is real, timers are short. Every message of the KMF is kept.
#pragma once

#include <openssl/rand.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "kmf-tunnel/record.h"
#include "tests/unit/kmf/dtls_client.h"
#include "tools/mdd-kmf/key_distributor.h"

namespace mdd::test {

using tunnel::TunnelId;

inline constexpr std::uint16_t kDouble128 = 0x0009;
inline constexpr unsigned kFirstTimerMs = 40;

inline tunnel::ConferenceId conference_id(std::uint8_t tag) {
    tunnel::ConferenceId id;
    id.bytes.fill(tag);
    return id;
}
inline tunnel::AssociationId association_id(std::uint8_t tag) {
    tunnel::AssociationId id;
    id.bytes.fill(tag);
    return id;
}

// One key message as the MDD sees it.
struct SentKeys {
    std::uint16_t profile;
    Datagram client_key, server_key, client_salt, server_salt;
    bool operator==(const SentKeys&) const = default;
};

// How a world differs from the plainest one.
struct Setup {
    srtp::Profile profile = srtp::Profile::double_aes_128_gcm;
    kmf::Limits limits{};
    tunnel::Dialect dialect = tunnel::Dialect::dtls_v1;
    kmf::RekeyPolicy rekey{};
    bool require_tls_id = true;
    bool keeps_state = false;
    // Changes the roster before it is used.
    std::function<void(std::vector<kmf::Mdd>&, std::vector<kmf::Conference>&)> edit{};
};

inline const Setup kSetup9185{.dialect = tunnel::Dialect::rfc9185};

class World {
  public:
    static TestPki& pki() {
        static TestPki made;
        return made;
    }

    static constexpr TunnelId kTunnel{1};

    TestCertificate alice = pki().self_signed("alice");
    TestCertificate bob = pki().self_signed("bob");
    TestCertificate carol = pki().self_signed("carol");
    TestCertificate mallory = pki().self_signed("mallory");
    TestCertificate mdd = pki().self_signed("mdd");
    TestCertificate mdd_two = pki().self_signed("mdd-2");
    std::vector<std::uint16_t> mdd_profiles{0x0009, 0x000A, 0x0007, 0x0008};

    // What happened.
    std::vector<std::pair<TunnelId, tunnel::Message>> sent;
    std::vector<kmf::Notice> notices;
    std::vector<Datagram> kept;           // frames, oldest first
    std::vector<std::size_t> sent_until;  // messages sent before the frame with the same index

    // Loss, decided per message; empty: none.
    std::function<bool(const tunnel::Message&)> loses_to_endpoint;
    std::function<bool(const Datagram&)> loses_to_kmf;

    std::unique_ptr<kmf::KeyDistributor> kmf;
    tunnel::ConferenceId conference = conference_id(0xC0);

    explicit World(srtp::Profile profile = srtp::Profile::double_aes_128_gcm,
                   const kmf::Limits& limits = {})
        : World(Setup{.profile = profile, .limits = limits}) {}

    explicit World(const Setup& setup) : setup_(setup) {
        const auto own = pki().self_signed("kmf-endpoint");
        gate_ = std::make_unique<kmf::EndpointGate>(
            kmf::EndpointIdentity{own.cert_file, own.key_file}, kFirstTimerMs);
        start();
        bring_up(kTunnel, mdd);
    }

    // Two conferences, C0 and C1, with alice and bob in both and carol in C0 alone. mdd-1 may serve
    // C0, mdd-2 both.
    kmf::Roster roster() const {
        kmf::Conference first;
        first.id = conference_id(0xC0);
        first.profile = setup_.profile;
        first.rekey = setup_.rekey;
        first.require_tls_id = setup_.require_tls_id;
        auto second = first;
        second.id = conference_id(0xC1);
        first.endpoints = {{alice.certificate_sha256, {"alice", kAliceTlsId}},
                           {bob.certificate_sha256, {"bob", kBobTlsId}},
                           {carol.certificate_sha256, {"carol", kCarolTlsId}}};
        second.endpoints = {{alice.certificate_sha256, {"alice", "second-" + kAliceTlsId}},
                            {bob.certificate_sha256, {"bob", "second-" + kBobTlsId}}};
        std::vector<kmf::Mdd> mdds{
            {"mdd-1", {mdd.certificate_sha256}, false, {first.id, conference_id(0xCF)}},
            {"mdd-2", {mdd_two.certificate_sha256}, true, {}}};
        std::vector<kmf::Conference> conferences{first, second};
        if (setup_.edit) setup_.edit(mdds, conferences);
        return {std::move(mdds), std::move(conferences)};
    }

    // Anew, as after the death of the process; with what it kept, if it keeps anything.
    void start() {
        kmf::KeyDistributor::Hooks hooks;
        hooks.send = [this](TunnelId tunnel, const tunnel::Message& message) {
            return deliver(tunnel, message);
        };
        hooks.notify = [this](const kmf::Notice& notice) { notices.push_back(notice); };
        if (setup_.keeps_state)
            hooks.keep = [this](const kmf::StateChanges& changes) { keep(changes); };
        hooks.random = [](srtp::MutableBytes bytes) {
            RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
        };
        kmf = std::make_unique<kmf::KeyDistributor>(roster(), *gate_, setup_.limits, hooks);
        if (!setup_.keeps_state) return;
        kmf::SavedState saved;
        for (const auto& frame : kept) saved.apply(*kmf::decode_changes(frame));
        kmf->restore(std::move(saved), kmf_now(), wall_now());
        kept.clear();
        sent_until.clear();
        keep(kmf->snapshot(kmf_now(), wall_now()));
        finish_turn();
    }

    const kmf::Mdd* bring_up(TunnelId tunnel, const TestCertificate& certificate,
                             std::optional<tunnel::Dialect> dialect = {}) {
        dialects_[tunnel] = dialect.value_or(setup_.dialect);
        const auto* known =
            kmf->tunnel_up(tunnel, {certificate.certificate_sha256, {}, "mdd"}, dialects_[tunnel]);
        finish_turn();
        return known;
    }

    // For the next start().
    void set_edit(decltype(Setup::edit) edit) { setup_.edit = std::move(edit); }
    // Another roster, by another edit. Closes the tunnels that the KMF wants closed.
    std::vector<TunnelId> reload(decltype(Setup::edit) edit) {
        setup_.edit = std::move(edit);
        const auto closed = kmf->reload(roster(), kmf_now(), wall_now());
        for (const auto tunnel : closed) {
            kmf->tunnel_down(tunnel);
            dead_tunnels.insert(tunnel);
        }
        return closed;
    }

    DtlsClient& join(std::uint8_t tag, const TestCertificate& certificate,
                     const ClientOptions& options = {}) {
        auto& place = endpoints_[association_id(tag)];
        place = std::make_unique<DtlsClient>(certificate, options);
        return *place;
    }

    // Lets datagrams and timers run until `done` or the time is over. False: it was over.
    bool run_until(const std::function<bool()>& done,
                   std::chrono::milliseconds limit = std::chrono::seconds(10)) {
        const auto end = kmf_now() + limit;
        while (true) {
            while (pump()) {
            }
            if (done()) return true;
            if (kmf_now() > end) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            for (auto& [id, client] : endpoints_) client->tick();
            kmf->expire(kmf_now());
            finish_turn();
        }
    }
    bool run_until_established(const DtlsClient& client) {
        return run_until([&] { return client.is_established() || client.has_failed(); }) &&
               client.is_established();
    }
    // Runs for a while, to let what must not happen happen.
    void run_for(std::chrono::milliseconds time) {
        run_until([] { return false; }, time);
    }

    // As the tunnel gives it to the KMF: over dtls-v1 profiles come with every epoch-0 handshake
    // datagram, over rfc9185 with every message, and no conference.
    tunnel::Message wrapped(const tunnel::AssociationId& id, const Datagram& datagram) const {
        tunnel::Message message{id, conference, tunnel::Empty{}, datagram};
        const bool is_9185 = dialects_.at(route) == tunnel::Dialect::rfc9185;
        if (is_9185) message.conference = {};
        if (is_9185 || tunnel::is_epoch0_handshake(datagram))
            message.body = tunnel::SupportedProfiles{mdd_profiles, {}};
        return message;
    }
    void to_kmf(std::uint8_t tag, const Datagram& datagram) {
        give(wrapped(association_id(tag), datagram));
    }
    void give(const tunnel::Message& message) {
        kmf->receive(route, message, kmf_now());
        finish_turn();
    }
    void disconnect(std::uint8_t tag) { give({association_id(tag), {}, tunnel::Disconnect{}, {}}); }
    void finish_turn() { kmf->finish_turn(kmf_now(), wall_now()); }
    DtlsClient& client(std::uint8_t tag) { return *endpoints_.at(association_id(tag)); }

    std::size_t disconnects_sent(std::uint8_t tag) const {
        return static_cast<std::size_t>(
            std::count_if(sent.begin(), sent.end(), [&](const auto& one) {
                return one.second.association == association_id(tag) &&
                       std::holds_alternative<tunnel::Disconnect>(one.second.body);
            }));
    }

    std::vector<SentKeys> keys_sent(std::uint8_t tag) const {
        std::vector<SentKeys> keys;
        for (const auto& [tunnel, message] : sent) {
            const auto* body = std::get_if<tunnel::KeyInformation>(&message.body);
            if (!body || message.association != association_id(tag)) continue;
            keys.push_back({body->profile, copy(body->client_key), copy(body->server_key),
                            copy(body->client_salt), copy(body->server_salt)});
        }
        return keys;
    }
    std::size_t count(kmf::Notice::Kind kind) const {
        return static_cast<std::size_t>(
            std::count_if(notices.begin(), notices.end(),
                          [&](const auto& notice) { return notice.kind == kind; }));
    }

    // Of the certificate that endpoints see.
    const dtls::Fingerprint& endpoint_fingerprint() const { return gate_->fingerprint(); }
    kmf::Tally tally() const { return kmf->tally(); }
    static kmf::WallTime wall_now() { return std::chrono::system_clock::now(); }
    static kmf::TimePoint kmf_now() { return std::chrono::steady_clock::now(); }

    TunnelId route = kTunnel;         // that endpoint datagrams take
    std::set<TunnelId> dead_tunnels;  // that refuse messages

  private:
    static Datagram copy(const tunnel::SecretBytes& bytes) {
        return {bytes.bytes().begin(), bytes.bytes().end()};
    }

    bool deliver(TunnelId tunnel, const tunnel::Message& message) {
        if (dead_tunnels.contains(tunnel)) return false;
        const bool lost = loses_to_endpoint && loses_to_endpoint(message);
        if (!lost && !message.dtls.empty())
            in_flight_.emplace_back(message.association, message.dtls);
        sent.emplace_back(tunnel, clone(message));
        return true;
    }

    // SecretBytes do not copy; a test may.
    static tunnel::Message clone(const tunnel::Message& message) {
        tunnel::Message twin{message.association, message.conference, tunnel::Empty{},
                             message.dtls};
        if (const auto* keys = std::get_if<tunnel::KeyInformation>(&message.body))
            twin.body =
                tunnel::KeyInformation{keys->profile, tunnel::SecretBytes(keys->client_key.bytes()),
                                       tunnel::SecretBytes(keys->server_key.bytes()),
                                       tunnel::SecretBytes(keys->client_salt.bytes()),
                                       tunnel::SecretBytes(keys->server_salt.bytes())};
        if (std::holds_alternative<tunnel::Disconnect>(message.body))
            twin.body = tunnel::Disconnect{};
        return twin;
    }

    void keep(const kmf::StateChanges& changes) {
        const auto frame = kmf::encode(changes);
        kept.emplace_back(frame.bytes().begin(), frame.bytes().end());
        sent_until.push_back(sent.size());
    }

    bool pump() {
        bool moved = false;
        for (auto& [id, client] : endpoints_)
            while (!client->outbox.empty()) {
                const auto datagram = std::move(client->outbox.front());
                client->outbox.pop_front();
                moved = true;
                if (loses_to_kmf && loses_to_kmf(datagram)) continue;
                give(wrapped(id, datagram));
            }
        while (!in_flight_.empty()) {
            const auto [id, datagram] = std::move(in_flight_.front());
            in_flight_.pop_front();
            moved = true;
            const auto found = endpoints_.find(id);
            if (found != endpoints_.end()) found->second->feed(datagram);
        }
        return moved;
    }

    Setup setup_;
    std::map<TunnelId, tunnel::Dialect> dialects_;
    std::unique_ptr<kmf::EndpointGate> gate_;
    std::map<tunnel::AssociationId, std::unique_ptr<DtlsClient>> endpoints_;
    std::deque<std::pair<tunnel::AssociationId, Datagram>> in_flight_;
};

}  // namespace mdd::test
