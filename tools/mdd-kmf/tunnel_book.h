// The tunnels that are up, whose they are, and which one a message to an MDD takes. Sends, but
// makes no message.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kmf-tunnel/listener.h"
#include "tools/dtls_srtp/fingerprint.h"

namespace mdd::kmf {

class TunnelBook {
  public:
    // An MDD, by its name, and how it speaks.
    struct Speaker {
        std::string mdd;  // empty: not configured
        tunnel::Dialect dialect = tunnel::Dialect::dtls_v1;

        bool operator==(const Speaker&) const = default;
    };
    struct Tunnel {
        Speaker speaker;
        dtls::Fingerprint certificate{};
    };
    // False: that tunnel is not up.
    using Send = std::function<bool(tunnel::TunnelId, const tunnel::Message&)>;

    explicit TunnelBook(Send send) : send_(std::move(send)) {}

    // Disconnects that wait for a tunnel of this MDD go out now.
    void up(tunnel::TunnelId id, const Tunnel& tunnel);
    void down(tunnel::TunnelId id) { tunnels_.erase(id); }

    // nullptr: not up.
    const Tunnel* find(tunnel::TunnelId id) const;
    const std::map<tunnel::TunnelId, Tunnel>& all() const { return tunnels_; }

    // `last` while it is up, else the newest of the same MDD and dialect, else nothing is sent.
    bool send(const Speaker& to, tunnel::TunnelId last, const tunnel::Message& message);
    // rfc9185: tells the MDD that an association is over; kept for its next tunnel when none is up.
    void disconnect(const std::string& mdd, tunnel::TunnelId last,
                    const tunnel::AssociationId& association);

    std::uint64_t sent() const { return sent_; }
    std::uint64_t unsent() const { return unsent_; }
    std::uint64_t disconnects() const { return disconnects_; }

  private:
    static constexpr std::size_t kOwedOfOneMdd = 65'536;

    std::optional<tunnel::TunnelId> route(const Speaker& to, tunnel::TunnelId last) const;

    Send send_;
    std::map<tunnel::TunnelId, Tunnel> tunnels_;  // the highest id is the newest
    std::map<std::string, std::vector<tunnel::AssociationId>> owed_;
    std::uint64_t sent_ = 0;
    std::uint64_t unsent_ = 0;
    std::uint64_t disconnects_ = 0;
};

}  // namespace mdd::kmf
