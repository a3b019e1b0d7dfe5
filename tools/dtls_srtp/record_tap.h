// What the clear record headers tell about one SSL while OpenSSL runs it: every epoch-1 number and
// nonce it used, both Finished records, and its last flight. Decrypts nothing, changes nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "dataplane/srtp/bytes.h"

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

    // True once a Finished of ours was sent: the SSL has write keys.
    bool has_finished() const { return !sent_finished_.empty(); }

  private:
    friend struct TapReader;  // take_over() alone reads the rest

    // Anybody can write a record that looks like a Finished; the right one is among the newest few.
    static constexpr std::size_t kCandidates = 16;

    bool gapless_ = true;
    std::uint64_t sent_records_ = 0;  // of epoch 1; the next sequence number
    std::uint64_t last_nonce_ = 0;    // explicit nonce of the newest
    Datagram sent_finished_;          // newest record with our Finished
    std::deque<Datagram> received_finished_;
    std::vector<Datagram> change_cipher_spec_;  // sent, with no Finished after it so far
    std::vector<Datagram> last_flight_;
};

}  // namespace mdd::dtls
