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
    Packet rtp;           // double: the original packet without header extension; plain: as it came
    PacketIndex index;    // double: inner ROC and original SEQ; plain: estimated from SEQ
    std::uint16_t epoch;  // of the key it came under; plain: 0
    std::uint8_t outer_payload_type;
    std::uint16_t outer_sequence;
    Clock::time_point at;  // when the datagram was given to open()
    bool waited;           // for its key: an earlier call got it
};

// One thread. Neither copied nor moved: its parts refer to its key.
class DoubleContext {
  public:
    DoubleContext(const DoubleContext&) = delete;
    DoubleContext& operator=(const DoubleContext&) = delete;

    static constexpr std::size_t kMaxRemoteStreams = 256;
    static constexpr std::size_t kMaxWaitingPackets = 128;  // per stream without a key
    static constexpr std::chrono::milliseconds kLongestWait{500};

    // `key` must be set for a double profile and have its key length; it is not used for a plain
    // one. `now` starts the lifetime of the EKT key.
    DoubleContext(srtp::Profile profile, std::optional<EktKey> key, Clock::time_point now);

    // Same, with a chosen inner master key of key->key_bytes bytes.
    DoubleContext(srtp::Profile profile, EktKey key, srtp::Bytes inner_key, Clock::time_point now);

    // The keys of a finished handshake; the first or a later one. Full tags follow, since receivers
    // may have changed.
    void install(const srtp::HopKeys& keys);
    bool keyed() const { return hop_.keyed(); }

    // Makes the datagram payload out of an RTP packet. false: counted, nothing to send. `index`
    // becomes the inner one.
    bool seal(Packet& packet, PacketIndex& index, Clock::time_point now);
    // What verified thanks to this datagram: nothing, its packet, or packets that had waited for
    // its key before it.
    std::vector<ReceivedRtp> open(Packet datagram, Clock::time_point now);

    // SRTCP, outer layer only (RFC 8723 §6). The packet must be a valid compound. false: counted.
    bool seal_rtcp(Packet& packet);
    bool open_rtcp(Packet& packet, Clock::time_point now);

    // Gives up on packets that waited too long for a key.
    void drop_overdue(Clock::time_point now);

    HopContext& hop() { return hop_; }
    // nullptr for a plain profile.
    E2eSender* sender() { return sender_ ? &*sender_ : nullptr; }
    const E2eSender* sender() const { return sender_ ? &*sender_ : nullptr; }

    RtpCounters rtp;
    RtcpCounters rtcp;
    EktCounters ekt;
    std::uint64_t roc_corrections() const;

  private:
    struct Waiting {
        Packet packet;
        Clock::time_point at;
    };
    struct RemoteStream {
        E2eReceiver inner;
        std::vector<Waiting> waiting;
    };

    bool expired(Clock::time_point now) const { return key_ && now - started_ >= key_->ttl; }
    void open_plain(Packet packet, Clock::time_point now, std::vector<ReceivedRtp>& out);
    void open_double(Packet datagram, Clock::time_point now, std::vector<ReceivedRtp>& out);
    bool note_tag(RemoteStream& stream, const EktTag& tag, const Packet& packet);
    void open_inner(RemoteStream& stream, const Packet& packet, Clock::time_point at, bool waited,
                    std::vector<ReceivedRtp>& out);
    void count_hop(Crypto outcome);

    const srtp::ProfileTraits& traits_;
    std::optional<EktKey> key_;
    Clock::time_point started_;
    HopContext hop_;
    std::optional<E2eSender> sender_;
    std::map<std::uint32_t, RemoteStream> remote_;
    std::map<std::uint32_t, IndexTracker> plain_sent_;
    std::map<std::uint32_t, IndexTracker> plain_received_;
};

}  // namespace mdd::endpoint
