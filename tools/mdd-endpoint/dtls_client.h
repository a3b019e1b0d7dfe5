// The endpoint's DTLS-SRTP handshake towards the KMF, which answers through the MDD (RFC 5764, RFC
// 8871 §4.5.1). Datagrams in and out; no sockets and no SRTP.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "dataplane/srtp/keys.h"
#include "kmf-tunnel/datagram_bio.h"
#include "tools/dtls_srtp/fingerprint.h"

namespace mdd::endpoint {

// Who we are and whom we believe; shared by all handshakes of a run.
class DtlsIdentity {
  public:
    // PEM files. Throws std::runtime_error, a sentence that names the file, when one cannot be used
    // or the two do not belong together.
    DtlsIdentity(const std::filesystem::path& certificate, const std::filesystem::path& key,
                 const dtls::Fingerprint& kmf, srtp::Profile profile);

    SSL_CTX* native() const { return context_.get(); }
    srtp::Profile profile() const { return profile_; }

  private:
    tunnel::SslCtxPtr context_;
    dtls::Fingerprint kmf_;
    srtp::Profile profile_;
};

// One association. One thread; not movable, OpenSSL keeps its address. `identity` must outlive it.
class DtlsClient {
  public:
    enum class State : std::uint8_t {
        handshaking,
        keyed,   // take_keys() has the keys, or had them
        closed,  // the KMF sent close_notify
        failed,  // failure() says why
    };
    // The first repeat of a lost flight comes this soon, later ones double up to the longest.
    static constexpr std::chrono::milliseconds kFirstRepeat{250};
    static constexpr std::chrono::milliseconds kLongestRepeat{2000};

    // `send` is called with each datagram; its bytes are valid during the call only.
    DtlsClient(const DtlsIdentity& identity, std::function<void(srtp::Bytes)> send);
    DtlsClient(const DtlsClient&) = delete;
    DtlsClient& operator=(const DtlsClient&) = delete;

    // Sends the ClientHello. Once.
    void start();
    // Takes one datagram whose first byte says DTLS. Junk is ignored, as DTLS asks.
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

  private:
    void advance();
    void finish_handshake();
    void read_records();
    void fail(const char* doing);

    const DtlsIdentity& identity_;
    tunnel::DatagramPort port_;
    tunnel::SslPtr ssl_;
    State state_ = State::handshaking;
    std::string failure_;
    std::optional<srtp::HopKeys> keys_;
    unsigned repeats_ = 0;
};

}  // namespace mdd::endpoint
