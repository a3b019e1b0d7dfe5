// The endpoint's DTLS-SRTP association with the KMF, which answers through the MDD (RFC 5764, RFC
// 8871 §4.5): the handshake, then EKT keys (RFC 8870 §5). Datagrams in and out; no sockets, no
// SRTP.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "dataplane/srtp/keys.h"
#include "kmf-tunnel/datagram_bio.h"
#include "tools/dtls_srtp/fingerprint.h"
#include "tools/dtls_srtp/hello_extensions.h"
#include "tools/dtls_srtp/post_handshake.h"
#include "tools/mdd-endpoint/ekt_key.h"

namespace mdd::endpoint {

// external_session_id of both sides (RFC 8844): the tls-id values of signalling. Empty: we send
// none; we take any or none from the KMF.
struct SessionIds {
    std::string own;
    std::string kmf;
};

// Who we are and whom we believe; shared by all handshakes of a run.
class DtlsIdentity {
  public:
    // PEM files. Throws std::runtime_error, a sentence that names the file, when one cannot be used
    // or the two do not belong together. Precondition: the ids are empty or dtls::is_session_id().
    DtlsIdentity(const std::filesystem::path& certificate, const std::filesystem::path& key,
                 const dtls::Fingerprint& kmf, srtp::Profile profile, SessionIds ids = {});

    SSL_CTX* native() const { return context_.get(); }
    srtp::Profile profile() const { return profile_; }
    const SessionIds& session_ids() const { return session_ids_; }

  private:
    tunnel::SslCtxPtr context_;
    dtls::Fingerprint kmf_;
    srtp::Profile profile_;
    SessionIds session_ids_;
};

// One association. One thread; not movable, OpenSSL keeps its address. `identity` must outlive it.
// A double profile needs a KMF that hands out EKT keys; whatever is wrong with the KMF's hello, its
// keys are not used and the association is ended.
class DtlsClient {
  public:
    enum class State : std::uint8_t {
        handshaking,
        keyed,   // take_keys() has the keys, or had them
        closed,  // the KMF sent close_notify
        failed,  // failure() says why
    };
    // The first repeat of a lost flight comes this soon where nothing else is said, later ones
    // double up to the longest, or stay at the first where that is longer. No longer than a second:
    // behind a tunnel that loses much, a flight takes several.
    static constexpr std::chrono::milliseconds kFirstRepeat{250};
    static constexpr std::chrono::milliseconds kLongestRepeat{1000};
    static constexpr std::chrono::milliseconds kLongestFirstRepeat{60'000};

    // `send` is called with each datagram; its bytes are valid during the call only.
    // 0 < first_repeat <= kLongestFirstRepeat.
    DtlsClient(const DtlsIdentity& identity, std::function<void(srtp::Bytes)> send,
               std::chrono::milliseconds first_repeat = kFirstRepeat);
    DtlsClient(const DtlsClient&) = delete;
    DtlsClient& operator=(const DtlsClient&) = delete;

    // Sends the ClientHello. Once.
    void start();
    // Takes one datagram whose first byte says DTLS. Junk, and what belongs to another association,
    // is ignored, as DTLS asks.
    void on_datagram(srtp::Bytes datagram);
    // Repeats the last flight when it is time.
    void on_time();
    // Time to the next repeat; nullopt when none is due (RFC 6347 §4.2.4: not after the server's
    // Finished).
    std::optional<std::chrono::microseconds> time_to_repeat() const;
    // Ends a handshake that takes too long.
    void give_up();
    // Sends close_notify when keyed.
    void close();

    State state() const { return state_; }
    // A sentence without secrets; empty unless failed.
    const std::string& failure() const { return failure_; }
    // Datagrams that the repeat timer had to send again, in flights.
    unsigned repeats() const { return repeats_; }
    // The outer keys, once after the state became keyed.
    std::optional<srtp::HopKeys> take_keys();

    // The EKT keys that came, oldest first, each SPI once. They have been acknowledged.
    std::optional<EktKey> next_ekt_key();
    // That key contradicts what the conference has: an alert ends the association (RFC 8870 §5.4).
    void refuse_ekt_key();
    // ACK records sent; each copy of a key gets one.
    unsigned acknowledgements() const { return acknowledgements_; }

  private:
    static constexpr std::size_t kEarlyDatagrams = 4;

    // For DTLS_set_timer_cb: 0 for the first.
    static unsigned next_repeat_us(SSL* ssl, unsigned last_us);

    void advance();
    void finish_handshake();
    void keep_early(srtp::Bytes datagram);
    void refuse(std::uint8_t alert, std::string why);
    void fail(std::string why);
    void fail_handshake();
    void flush();
    void on_event(dtls::EktClient::Event event);

    const DtlsIdentity& identity_;
    std::function<void(srtp::Bytes)> send_;
    std::chrono::milliseconds first_repeat_;
    dtls::RecordTap tap_;
    dtls::HelloValues hello_;
    tunnel::DatagramPort port_;
    tunnel::SslPtr ssl_;                          // until the handshake is done
    std::optional<dtls::EktClient> association_;  // from then on
    State state_ = State::handshaking;
    std::string failure_;
    std::optional<srtp::HopKeys> keys_;
    std::deque<dtls::Datagram> early_;  // may be about what follows the handshake
    std::deque<EktKey> ekt_keys_;
    unsigned repeats_ = 0;
    unsigned acknowledgements_ = 0;
};

}  // namespace mdd::endpoint
