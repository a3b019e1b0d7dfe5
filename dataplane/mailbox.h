// What passes between the control thread and one worker: commands down, acknowledged commands and
// notices up. Three bounded queues, one producer and one consumer each. Control allocates and frees
// everything; the worker only links.
#pragma once

#include <memory>
#include <optional>
#include <variant>

#include "dataplane/spsc_queue.h"
#include "dataplane/table.h"

namespace mdd {

// --- Commands: control to worker. Applied between bursts, in order, each acknowledged by handing
// it back. A pointer in a command is the worker's from then on; what the worker lets go travels
// back in the same command.

struct AddConference {
    ConferenceSlot slot;
    std::unique_ptr<Conference> conference;
};
// An endpoint's place: its addresses and its owner. Replaces what stood in the slot; that comes
// back in `member`. Keys that the slot has stay, whatever `recipient` says.
struct AddMember {
    std::unique_ptr<Member> member;
    Recipient recipient;
};
// Keys that seal what we send to a member, on every worker; null: nothing is sent to it any more.
// `key_start`: legs that counted under another value start at ROC 0, never with an index that these
// keys have been used with; the same value goes on counting (a re-key).
struct SetTransmitKeys {
    ConferenceSlot conference;
    MemberSlot member;
    const srtp::Keyset* keys;
    std::uint32_t key_start;
};
// Keys that open what a member sends, on its owner.
struct InstallReceiveKeys {
    ConferenceSlot conference;
    MemberSlot member;
    const srtp::Keyset* keys;
};
// Lets the older inbound keys go; `all`: the newest too, the endpoint has left, and its streams are
// control's again.
struct RetireReceiveKeys {
    ConferenceSlot conference;
    MemberSlot member;
    bool all;
};
// The SSRC is the member's: its stream, new or from before the member left or restarted. Answers
// the notice with this SSRC and epoch; one that nothing waits for any more changes nothing. Owner
// only.
struct GrantSsrc {
    ConferenceSlot conference;
    MemberSlot member;
    Stream* stream;
    std::uint64_t epoch;
};
// The SSRC is not the member's: `reason` is ssrc_owned or ssrc_cap. Otherwise as GrantSsrc.
struct RefuseSsrc {
    ConferenceSlot conference;
    MemberSlot member;
    std::uint32_t ssrc;
    std::uint64_t epoch;
    srtp::Verdict reason;
};
// How far a worker is with finding out what new keys prove.
enum class Decision : std::uint8_t {
    settled,  // a notice has told, or newer keys are there
    open,     // something has verified under them, but for new SSRCs only, or the notice is only
              // just on its way: to be asked again
    silent,   // nothing has verified under them: to be asked again
};
// A second without a proof of the keys `epoch` is over. An endpoint that has used them for new
// SSRCs only, for a second at least, has restarted; a notice says so. The worker fills `decision`
// in. Owner only.
struct DecideKeys {
    ConferenceSlot conference;
    MemberSlot member;
    std::uint64_t epoch;
    Decision decision = Decision::settled;
};
// Where feedback about an SSRC goes; on every worker. Brings its own memory: `entry` is the SSRC
// and its owner. What stood there before comes back in it.
struct SetSsrcOwner {
    ConferenceSlot conference;
    SsrcOwners::node_type entry;
};
// Nobody owns the SSRC any more; on every worker. What stood there comes back in `entry`. SSRCs of
// the conference that were refused may be asked for again.
struct ClearSsrcOwner {
    ConferenceSlot conference;
    std::uint32_t ssrc;
    SsrcOwners::node_type entry;
};
// Pauses or resumes one receiver's copy of one stream, also of a stream whose endpoint is away: it
// finds the leg so when it is back. On the worker that the stream was granted to.
struct PauseLeg {
    Stream* stream;
    MemberSlot receiver;
    bool paused;
};
// A link-layer address became known or changed; on every worker.
struct SetNeighbour {
    PortIndex port;
    net::Be32 ip;
    net::MacAddress mac;
};
// Sends a datagram to a member: DTLS from the KMF. `packet` holds the UDP payload, in a buffer of
// any pool: the worker sends a copy, in one of its own.
struct SendDatagram {
    ConferenceSlot conference;
    MemberSlot member;
    rte_mbuf* packet;
};
// Has anything of this member verified since the last time control asked? The worker fills `heard`
// in. Owner only.
struct PollActivity {
    ConferenceSlot conference;
    MemberSlot member;
    bool heard = false;
};
// Asks for the link-layer address of `ip`: sends one ARP request.
struct ProbeNeighbour {
    PortIndex port;
    net::Be32 ip;
};

struct Command {
    std::variant<AddConference, AddMember, SetTransmitKeys, InstallReceiveKeys, RetireReceiveKeys,
                 GrantSsrc, RefuseSsrc, DecideKeys, SetSsrcOwner, ClearSsrcOwner, PauseLeg,
                 SetNeighbour, SendDatagram, PollActivity, ProbeNeighbour>
        body;
    std::uint64_t ticket = 0;  // control's own number
};

// --- Notices: worker to control. Small values; a mbuf in one is control's from then on.

struct Notice {
    enum class Kind : std::uint8_t {
        dtls,        // a DTLS datagram: packet, payload_*, flow, port
        ssrc_seen,   // conference, member, ssrc, epoch: a packet has verified under those keys;
                     // control grants or refuses
        key_proved,  // conference, member, epoch, proof; comes before any ssrc_seen of that epoch
                     // that a restart leaves to be answered
        neighbour,   // port, flow.remote.ip, mac: learnt from an ARP packet that was meant for us
    };
    Kind kind;
    WorkerIndex worker = 0;
    PortIndex port = 0;
    srtp::Proof proof = srtp::Proof::none;
    ConferenceSlot conference = 0;
    MemberSlot member = 0;
    std::uint32_t ssrc = 0;
    std::uint64_t epoch = 0;
    Flow flow{};
    net::MacAddress mac{};
    rte_mbuf* packet = nullptr;
    std::uint16_t payload_offset = 0;
    std::uint16_t payload_bytes = 0;
};
static_assert(std::is_trivially_copyable_v<Notice>);

class Mailbox {
  public:
    explicit Mailbox(std::size_t capacity)
        : capacity_(capacity), commands_(capacity), done_(capacity), notices_(capacity) {}
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    ~Mailbox();

    // Control: posts a command. False: the worker is behind, the command stays the caller's.
    bool post(std::unique_ptr<Command>& command);
    // Control: the next command that the worker has carried out; null: none.
    std::unique_ptr<Command> acknowledged();
    // Control: the next notice.
    bool next(Notice& notice) { return notices_.pop(notice); }

    // Worker: the next command to carry out; null: none. It must be handed back with acknowledge().
    Command* next_command();
    void acknowledge(Command* command);
    // Worker. False: control is behind; nothing was taken.
    bool notify(const Notice& notice) { return notices_.push(notice); }
    // Worker. Likewise for what anybody may send (DTLS, ARP): such notices wait in a share of the
    // places only. A flood of them then neither keeps SSRCs and proofs of endpoints from control
    // nor ties up the buffers that media is received into.
    bool notify_unproven(const Notice& notice) {
        return notices_.size() < capacity_ / kUnprovenShare && notices_.push(notice);
    }

  private:
    static constexpr std::size_t kUnprovenShare = 8;
    const std::size_t capacity_;
    std::size_t outstanding_ = 0;  // control only; keeps done_ from ever being full
    SpscQueue<Command*> commands_;
    SpscQueue<Command*> done_;
    SpscQueue<Notice> notices_;
};

}  // namespace mdd
