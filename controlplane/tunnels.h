// The tunnels to all configured KMFs: which there are, which are up, and messages to and from them.
// Which KMF an endpoint's keying belongs to is decided in associations.h.
#pragma once

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/conference.h"
#include "kmf-tunnel/link.h"

namespace mdd::control {

// Which associations go over one tunnel, and when it is opened.
enum class Sharing : std::uint8_t { shared, per_conference, per_endpoint };
enum class Connect : std::uint8_t { eager, first_use };

// What the configuration says of a KMF.
struct KmfPlan {
    tunnel::LinkConfig link;
    Sharing sharing = Sharing::shared;
    Connect connect = Connect::eager;
};

// One tunnel: its KMF and, as far as it is not shared, whose it is.
struct TunnelName {
    KmfIndex kmf = 0;
    std::optional<ConferenceSlot> conference;
    std::optional<MemberSlot> member;
    auto operator<=>(const TunnelName&) const = default;
};

// All tunnels to one KMF, those of the past included.
struct TunnelReport {
    std::string kmf;
    tunnel::Dialect protocol = tunnel::Dialect::dtls_v1;
    std::size_t tunnels = 0;     // open, or trying to be
    std::size_t tunnels_up = 0;  // of these
    std::uint64_t reconnects = 0;
    std::uint64_t disconnects_sent = 0;
    std::uint64_t disconnects_received = 0;
    tunnel::LinkCounters counters;

    bool up() const { return tunnels != 0 && tunnels_up == tunnels; }
};

class Tunnels {
  public:
    static constexpr std::chrono::seconds kKeepUnused{60};      // of first-use tunnels
    static constexpr std::chrono::seconds kSuspectFor{5};       // a KMF that did not answer
    static constexpr std::chrono::milliseconds kFirstTry{500};  // before a new tunnel is "not up"
    static constexpr std::size_t kFarewells = 4096;  // Disconnects that wait for a tunnel, of a KMF

    // Both run on the thread of `io`, never from inside a call of this class.
    struct Events {
        std::function<void(const TunnelName&, tunnel::Message&&)> message;
        std::function<void(const TunnelName&)> up;
    };

    // Throws std::runtime_error, a full sentence, when credentials cannot be loaded.
    Tunnels(boost::asio::io_context& io, const std::vector<KmfPlan>& kmfs, Events events);
    ~Tunnels();
    Tunnels(const Tunnels&) = delete;
    Tunnels& operator=(const Tunnels&) = delete;

    // Opens the eager ones that these conferences need.
    void start(const std::vector<ConferenceState>& conferences);
    void stop();
    // Goes over to new credentials, live tunnels included, without a gap. Throws like the
    // constructor, and then changes nothing for this KMF.
    void renew(KmfIndex kmf, const tunnel::Credentials& credentials);

    // The tunnel that an endpoint's messages to a KMF go over.
    TunnelName name_of(KmfIndex kmf, EndpointRef who) const;
    tunnel::Dialect dialect(KmfIndex kmf) const;
    // Opens it unless it is open already.
    void open(const TunnelName& name, TimePoint now);
    bool is_up(const TunnelName& name) const;
    // A new association may go there: it is up or, opened for it, may soon be; and the KMF is not
    // known to be silent.
    bool is_promising(const TunnelName& name, TimePoint now) const;
    // Since when it has not been up; nullopt: it is.
    std::optional<TimePoint> down_since(const TunnelName& name) const;
    // By KmfIndex; each rises with whatever is heard from the KMF on any of its tunnels.
    std::vector<std::uint64_t> signs_of_life() const;
    // The KMF did not answer in time.
    void suspect(KmfIndex kmf, TimePoint now);

    bool send(const TunnelName& name, const tunnel::Message& message);
    // Tells the KMF that an association has ended; waits where the tunnel is down. rfc9185 only.
    void say_goodbye(const TunnelName& name, const tunnel::AssociationId& id);
    // Closes the first-use tunnels that are long in no association's use. `in_use`: those that are.
    void close_unused(const std::vector<TunnelName>& in_use, TimePoint now);

    std::vector<TunnelReport> report() const;  // by KmfIndex

  private:
    class End;
    struct Kmf {
        KmfPlan plan;
        TimePoint suspected_until{};
        std::vector<tunnel::AssociationId> farewells;
        TunnelReport past;  // of tunnels that are closed
    };
    void on_up(const TunnelName& name);
    void on_message(const TunnelName& name, tunnel::Message&& message);
    const End* find(const TunnelName& name) const;
    bool part(Kmf& kmf, End& end, const tunnel::AssociationId& id);
    void open_all(KmfIndex kmf, const ConferenceState& conference, TimePoint now);

    boost::asio::io_context& io_;
    const Events events_;
    std::vector<Kmf> kmfs_;
    std::map<TunnelName, std::unique_ptr<End>> ends_;
};

}  // namespace mdd::control
