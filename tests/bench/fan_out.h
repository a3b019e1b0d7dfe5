// Conferences of one sender and N receivers on a real Worker, as many as it takes for the wanted
// number of recipient keys; control's part is played here. Keys and members lie in shuffled memory,
// as after days of joins and leaves.
#pragma once

#include <memory>
#include <random>
#include <vector>

#include "dataplane/srtp/aead.h"
#include "dataplane/worker.h"

namespace mdd::bench {

struct FanOutConfig {
    std::size_t size_bytes = 1200;  // what the outer layer of a received packet seals, OHB included
    unsigned receivers = 10;        // of each sender
    unsigned group = 1;             // packets of one sender that arrive together
    unsigned keys = 10000;          // recipient keys, all conferences together
    unsigned aes_bits = 128;        // 128 or 256
    bool audio = false;             // each sender has a second stream, which is audio
    bool sheds = false;             // WorkerConfig::sheds

    unsigned conferences() const { return keys < receivers ? 1 : keys / receivers; }
};

// A sender as the generator sees it: its own copy of the key, so that the worker's stays cold.
struct FanOutSender {
    std::unique_ptr<srtp::AeadKey> key;
    net::HeaderTemplate header;  // towards the worker
    ConferenceSlot conference = 0;
    std::uint32_t ssrc = 0;
    std::uint8_t payload_type = 0;
    std::uint64_t index = 0;  // of its next packet
};

// The numbers below `count` in an order that says nothing.
std::vector<std::size_t> shuffled(std::size_t count, std::mt19937_64& random);

// Which worker it is, and its ways to the others.
struct WorkerPlace {
    WorkerIndex index = 0;
    std::vector<HandOffQueue*> to_worker = {};    // by WorkerIndex; null for itself
    std::vector<HandOffQueue*> from_worker = {};  // likewise
};

class FanOut {
  public:
    // Between queue 0 of `in` and queue 0 of `out`; `copies` is the pool of what is sent.
    FanOut(const FanOutConfig& config, Port& in, Port& out, rte_mempool* copies,
           const WorkerPlace& place = {});
    ~FanOut();

    // Payload types. Conferences call the one audio.
    static constexpr std::uint8_t kVideoType = 96, kAudioType = 111;

    Worker& worker() { return *worker_; }
    const Worker& worker() const { return *worker_; }
    const FanOutConfig& config() const { return config_; }
    // In shuffled order; the generator's from now on.
    std::vector<FanOutSender>& senders() { return senders_; }

    // Members have numbers, conference by conference; in each the sender is the first.
    std::size_t number_of(ConferenceSlot conference, std::size_t member) const {
        return conference * (config_.receivers + std::size_t{1}) + member;
    }
    static net::SocketAddress address_of(std::size_t number);
    // Of a member's address; of another it is any number.
    static std::size_t number_at(net::Be32 address);
    static ConferenceSlot conference_of(std::uint32_t ssrc);
    // From us to it.
    net::HeaderTemplate headers_towards(std::size_t number) const;
    // What it and we seal with.
    srtp::SessionKeys session_keys(std::size_t number) const;

    // Grants every SSRC that the worker has asked about; returns how many.
    unsigned grant();
    // Of packets from this address to the worker.
    net::HeaderTemplate header_from(const net::SocketAddress& address) const;
    // Of the member that an address belongs to, network byte order: its conference, and its slot
    // there. The sender has slot 0.
    std::pair<ConferenceSlot, MemberSlot> place_of(net::Be32 address) const;
    // Throws when the worker has dropped anything: a loop that loses packets is not the one to be
    // measured.
    void check_drops() const;

  private:
    void add_conference(ConferenceSlot slot);
    void add_sender(ConferenceSlot conference, std::uint32_t ssrc, std::uint8_t payload_type);
    void add_member(ConferenceSlot conference, MemberSlot slot);
    void post(decltype(Command::body) body);

    const FanOutConfig config_;
    const WorkerIndex index_;
    Port& out_;
    Mailbox mailbox_;
    std::vector<std::unique_ptr<const srtp::Keyset>> keys_;  // by member, all conferences in turn
    std::vector<std::unique_ptr<Stream>> streams_;           // by SSRC, from the first one
    std::vector<FanOutSender> senders_;
    std::unique_ptr<Worker> worker_;
};

}  // namespace mdd::bench
