// What the worker's loop costs per packet sent, as a ratio to AES-GCM alone in the same run: the
// real Worker, fed through a ring, sending into a port that frees at once. Packets are warm in the
// cache; a cold feed from another core is not measured here.
#include <rte_cycles.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "dataplane/net/header_template.h"
#include "dataplane/worker.h"
#include "tests/bench/limit.h"
#include "tests/bench/median.h"
#include "tests/bench/row.h"
#include "tests/support/ring_port.h"

namespace mdd::bench {
namespace {

const auto kOurs = *net::parse_socket_address("10.9.0.1:5004");
const auto kSender = *net::parse_socket_address("10.9.1.1:40000");
constexpr std::uint32_t kSsrc = 0x12345678;
constexpr std::uint64_t kEpoch = 1;  // of the sender's keys
constexpr std::size_t kRtpHeaderBytes = 12;

struct Case {
    std::size_t size_bytes;  // RTP payload that the outer layer seals, OHB included
    unsigned receivers;
    unsigned group;  // packets of the sender in one burst
    unsigned aes_bits;
};

srtp::Profile profile_of(unsigned aes_bits) {
    return aes_bits == 128 ? srtp::Profile::double_aes_128_gcm : srtp::Profile::double_aes_256_gcm;
}

// One sender and many receivers on one worker; control's part is played by this class.
class Loop {
  public:
    Loop(const Case& setting, test::RingPort& in, Port& out, rte_mempool* pool)
        : setting_(setting), in_(in), mailbox_(64) {
        const auto members = static_cast<std::size_t>(setting.receivers) + 1;
        worker_ = std::make_unique<Worker>(
            WorkerConfig{.ports = {{&in.port(), kOurs.ip, 0, 0}, {&out, kOurs.ip, -1, 0}},
                         .udp_ports = {5004},
                         .pool = pool,
                         .adaptive_idle = false,
                         .conferences = 1,
                         .flows = members},
            mailbox_);
        stream_ = std::make_unique<Stream>(kSsrc, members);
        post(AddConference{0, std::make_unique<Conference>(members)});
        for (unsigned m = 0; m < members; ++m) add_member(m, out.mac());
        feed();
        worker_->poll_once();
        post(GrantSsrc{0, 0, stream_.get(), kEpoch});
    }
    ~Loop() { worker_->drain(); }

    // Cycles per packet sent over `packets` packets received.
    double run(unsigned packets) {
        std::uint64_t cycles = 0;
        const auto sent_before = worker_->counters().rtp_sent.read();
        for (unsigned done = 0; done < packets; done += setting_.group) {
            for (unsigned i = 0; i < setting_.group; ++i) feed();
            const auto start = rte_rdtsc();
            worker_->poll_once();
            cycles += rte_rdtsc() - start;
        }
        const auto sent = worker_->counters().rtp_sent.read() - sent_before;
        const auto rounds = (packets + setting_.group - 1) / setting_.group;
        if (sent != std::uint64_t{rounds} * setting_.group * setting_.receivers)
            throw std::runtime_error("the loop lost packets: " + std::to_string(sent) +
                                     " were sent");
        return static_cast<double>(cycles) / static_cast<double>(sent);
    }

  private:
    void add_member(unsigned m, const net::MacAddress& mac) {
        auto member = std::make_unique<Member>();
        member->slot = static_cast<MemberSlot>(m);
        member->port = m == 0 ? 0 : 1;
        member->remote = {net::to_be(net::from_be(kSender.ip) + m), kSender.port};
        member->local = kOurs;
        member->header = net::make_header_template(mac, mac, kOurs, member->remote);
        member->resolved = true;
        if (m == 0) {
            member->endpoint = std::make_unique<Endpoint>();
            member->endpoint->streams.reserve(4);
        }
        post(AddMember{std::move(member)});
        const std::vector<std::uint8_t> key(setting_.aes_bits / 8,
                                            static_cast<std::uint8_t>(m + 1)),
            salt(12, 3);
        keys_.push_back(srtp::make_keyset(profile_of(setting_.aes_bits),
                                          {srtp::Secret<32>(key), srtp::Secret<12>(salt)},
                                          kEpoch + m));
        const auto slot = static_cast<MemberSlot>(m);
        if (m == 0)
            post(InstallReceiveKeys{0, slot, keys_.back().get()});
        else
            post(SetTransmitKeys{0, slot, keys_.back().get(), m});
    }

    void post(decltype(Command::body) body) {
        auto command = std::make_unique<Command>();
        command->body = std::move(body);
        if (!mailbox_.post(command)) throw std::runtime_error("mailbox full");
        worker_->poll_once();
        if (!mailbox_.acknowledged()) throw std::runtime_error("command was not carried out");
    }

    // The sender's next packet into the receive ring. Not part of the measured time.
    void feed() {
        const std::size_t plain_bytes = setting_.size_bytes;
        std::vector<std::uint8_t> frame(net::kHeaderBytes + kRtpHeaderBytes + plain_bytes +
                                        srtp::kTagBytes + 1);
        auto* rtp = frame.data() + net::kHeaderBytes;
        rtp[0] = 0x80;
        rtp[1] = 96;
        srtp::store_be16(rtp + 2, static_cast<std::uint16_t>(index_));
        srtp::store_be32(rtp + 8, kSsrc);
        const std::vector<std::uint8_t> plain(plain_bytes,
                                              0);  // ends with an OHB that says: nothing changed
        const auto& key = keys_[0]->rtp;
        srtp::seal(key, key.rtp_nonce(kSsrc, index_), srtp::Bytes(rtp, kRtpHeaderBytes), plain,
                   rtp + kRtpHeaderBytes);
        const auto header =
            net::make_header_template({{2, 0, 0, 0, 0, 1}}, in_.port().mac(), kSender, kOurs);
        net::write_headers(header, frame.data(), frame.size() - net::kHeaderBytes);
        in_.inject(0, frame);
        ++index_;
    }

    const Case setting_;
    test::RingPort& in_;
    Mailbox mailbox_;
    std::unique_ptr<Stream> stream_;
    std::vector<std::unique_ptr<const srtp::Keyset>> keys_;
    std::unique_ptr<Worker> worker_;
    std::uint64_t index_ = 0;
};

nlohmann::json measure(const Case& setting, test::RingPort& in, Port& out, rte_mempool* pool,
                       unsigned runs, unsigned packets, const std::string& commit) {
    Loop loop(setting, in, out, pool);
    loop.run(packets / 4);  // warms caches and branch predictors
    std::vector<double> cycles, ratios, limits;
    for (unsigned run = 0; run < runs; ++run) {
        // The limit beside each run, so that a change of clock hits both.
        const auto limit =
            measure_cipher(setting.aes_bits, setting.size_bytes, 5).limit(setting.receivers);
        cycles.push_back(loop.run(packets));
        limits.push_back(limit);
        ratios.push_back(limit / cycles.back());
    }
    const double per_packet = median(cycles);
    return {{"bench", "forward"},
            {"size_bytes", setting.size_bytes},
            {"receivers", setting.receivers},
            {"group", setting.group},
            {"keys", setting.receivers},
            {"aes", setting.aes_bits},
            {"workers", 1},
            {"mpps_out", static_cast<double>(rte_get_tsc_hz()) / per_packet / 1e6},
            {"cycles_per_packet", per_packet},
            {"limit_cycles_per_packet", median(limits)},
            {"ratio_to_limit", median(ratios)},
            {"peer", nullptr},
            {"ratio_to_peer", nullptr},
            {"cpu", cpu_name()},
            {"commit", commit}};
}

void print(const nlohmann::json& row) {
    std::cout << fmt::format(
        "{:>6} B  N={:<4} G={}  AES-{}  {:8.1f} cycles  limit {:7.1f}  ratio {:.2f}  {:6.2f} Mpps "
        "out\n",
        row["size_bytes"].get<std::size_t>(), row["receivers"].get<unsigned>(),
        row["group"].get<unsigned>(), row["aes"].get<unsigned>(),
        row["cycles_per_packet"].get<double>(), row["limit_cycles_per_packet"].get<double>(),
        row["ratio_to_limit"].get<double>(), row["mpps_out"].get<double>());
}

int run(int argc, char** argv) {
    CLI::App app{"cycles per packet sent of the open-route-seal loop, as a ratio to AES-GCM alone"};
    std::string json_file, commit = "unknown";
    bool quick = false;
    app.add_option("--json", json_file, "write the rows to FILE");
    app.add_option("--commit", commit, "commit to put into the rows");
    app.add_flag("--quick", quick, "fewer packets; the figures wobble more");
    CLI11_PARSE(app, argc, argv);
    if (srtp::aead_start() != srtp::AeadStart::ok) {
        std::cerr << "this CPU has no AES instructions\n";
        return 1;
    }
    test::RingPort in("bench", 1, 1, 256, 1023);
    auto pool = make_packet_pool("bench-out", 8191, SOCKET_ID_ANY);
    rte_mempool* null_pool = in.pool();
    auto out = Port::open(PortConfig{.name = "sink", .device = "net_null0", .rx_interrupts = false},
                          {&null_pool, 1});
    auto rows = nlohmann::json::array();
    for (const std::size_t size : {100u, 1200u})
        for (const unsigned receivers : {1u, 10u, 200u})
            for (const unsigned group : {1u, 8u}) {
                const unsigned packets = (quick ? 40000u : 400000u) / receivers + 64;
                rows.push_back(measure({size, receivers, group, 128}, in, out, pool.get(),
                                       quick ? 5 : 9, packets, commit));
                print(rows.back());
            }
    if (!json_file.empty()) std::ofstream(json_file) << rows.dump(2) << '\n';
    return 0;
}

}  // namespace
}  // namespace mdd::bench

int main(int argc, char** argv) {
    try {
        return mdd::bench::run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "forward_bench: " << error.what() << '\n';
        return 1;
    }
}
