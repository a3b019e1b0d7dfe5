// The receiving side of the endpoints that this worker owns: which key and index a packet has,
// opening it, replay, SSRC ownership, and what a change of keys has proved. What it accepts goes to
// the Forwarder.
#pragma once

#include "dataplane/batch.h"
#include "dataplane/counters.h"
#include "dataplane/forward.h"
#include "dataplane/mailbox.h"
#include "dataplane/stage_clock.h"

namespace mdd {

class Receiver {
  public:
    Receiver(Table& table, Forwarder& forwarder, Mailbox& mailbox, Counters& counters,
             StageClock& clock, WorkerIndex worker, unsigned replay_window);

    // Takes over every packet of the lane: each is forwarded, held or dropped, and counted.
    // Precondition: every sender is owned by this worker.
    void rtp(const Lane& lane);
    void rtcp(const Lane& lane);

    // Control has decided on an SSRC first heard under the keys `epoch`; packets held for it go on,
    // or are dropped.
    void grant(Member& member, Stream* stream, std::uint64_t epoch);
    void refuse(Member& member, std::uint32_t ssrc, std::uint64_t epoch, srtp::Verdict reason);
    // A second without a proof of the keys `epoch` is over.
    Decision decide(Member& member, std::uint64_t epoch);
    // Lets go of what is held for a member that leaves.
    void drop_pending(Member& member, srtp::Verdict reason);
    // Counts a packet's end and frees it.
    void drop(rte_mbuf* packet, srtp::Verdict verdict);

  private:
    // Key frames cost their sender dear: of all the PLI about one SSRC that this worker's endpoints
    // send, one goes on in this time; likewise of all the FIR.
    static constexpr std::uint64_t kFeedbackInterval_ms = 500;

    // An RTP packet between its arrival and its verdict. From gather() on: its parts.
    struct RtpJob {
        const MediaPacket& packet;
        std::uint8_t* body;  // room for the plaintext
        srtp::Bytes header = {}, sealed = {}, tail = {};
        std::uint32_t ssrc = 0;
        std::uint16_t sequence = 0;
    };
    // What is known of a packet when it has been opened.
    struct OpenedPacket {
        srtp::Bytes header;
        std::uint8_t* plain;  // with the OHB of a double packet
        std::size_t plain_bytes;
        srtp::Bytes tail;
        Stream* stream;
        std::uint64_t index;
    };
    // What is opened and waits to be forwarded: groups of some conferences, one behind the other.
    struct OpenedGroups {
        std::array<OpenedRtp, kMaxGroup> packets;
        std::array<rte_mbuf*, kMaxGroup> buffers;
        std::array<const Member*, kMaxGroup> senders;
        unsigned count = 0;
        unsigned forwarded = 0;  // of them; none while more are opened
    };
    // Where the receive state of an SSRC is kept, once a packet of it has verified. Neither:
    // `verdict` says why.
    struct Place {
        Stream* stream = nullptr;
        PendingSsrc* pending = nullptr;
        srtp::Verdict verdict = srtp::Verdict::accepted;
        srtp::StreamRx& rx() const { return stream != nullptr ? stream->rx : pending->rx; }
    };

    // Looks a stream up, null: it is not granted; and asks for it and for who receives it.
    static Stream* find_stream(const Member& sender, std::uint32_t ssrc);
    // Likewise those of all packets. Returns how many copies the lane asks for at most.
    unsigned find_streams(const Lane& lane);
    void prefetch_addresses(const Lane& lane);
    void prefetch_packets(const Lane& lane, const LaneGroup& group);
    // What prefetch_packets() leaves of them.
    void read_ahead(const Lane& lane, const LaneGroup& group);
    void prefetch_first_keys(const Lane& lane, std::size_t group);
    void open(const Lane& lane, const LaneGroup& group);
    // `stream`: of its SSRC, where that is granted and the packet long enough to tell.
    void rtp_packet(const MediaPacket& packet, Stream* stream);
    // What nearly every packet takes, of an endpoint that is settled: there is one key and one
    // index to try, and it proves nothing. Precondition: RTP of `stream` has been accepted before.
    void settled_packet(const MediaPacket& packet, Stream& stream);
    // Any other: each key and index it may have, and what it proves.
    void unsettled_packet(const MediaPacket& packet);
    // False: the packet has met its end already.
    bool gather(RtpJob& job);
    srtp::Attempts attempts_of(const RtpJob& job) const;
    static bool open(const srtp::Attempt& attempt, const RtpJob& job);
    void settle(const RtpJob& job, const srtp::Attempt& verified);
    void accept(const RtpJob& job, std::uint64_t index, Stream& stream);
    void accept_pending(const RtpJob& job, std::uint64_t index, PendingSsrc& pending);
    // Forwards what is opened, and counts its end. Before anything that may hand a stream back to
    // control.
    void forward_opened();
    // The first group of it, if there is one.
    void forward_group();

    void rtcp_packet(const MediaPacket& packet);
    void settle_rtcp(const MediaPacket& packet, const srtp::SrtcpView& view,
                     const srtp::Attempt& verified, srtp::Bytes compound);

    Place place(Member& member, std::uint32_t ssrc, const srtp::Keyset& keys);
    void prove(Member& member, const srtp::Attempt& verified);
    void conclude(Member& member, srtp::Proof proof);
    void restart(Member& member);
    void drop_held(PendingSsrc& pending, srtp::Verdict reason);
    void report_proofs(Member& member);
    bool report(const Member& member, srtp::Proof proof, std::uint64_t epoch);
    void forget_old_refusals(Member& member);
    void hold(PendingSsrc& pending, const HeldPacket& held);
    void release(Member& member, Stream& stream, const HeldPacket& held);
    // The packet goes with what is opened, where a place is free; counts its end if it is
    // malformed.
    void add_opened(rte_mbuf* packet, const Member& sender, const OpenedPacket& from);
    // Counts the packet's end.
    void relay(rte_mbuf* packet, const Member& sender, Stream& stream, srtp::Bytes compound);
    // How many legs were planned.
    unsigned pass_feedback(const RtcpFeedback& feedback, const Member& sender, Stream& stream);
    void consume(rte_mbuf* packet);

    Table& table_;
    Forwarder& forwarder_;
    Mailbox& mailbox_;
    Counters& counters_;
    StageClock& clock_;
    const WorkerIndex worker_;
    const unsigned replay_window_;
    const std::uint64_t feedback_interval_tsc_;
    LaneGroups groups_;
    // Of each packet of the lane, what find_streams() has found; null: nothing, or it may be gone.
    std::array<Stream*, kMaxBurst> streams_{};
    std::array<Forwarder::FirstKeys, kMaxBurst> first_keys_;  // by group
    ReadAhead read_ahead_;                                    // of a group of the next batch
    OpenedGroups opened_;
    Scratch scratch_;
};

}  // namespace mdd
