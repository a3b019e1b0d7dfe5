// The KMF without sockets: tunnel messages and time in; tunnel messages and notices out. Keeps the
// endpoint associations of all MDDs, each under its MDD's certificate, so that they outlive a
// tunnel.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kmf-tunnel/listener.h"
#include "tools/mdd-kmf/association.h"
#include "tools/mdd-kmf/roster.h"

namespace mdd::kmf {

// Something worth a log line. Never holds key bytes.
struct Notice {
    enum class Kind {
        keyed,      // handshake complete, keys on their way to the MDD
        refused,    // see `refusal`
        displaced,  // ended: the endpoint completed a newer association
        closed,     // ended by the endpoint
        keys_sent,  // builds with MDD_AUDIT only: keys went to the MDD; see `keys_sha256`
    };
    Kind kind;
    std::string mdd;
    tunnel::AssociationId association;
    tunnel::ConferenceId conference;
    std::string endpoint;  // its id, empty when not known
    std::optional<Refusal> refusal;
    std::string keys_sha256;  // hex; client key ‖ server key ‖ client salt ‖ server salt as sent
};

struct Limits {
    std::size_t handshakes = 4096;  // at once; more ClientHellos are dropped and counted
    std::chrono::milliseconds handshake_deadline{30'000};
};

class KeyDistributor {
  public:
    // False: that tunnel is not up.
    using Send = std::function<bool(tunnel::TunnelId, const tunnel::Message&)>;
    using Notify = std::function<void(const Notice&)>;

    // `gate` must outlive it. `send` and `notify` must not call back.
    KeyDistributor(Roster roster, EndpointGate& gate, const Limits& limits, Send send,
                   Notify notify);

    // The configured MDD, or nullptr: messages of such a tunnel are dropped and counted.
    const Mdd* tunnel_up(tunnel::TunnelId tunnel, const tunnel::PeerIdentity& peer);
    // Its associations stay and go on over the MDD's newest tunnel.
    void tunnel_down(tunnel::TunnelId tunnel);

    void receive(tunnel::TunnelId tunnel, const tunnel::Message& message, TimePoint now);
    // Call when deadline() has come; harmless earlier.
    void expire(TimePoint now);
    // nullopt: no handshake is under way.
    std::optional<TimePoint> deadline() const;

    const Tally& tally() const { return tally_; }
    std::size_t live_associations() const { return live_.size(); }

  private:
    using Key = std::pair<dtls::Fingerprint, tunnel::AssociationId>;  // MDD's certificate, its id

    struct Entry {
        Association association;
        tunnel::ConferenceId conference;
        std::vector<std::uint16_t> profiles;  // the MDD's
        tunnel::TunnelId tunnel;              // that its MDD used last for it
        const Connection* keyed = nullptr;    // whose completion has been seen to
        dtls::Fingerprint endpoint{};         // of `keyed`
        std::optional<TimePoint> timer;
    };

    const Conference* admitted_conference(const Mdd* mdd, const tunnel::Message& message);
    bool admits_datagram(const tunnel::Message& message);
    bool is_consistent(const Entry& entry, const tunnel::Message& message);
    void first_contact(const Key& key, tunnel::TunnelId tunnel, const tunnel::Message& message,
                       const Conference& conference, const ClientRandom& random, TimePoint now);
    void begin(const Key& key, std::unique_ptr<EndpointSsl> accepted, const Conference& conference,
               const ClientRandom& random, TimePoint now);
    void settle(const Key& key);
    void welcome(const Key& key, Entry& entry, const Connection& live);
    void displace(const Key& key);
    void forget_keyed(const Key& key, Entry& entry);
    void set_timer(const Key& key, Entry& entry, std::optional<TimePoint> at);
    void transmit(const Key& key, const Entry& entry, Bytes datagram, const srtp::HopKeys* keys);
    void send(tunnel::TunnelId tunnel, const tunnel::Message& message);
    std::optional<tunnel::TunnelId> tunnel_of(const Key& key, const Entry& entry) const;
    Notice notice(Notice::Kind kind, const Key& key, const Entry& entry,
                  const dtls::Fingerprint& endpoint) const;

    Roster roster_;
    EndpointGate& gate_;
    Limits limits_;
    Send send_;
    Notify notify_;
    Tally tally_;
    std::map<tunnel::TunnelId, dtls::Fingerprint> tunnels_;  // up; the highest id is the newest
    std::map<Key, Entry> entries_;
    std::map<std::pair<tunnel::ConferenceId, dtls::Fingerprint>, Key> live_;
    std::set<std::pair<TimePoint, Key>> timers_;  // one per handshake under way
};

}  // namespace mdd::kmf
