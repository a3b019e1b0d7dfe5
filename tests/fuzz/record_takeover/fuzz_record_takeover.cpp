// A script of datagrams, authentic and not, for both ends of an association with fixed keys: no
// nonce comes twice, no key arrives twice or out of order, and what is over stays over.
#include <set>
#include <vector>

#include "tests/support/fuzz_input.h"
#include "tools/dtls_srtp/frozen.h"
#include "tools/dtls_srtp/post_handshake.h"

using namespace mdd;

namespace {

using dtls::Datagram;
using State = dtls::Protected::State;

constexpr std::uint16_t kServerFinished = 9;
constexpr std::uint16_t kClientFinished = 5;

// A layer behind a handshake that never was: each end has sealed its Finished as record 0.
dtls::RecordLayer layer(bool is_server, std::uint64_t skip = 0) {
    const std::vector<std::uint8_t> client_key(16, 0xC1), server_key(16, 0x5E);
    const std::vector<std::uint8_t> client_salt(4, 0xC2), server_salt(4, 0x5F);
    dtls::FrozenWriter writer("mdd DTLS 1.2 record layer 1");
    writer.block(is_server ? server_key : client_key);
    writer.block(is_server ? server_salt : client_salt);
    writer.block(is_server ? client_key : server_key);
    writer.block(is_server ? client_salt : server_salt);
    for (std::uint64_t number : {1, is_server ? 0x1000 : 0x2000, 0, 1}) writer.number(number);
    auto made = dtls::RecordLayer::thaw(writer.finish().bytes(), skip);
    test::must(made.has_value());
    return std::move(*made);
}

const Datagram kFlight{20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 5, 0, 1, 1};
const Datagram kFinishedRecord{22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4};

class Script {
  public:
    explicit Script(srtp::Bytes bytes) : rest_(bytes) {}

    void run() {
        while (!rest_.empty()) step();
    }

  private:
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const auto value = rest_[0];
        rest_ = rest_.subspan(1);
        return value;
    }
    srtp::Bytes block() {
        const std::size_t wanted = byte();
        const auto size_bytes = std::min(wanted, rest_.size());
        const auto taken = rest_.first(size_bytes);
        rest_ = rest_.subspan(size_bytes);
        return taken;
    }

    void step() {
        switch (byte() % 12) {
            case 0:
                return to_server(block());
            case 1:
                return to_client(block());
            case 2:
                return to_server(forged(false));
            case 3:
                return to_client(forged(true));
            case 4:
                return deliver(byte());
            case 5:
                return wait();
            case 6:
                if (!from_server_.empty()) to_client(take(from_server_));
                return;
            case 7:
                if (!from_client_.empty()) to_server(take(from_client_));
                return;
            case 8:
                if (!from_server_.empty()) take(from_server_);
                return;
            case 9:
                if (!from_client_.empty()) take(from_client_);
                return;
            case 10:
                return restart();
            default:
                return hang_up(byte());
        }
    }

    static Datagram take(std::deque<Datagram>& queue) {
        auto datagram = std::move(queue.front());
        queue.pop_front();
        return datagram;
    }

    // A record of a peer that has the keys and means no good: any number, type and plaintext.
    Datagram forged(bool by_server) {
        const auto skip = byte();
        const auto type = byte();
        is_honest_ = is_honest_ && !by_server;
        return layer(by_server, skip).seal(type, block());
    }

    void to_server(srtp::Bytes datagram) {
        const test::ExactCopy copy(datagram.data(), datagram.size());
        server_.receive(copy.bytes(), now_);
        collect();
    }
    void to_client(srtp::Bytes datagram) {
        const test::ExactCopy copy(datagram.data(), datagram.size());
        client_.receive(copy.bytes());
        collect();
    }
    void deliver(std::uint16_t spi) {
        dtls::EktKeyMessage message;
        message.spi = spi;
        delivered_.insert(spi);
        server_.deliver(message, now_);
        collect();
    }
    void wait() {
        const auto deadline = server_.deadline();
        now_ = deadline ? std::max(now_, *deadline) : now_ + std::chrono::seconds(1);
        server_.expire(now_);
        collect();
        const auto next = server_.deadline();
        test::must(!next || *next > now_);
    }
    void restart() {
        if (server_.state() != State::open) return;
        auto thawed = dtls::EktServer::thaw(server_.freeze().bytes(), {8, 1}, now_);
        test::must(thawed.has_value());
        server_ = std::move(*thawed);
    }
    void hang_up(std::uint8_t how) {
        if (how % 4 == 0) server_.close();
        if (how % 4 == 1) client_.close();
        if (how % 4 == 2) server_.fail(how);
        if (how % 4 == 3) client_.fail(how);
        collect();
    }

    void collect() {
        while (auto outgoing = server_.next_datagram()) {
            if (outgoing->resends_flight) {
                test::must(outgoing->datagram == kFlight);
            } else {
                note(server_nonces_, outgoing->datagram);
                from_server_.push_back(std::move(outgoing->datagram));
            }
        }
        while (auto outgoing = client_.next_datagram()) {
            test::must(!outgoing->resends_flight);
            note(client_nonces_, outgoing->datagram);
            from_client_.push_back(std::move(outgoing->datagram));
        }
        while (const auto event = server_.next_event())
            if (const auto* acknowledged = std::get_if<dtls::Acknowledged>(&*event))
                test::must(delivered_.contains(acknowledged->spi));
        while (auto event = client_.next_event()) {
            if (const auto* key = std::get_if<dtls::EktKeyMessage>(&*event))
                receive(key->spi);
            else
                test::must(client_.state() != State::open && !client_is_over_);
            client_is_over_ = !std::holds_alternative<dtls::EktKeyMessage>(*event);
        }
        check_end();
    }

    void receive(std::uint16_t spi) {
        if (!is_honest_) return;
        test::must(delivered_.contains(spi));
        // Further back than this a client does not remember.
        constexpr std::size_t kRemembered = 16;
        test::must(received_.insert(spi).second || delivered_.size() > kRemembered);
    }

    void check_end() {
        if (server_.state() != State::open) {
            test::must(!server_.deadline());
            server_is_over_ = true;
        }
        test::must(!server_is_over_ || server_.state() != State::open);
    }

    static void note(std::set<Datagram>& nonces, const Datagram& datagram) {
        tunnel::RecordWalk walk(datagram);
        while (const auto record = walk.next()) {
            test::must(record->epoch == 1 && record->fragment.size() >= 24);
            const auto nonce = record->fragment.first(8);
            test::must(nonces.emplace(nonce.begin(), nonce.end()).second);
        }
        test::must(walk.well_formed());
    }

    srtp::Bytes rest_;
    dtls::TimePoint now_{std::chrono::hours(1)};
    dtls::EktServer server_{
        {layer(true), true, {kFlight}, kFinishedRecord, kServerFinished, kClientFinished}, now_};
    dtls::EktClient client_{{layer(false), false, {}, {}, kClientFinished, kServerFinished},
                            dtls::EktCipher::aeskw_128};
    std::deque<Datagram> from_server_;
    std::deque<Datagram> from_client_;
    std::set<Datagram> server_nonces_;
    std::set<Datagram> client_nonces_;
    std::set<std::uint16_t> delivered_;
    std::set<std::uint16_t> received_;
    bool is_honest_ = true;  // nobody else had the server's keys
    bool server_is_over_ = false;
    bool client_is_over_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    Script(input.bytes()).run();
    return 0;
}
