// What the clear record headers tell about one SSL while OpenSSL runs it: every epoch-1 number and
// nonce it used, both Finished records, and its last flight. Decrypts nothing, changes nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "dataplane/srtp/bytes.h"
#include "kmf-tunnel/record.h"

namespace mdd::dtls {

using Datagram = std::vector<std::uint8_t>;

// One per SSL, from its first datagram to take_over(). Whoever owns the SSL calls note_sent() for
// each datagram that the BIO is given, before or after passing it on but always, and
// note_received() for each datagram offered to it. A datagram that is sent and not noted makes
// take_over() unsafe, so a gap in what was noted makes it refuse.
class RecordTap {
  public:
    void note_sent(srtp::Bytes datagram);
    void note_received(srtp::Bytes datagram);

    // The datagrams of our last flight as first sent: from the one with ChangeCipherSpec to the one
    // with our Finished. Empty until the Finished was sent.
    const std::vector<Datagram>& last_flight() const { return last_flight_; }

    // True while every epoch-1 record that was sent continued the one before: sequence numbers from
    // 0 and explicit nonces (RFC 5288 §3) without a gap.
    bool is_gapless() const { return gapless_; }
    // How many those were, and the explicit nonce of the newest.
    std::uint64_t sent_records() const { return sent_records_; }
    std::uint64_t last_nonce() const { return last_nonce_; }

    // The newest record with our Finished; empty until one was sent.
    const Datagram& sent_finished() const { return sent_finished_; }
    // The newest received records that may be the peer's Finished, oldest first. Anybody can write
    // something that looks like one, so there are several; keys tell which is.
    const std::deque<Datagram>& received_finished() const { return received_finished_; }
    static constexpr std::size_t kCandidates = 16;

  private:
    void note_protected(const tunnel::Record& record);

    bool gapless_ = true;
    std::uint64_t sent_records_ = 0;
    std::uint64_t last_nonce_ = 0;
    Datagram sent_finished_;
    std::deque<Datagram> received_finished_;
    std::vector<Datagram> flight_;  // from ChangeCipherSpec on, while no Finished came after it
    std::vector<Datagram> last_flight_;
};

}  // namespace mdd::dtls
