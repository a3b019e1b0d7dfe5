// All cryptography of one endpoint in one place: outer layer, inner layer and EKT tags for the
// double profiles, the outer layer alone for the plain ones. Packets in, packets and counters out;
// no sockets, no clock of its own.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "tools/mdd-endpoint/counters.h"
#include "tools/mdd-endpoint/e2e_receiver.h"
#include "tools/mdd-endpoint/e2e_sender.h"
#include "tools/mdd-endpoint/hop_context.h"

namespace mdd::endpoint {

// One RTP packet that verified on every layer.
struct ReceivedRtp {
    Packet rtp;         // double: the original packet without header extension; plain: as it came
    PacketIndex index;  // double: inner ROC and original SEQ; plain: estimated from SEQ
    std::uint32_t key_number;  // counts up with each key of its stream; plain: 0
    std::uint8_t outer_payload_type;
    std::uint16_t outer_sequence;
    Clock::time_point at;  // when the datagram was given to open()
    bool waited;           // for its key: an earlier call got it
};

// One thread. Neither copied nor moved: its parts refer to its keys.
class DoubleContext {
  public:
    DoubleContext(const DoubleContext&) = delete;
    DoubleContext& operator=(const DoubleContext&) = delete;

    static constexpr std::size_t kMaxRemoteStreams = 256;
    static constexpr std::size_t kMaxWaitingPackets = 128;  // per stream
    static constexpr std::chrono::milliseconds kLongestWait{500};

    // `make_key` makes the inner master keys of a double profile.
    explicit DoubleContext(srtp::Profile profile,
                           E2eSender::MakeKey make_key = E2eSender::random_master_key);

    // An EKT key from the KMF, whose lifetime starts `now`; key.key_bytes is the profile's. A new
    // one is for all that is sent from here on, and packets that waited for it are appended to
    // `opened`. Precondition: a double profile.
    EktKeyring::Added learn(EktKey key, Clock::time_point now, std::vector<ReceivedRtp>& opened);
    // Wipes all keys, outer and inner: the endpoint is no longer in the conference. Replay
    // protection stays.
    void leave();

    // The keys of a finished handshake; the first or a later one. Full tags follow, since receivers
    // may have changed.
    void install(const srtp::HopKeys& keys);
    bool keyed() const { return hop_.keyed(); }
    // Packets can be sealed: the keys of every layer are there and alive.
    bool can_send(Clock::time_point now) const;

    // Makes the datagram payload out of an RTP packet. false: counted, nothing to send. `index`
    // becomes the inner one.
    bool seal(Packet& packet, PacketIndex& index, Clock::time_point now);
    // What verified thanks to this datagram: nothing, its packet, or packets that had waited for
    // the key in its tag before it.
    std::vector<ReceivedRtp> open(Packet datagram, Clock::time_point now);

    // SRTCP, outer layer only (RFC 8723 §6). The packet must be a valid compound. false: counted.
    bool seal_rtcp(Packet& packet);
    bool open_rtcp(Packet& packet, Clock::time_point now);

    // Gives up on packets that waited too long for a key, and on keys whose time is over.
    void drop_overdue(Clock::time_point now);

    HopContext& hop() { return hop_; }
    // nullptr for a plain profile.
    E2eSender* sender() { return sender_ ? &*sender_ : nullptr; }
    const E2eSender* sender() const { return sender_ ? &*sender_ : nullptr; }
    const EktKeyring& keyring() const { return keyring_; }

    RtpCounters rtp;
    RtcpCounters rtcp;
    EktCounters ekt;
    std::uint64_t roc_corrections() const;

  private:
    // A packet that the outer layer has opened, and its tag where that is a full one.
    struct Verified {
        Packet packet;
        Packet full_tag;
        Clock::time_point at;
    };
    struct RemoteStream {
        E2eReceiver inner;
        std::vector<Verified> waiting;
    };
    enum class TagSays { nothing_new, new_key, unknown_spi, condemned };

    void open_plain(Packet packet, Clock::time_point now, std::vector<ReceivedRtp>& out);
    void open_double(Packet datagram, Clock::time_point now, std::vector<ReceivedRtp>& out);
    RemoteStream* stream_of(std::uint32_t ssrc);
    TagSays note_tag(RemoteStream& stream, const Verified& verified, Clock::time_point now);
    bool settle(RemoteStream& stream, const Verified& verified, bool waited, Clock::time_point now,
                std::vector<ReceivedRtp>& out);
    bool open_inner(RemoteStream& stream, const Verified& verified, bool waited,
                    Clock::time_point now, std::vector<ReceivedRtp>& out);
    void wait(RemoteStream& stream, Verified verified);
    void retry_waiting(RemoteStream& stream, Clock::time_point now, std::vector<ReceivedRtp>& out);
    bool awaits_ekt_key(const RemoteStream& stream, Clock::time_point now) const;
    void count_hop(Crypto outcome);

    const srtp::ProfileTraits& traits_;
    HopContext hop_;
    EktKeyring keyring_;
    std::optional<E2eSender> sender_;
    std::map<std::uint32_t, RemoteStream> remote_;
    std::map<std::uint32_t, IndexTracker> plain_sent_;
    std::map<std::uint32_t, IndexTracker> plain_received_;
};

}  // namespace mdd::endpoint
