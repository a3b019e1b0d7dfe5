// Workers in one process without threads: real ring ports with chosen queues, real mailboxes whose
// control side the test plays, endpoints whose hop is libsrtp2. Deterministic: everything happens
// inside step().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <random>

#include "dataplane/worker.h"
#include "tests/support/libsrtp_session.h"
#include "tests/support/ring_port.h"

namespace mdd::test {

using Packet = std::vector<std::uint8_t>;

struct BedOptions {
    unsigned workers = 1;
    unsigned members = 3;
    unsigned conferences = 1;  // member i is in i % conferences, and has slot i there
    srtp::Profile profile = srtp::Profile::double_aes_128_gcm;
    // Worker that owns member i is i % workers unless set.
    std::function<WorkerIndex(unsigned member)> owner = {};
    std::uint16_t copy_frame_bytes = 2048;  // what a buffer for copies has room for
    bool grant_ssrcs = true;                // the bed answers ssrc_seen: first come, first served
};

// What one endpoint got from mdd, opened by libsrtp.
struct Received {
    Packet plain;  // RTP header and outer plaintext without OHB, or the RTCP compound
    Packet tail;   // EKT tag
    bool is_rtcp = false;
    std::uint32_t ssrc = 0;
    std::uint16_t sequence = 0;           // as on the wire
    std::uint16_t original_sequence = 0;  // with the OHB put back
};

class WorkerBed {
  public:
    static constexpr std::size_t kHandOffRoom = 1024;
    // Where the workers take media; all members send to the first one.
    static constexpr std::uint16_t kUdpPort = 5004, kOtherUdpPort = 3478;
    // Payload types; the bed's conference calls the one audio.
    static constexpr std::uint8_t kVideoType = 96, kAudioType = 111;

    explicit WorkerBed(const BedOptions& options);
    ~WorkerBed();

    // New keys for a member, installed as control would: receive keys at the owner; transmit keys
    // everywhere at once when `switch_transmit`. `fresh`: legs towards it start afresh. The
    // endpoint model uses them at once; as a sender it starts over, or `goes_on` where it was.
    void key(unsigned member, bool switch_transmit = true, bool fresh = true, bool goes_on = false);
    void switch_transmit(unsigned member, bool fresh);
    void leave(unsigned member);
    std::uint64_t newest_epoch() const { return epoch_; }

    // Puts a member in its place on every worker, or there anew: `resolved` with its link-layer
    // address, `unresolved` without one.
    void seat(unsigned member, Recipient::State state = Recipient::State::resolved);
    // Whether anything of a member has verified since the last time this was asked.
    bool heard(unsigned member);

    // Sends an RTP packet from a member: protected by libsrtp, EKT tail appended for double
    // profiles, on `queue`.
    void send_rtp(unsigned member, std::uint32_t ssrc, std::uint16_t sequence,
                  std::size_t payload_bytes = 100, int queue = -1,
                  std::uint8_t payload_type = kVideoType);
    // Sends given bytes as the UDP payload of a frame from the member's address.
    void send_datagram(unsigned member, const Packet& datagram, int queue = -1);
    void send_rtcp(unsigned member, const Packet& compound, int queue = -1);
    // The datagram that send_rtp() would send. `ohb`: for double profiles, what hops before us have
    // changed; nothing.
    Packet make_rtp(unsigned member, std::uint32_t ssrc, std::uint16_t sequence,
                    std::size_t payload_bytes = 100, const Packet& ohb = {0},
                    std::uint8_t payload_type = kVideoType);

    // Runs every worker until nothing is left to do, answers notices, opens what came out.
    void step();
    // Runs one worker for one round only.
    void poll(WorkerIndex worker) { workers_[worker]->poll_once(); }
    // Opens what came out so far; step() does.
    void collect();
    // What a member received since the last call, in order.
    std::vector<Received> take(unsigned member);
    // libsrtp refusals at a member so far.
    unsigned refused(unsigned member) const { return refused_[member]; }

    // Ends every worker as the program does.
    void drain();
    void post(WorkerIndex worker, decltype(Command::body) body);
    // The two halves of post() around poll(): how many commands came back.
    void hand_in(WorkerIndex worker, decltype(Command::body) body);
    unsigned take_back(WorkerIndex worker);
    // Control's question about a member's keys, and the answer.
    Decision decide(unsigned member, std::uint64_t epoch);
    // Leaves the worker no place for a notice until the next step() has worked it.
    void fill_notices(WorkerIndex worker);
    decltype(Command::body) ssrc_owner(std::uint32_t ssrc, unsigned member) const;
    void post_all(const std::function<decltype(Command::body)()>& make);
    void pause(unsigned source, std::uint32_t ssrc, unsigned receiver, bool paused);

    std::uint64_t dropped(srtp::Verdict verdict) const;
    std::uint64_t total(Counter Counters::*counter) const;
    const Counters& counters(WorkerIndex worker) const { return workers_[worker]->counters(); }
    // The counters add up, and whatever was sent stood in buffers of the workers' pool.
    bool conserved() const;
    const std::vector<Notice>& notices() const { return notices_; }
    RingPort& ring() { return *ring_; }
    rte_mempool* copy_pool() { return pool_.get(); }
    WorkerIndex owner(unsigned member) const { return owners_[member]; }
    static net::SocketAddress address_of(unsigned member);
    static Packet frame_from(unsigned member, const Packet& datagram);
    unsigned free_buffers() const;

  private:
    // One generation of a member's keys, on both ends of its hop.
    struct Keys {
        std::uint64_t epoch;
        std::unique_ptr<const srtp::Keyset> client, server;  // the worker's
        std::unique_ptr<LibsrtpSession> send, receive;       // the endpoint's
    };
    void answer(const Notice& notice);
    void deliver(const Packet& frame);
    void open(unsigned member, const Packet& datagram);
    ConferenceSlot conference_of(unsigned member) const {
        return static_cast<ConferenceSlot>(member % options_.conferences);
    }
    bool is_double() const { return srtp::traits_of(options_.profile).is_double; }

    BedOptions options_;
    std::unique_ptr<RingPort> ring_;
    PacketPool pool_;
    std::vector<std::unique_ptr<HandOffQueue>> queues_;
    std::vector<std::unique_ptr<Mailbox>> mailboxes_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<WorkerIndex> owners_;
    std::vector<std::vector<std::unique_ptr<Keys>>>
        keys_;                           // per member, every generation, newest last
    std::vector<std::size_t> transmit_;  // per member: generation that mdd seals with
    std::vector<std::vector<Received>> inbox_;
    std::vector<unsigned> refused_;
    std::vector<Notice> notices_;
    std::map<std::uint32_t, std::pair<unsigned, std::unique_ptr<Stream>>> streams_;
    std::mt19937_64 random_;
    std::uint64_t epoch_ = 0;
    std::uint32_t key_start_ = 0;
    std::vector<std::uint32_t> key_starts_;
};

}  // namespace mdd::test
