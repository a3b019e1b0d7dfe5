// The epoch-1 records of one DTLS 1.2 AES-GCM association (RFC 5288, RFC 6347 §4.1), after OpenSSL
// has let go of it or after a restart. Seals and opens records; what is in them is not its
// business.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/srtp/bytes.h"
#include "kmf-tunnel/openssl_ptr.h"
#include "kmf-tunnel/record.h"
#include "kmf-tunnel/secret_bytes.h"
#include "tools/dtls_srtp/record_tap.h"

namespace mdd::dtls {

struct TakenOver;

// Why a nonce cannot repeat: OpenSSL's explicit nonce is a counter that starts at random, and the
// layer goes on with the last one seen plus one; OpenSSL is gone, so there is one writer; the
// object moves but does not copy; both counters move before anything is sealed, also when sealing
// fails; a datagram sent again is the stored ciphertext; and at the end of the 48-bit sequence
// nothing is sealed any more.
class RecordLayer {
  public:
    RecordLayer(RecordLayer&&) noexcept;
    RecordLayer& operator=(RecordLayer&&) noexcept;
    ~RecordLayer();

    // One record with the next sequence number. Empty when the sequence is used up, when OpenSSL is
    // out of memory, or after a move. Precondition: at most tunnel::kMaxRecordBytes of plaintext.
    Datagram seal(std::uint8_t content_type, srtp::Bytes plaintext);

    // Sequence number that the next seal() uses.
    std::uint64_t next_sequence() const;

    struct Opened {
        std::uint8_t type;
        std::uint64_t sequence;
        tunnel::SecretBytes plaintext;
    };
    // nullopt for whatever is not a new, authentic record of this association: another epoch,
    // version or key, damaged, seen before, or older than the newest by 64 or more. Such a record
    // changes nothing.
    std::optional<Opened> open(const tunnel::Record& record);

    // Everything needed to go on after a restart, in this build's own format. Secret: the keys are
    // inside, readable. The caller seals it before it goes to a disk.
    tunnel::SecretBytes freeze() const;

    // Goes on from freeze(). `skip` numbers and nonces are left out: at least as many as may have
    // been sealed since those bytes were frozen. Bytes thawed twice would repeat nonces: freeze and
    // store anew before the first seal() after a thaw. Records received since freeze() are not
    // known, so their replays are taken once more. nullopt: the bytes are not exactly what
    // freeze() gave.
    static std::optional<RecordLayer> thaw(srtp::Bytes frozen, std::uint64_t skip);

  private:
    friend std::optional<TakenOver> take_over(tunnel::SslPtr&, const RecordTap&, std::string&);
    struct State;
    explicit RecordLayer(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;  // empty after a move, so that there is one writer
};

// An association as OpenSSL left it.
struct TakenOver {
    RecordLayer records;
    bool is_server;
    std::vector<Datagram> last_flight;  // ours, as first sent
    Datagram peer_finished;             // the record, as received
    std::uint16_t sent_message;         // message_seq of our Finished
    std::uint16_t received_message;     // message_seq of the peer's Finished
};

// Takes an association away from OpenSSL right after its handshake: derives the keys from the
// master secret, opens both Finished records with them and compares the result with what OpenSSL
// knows, then frees the SSL. A wrong derivation therefore never goes live. Best called as soon as
// SSL_do_handshake() returns 1, without an SSL_read(): an ekt_key that OpenSSL reads is lost, and
// puts it back into SSL_in_init().
//
// nullopt and `why`, a clause without secrets ("the cipher ... is not AES-GCM"): nothing was
// changed and the SSL stays usable. That is so for any other version or cipher, an unfinished or
// resumed handshake, output that OpenSSL still holds, a shutdown under way, a tap that missed a
// record, and a self-check that fails. Records that OpenSSL has buffered and nobody has read are
// lost, as datagrams may be. Precondition: not called from inside a callback of this SSL.
std::optional<TakenOver> take_over(tunnel::SslPtr& ssl, const RecordTap& tap, std::string& why);

}  // namespace mdd::dtls
