// The MDD's side of one tunnel on a real socket, in either dialect: connect, keep alive, reconnect
// with back-off. Holds no messages back and knows nothing of conferences.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kmf-tunnel/credentials.h"
#include "kmf-tunnel/session.h"

namespace boost::asio {
class io_context;
}

namespace mdd::tunnel {

struct LinkConfig {
    std::string name;  // for events and texts
    std::string host;  // address or name
    std::uint16_t port = 0;
    Credentials credentials;
    SessionConfig session;
    Dialect dialect = Dialect::dtls_v1;
    // rfc9185: announced on every new connection, in order of preference; 1 to 32,766.
    std::vector<std::uint16_t> profiles;
    // rfc9185: announced until the KMF names another; 0 is the only one there is.
    std::uint8_t first_version = 0;
    Milliseconds retry_first{200};  // before the first retry, and always after ICMP said "refused"
    Milliseconds retry_last{
        10'000};  // back-off doubles up to here, and is this long at once when the KMF speaks
                  // another version; each wait is jittered by -25 to +25 %
};

// Called on the io_context's thread, never from inside start(), stop() or send(). A callback may
// call any of them, but must not destroy the Link.
class LinkEvents {
  public:
    virtual ~LinkEvents() = default;
    // A tunnel is usable: the first, one that replaces another, or one that was silent and answers
    // again.
    virtual void on_link_up(const PeerIdentity& peer) = 0;
    // No tunnel is usable; the link goes on trying. Once per on_link_up. Installed media keys are
    // not affected.
    virtual void on_link_down(DownReason reason, const std::string& text) = 0;
    virtual void on_link_message(Message&& message) = 0;
    // An attempt failed (certificate, alert, time-out, unreachable, version); the next one is
    // already scheduled.
    virtual void on_link_refused(DownReason reason, const std::string& text) = 0;
};

struct LinkCounters {
    SessionCounters session;     // summed over all sessions of this link
    std::uint64_t attempts = 0;  // handshakes begun
    std::uint64_t ups = 0;
    std::uint64_t not_up = 0;          // messages not sent for want of a tunnel
    std::uint64_t send_failed = 0;     // datagrams that the socket would not take: counted as loss
    std::uint64_t receive_failed = 0;  // ICMP errors and the like
};

class LinkImpl;

// One thread: the one that runs `io`. Destroying it closes the sockets without a word; stop() says
// close_notify.
class Link {
  public:
    // Throws std::runtime_error, a full sentence, when the credentials cannot be loaded or rfc9185
    // has no profiles to announce. `io` and `events` must outlive the link.
    Link(boost::asio::io_context& io, LinkConfig config, LinkEvents& events);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    void start();
    // Ends the tunnel with close_notify; no event follows.
    void stop();
    // Goes over to new credentials: a new tunnel is made with them, and takes the place of the old
    // one when it is up. Throws like the constructor, and then changes nothing.
    void renew(const Credentials& credentials);
    // False when no tunnel has come up or the message cannot be sent (counted either way). While a
    // tunnel is silent the message still goes out on it. Never blocks: for a KMF that reads too
    // slowly rfc9185 queues SessionConfig::queue_bytes, and then drops DTLS messages (counted), but
    // no Disconnect.
    bool send(const Message& message);
    bool is_up() const;

    const LinkConfig& config() const;
    LinkCounters counters() const;
    std::optional<Clock::duration> round_trip() const;

  private:
    std::shared_ptr<LinkImpl> impl_;
};

}  // namespace mdd::tunnel
