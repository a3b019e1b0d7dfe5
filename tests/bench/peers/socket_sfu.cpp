// What an SFU on kernel sockets can send from one core, saturated, with each cipher, with and
// without UDP GSO. run_socket_sfu.py makes the network that it needs; nothing leaves it.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/bench/bench_main.h"
#include "tests/bench/core_time.h"
#include "tests/bench/median.h"
#include "tests/bench/peers/ciphers.h"
#include "tests/bench/peers/flood.h"
#include "tests/bench/peers/media_path.h"
#include "tests/bench/row.h"

namespace mdd::bench {
namespace {

// As run_socket_sfu.py lays them out. Receivers that listen get what is sent to them; the others'
// packets are dropped where the far side takes them off the wire, so that receiving costs nothing.
constexpr std::uint32_t kSfuAddress = 0x0a080001;      // 10.8.0.1
constexpr std::uint32_t kSenderAddress = 0x0a080002;   // 10.8.0.2
constexpr std::uint32_t kListeningFirst = 0x0a400000;  // 10.64.0.0
constexpr std::uint32_t kDroppedFirst = 0x0a800000;    // 10.128.0.0
constexpr std::uint16_t kSfuPort = 5004, kSenderPort = 40001, kReceiverPort = 40000;
constexpr const char* kInterface = "media";

// As many as fill a burst: with more sessions, libsrtp2 would be slower still.
constexpr std::size_t kConferences = kBurstPackets / kRunPackets;

struct Case {
    std::size_t size_bytes;
    unsigned receivers;
    bool gso;
};

struct Effort {
    unsigned windows;
    double window_seconds;
};

// What the kernel has put onto the wire, and what it has not.
struct Frames {
    std::uint64_t sent = 0, dropped = 0;
};

Frames frames_of(const std::string& interface) {
    std::ifstream file("/proc/thread-self/net/dev");
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string name;
        words >> name;
        if (name != interface + ":") continue;
        std::array<std::uint64_t, 16> values{};
        for (auto& value : values) words >> value;
        return {values[9], values[11]};
    }
    throw std::runtime_error("there is no interface " + interface +
                             "; start this program through run_socket_sfu.py");
}

// Asks again and again, for packets may be a moment on their way, and this thread without its core.
template <class Condition>
bool soon(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    do {
        if (condition()) return true;
    } while (std::chrono::steady_clock::now() < end);
    return false;
}

// An SFU with its senders and receivers, for one row.
template <class Cipher>
class Trial {
  public:
    Trial(const Case& setting, const std::string& world)
        : layout_{kConferences, setting.receivers},
          source_(layout_, setting.size_bytes),
          socket_(socket_address(kSfuAddress, kSfuPort), {}),
          sender_(socket_address(kSenderAddress, kSenderPort), world),
          receiver_(socket_address(INADDR_ANY, kReceiverPort), world),
          path_(layout_, socket_, setting.gso) {}

    // Two packets of every sender, over the wire to every receiver: what arrives must open and be
    // what was sent.
    void check() {
        BurstSender out(sender_, true);
        BurstReceiver in(receiver_);
        out.address(socket_address(kSfuAddress, kSfuPort));
        path_.send_to(kListeningFirst, kReceiverPort);
        for (std::size_t c = 0; c < layout_.conferences; ++c) {
            send_run(source_, c, 2, out);
            take_all();
            // In the order in which they were sent: receiver by receiver.
            std::size_t arrived = 0;
            const auto all = [&] {
                for (const auto& packet : in.receive())
                    source_.expect_opens(c, arrived++ / 2, {packet.bytes, packet.size_bytes});
                return arrived == 2 * layout_.receivers;
            };
            if (!soon(all)) throw std::runtime_error("a receiver did not get all its packets");
        }
    }

    struct Window {
        double cycles;  // that the SFU had its core
        double idle_cycles;
        PathCounts counts;
    };
    std::vector<Window> measure(const TwoCpus& cpus, const Effort& effort) {
        path_.send_to(kDroppedFirst, kReceiverPort);
        const auto frames = frames_of(kInterface);
        const auto counts = path_.counts();
        std::vector<Window> windows;
        Flood flood(source_, layout_.conferences, sender_, socket_address(kSfuAddress, kSfuPort),
                    path_.progress(), cpus.flood);
        window(flood, effort.window_seconds / 4);  // warms up
        for (unsigned i = 0; i < effort.windows; ++i)
            windows.push_back(window(flood, effort.window_seconds));
        flood.stop();
        if (!flood.failure().empty()) throw std::runtime_error("the load: " + flood.failure());
        take_all();
        expect_all_sent(path_.counts().since(counts), frames);
        return windows;
    }

    double send_cycles_per_packet() const { return path_.send_cycles_per_packet(); }

  private:
    // Works on full bursts only, as an SFU does that has more to do than it can, however slow the
    // flood is: the waiting for them is told apart. At least one burst, however busy the machine is
    // with other things, unless that takes a minute.
    Window window(const Flood& flood, double seconds) {
        const auto before = path_.counts();
        const auto end = read_tsc() + static_cast<std::uint64_t>(seconds * tsc_hz());
        const auto patience = end + static_cast<std::uint64_t>(60 * tsc_hz());
        const CoreTime time;
        std::uint64_t idle_cycles = 0;
        do {
            idle_cycles += wait_for_burst(flood, patience);
            path_.step();
        } while (read_tsc() < end);
        return {static_cast<double>(time.cycles()), static_cast<double>(idle_cycles),
                path_.counts().since(before)};
    }

    // Returns the cycles spent, but for those in which the core was somebody else's.
    std::uint64_t wait_for_burst(const Flood& flood, std::uint64_t end) const {
        const auto is_there = [&] {
            return flood.sent() - path_.counts().received >= kBurstPackets;
        };
        if (is_there()) return 0;
        const auto start = read_tsc();
        const auto waited = waited_cycles();
        while (!is_there() && read_tsc() < end) __builtin_ia32_pause();
        const auto waited_since = waited_cycles() - waited;
        return read_tsc() - start - waited_since;
    }

    // What the senders have sent so far.
    void take_all() {
        const auto all = [&] {
            path_.step();
            return path_.counts().received == source_.written();
        };
        if (!soon(all))
            throw std::runtime_error(
                fmt::format("{} packets were sent to the SFU and {} reached it", source_.written(),
                            path_.counts().received));
    }

    // Every packet received went to every receiver, and all the way.
    void expect_all_sent(const PathCounts& counts, const Frames& before) const {
        const auto now = frames_of(kInterface);
        const auto planned = counts.received * layout_.receivers;
        if (counts.sent == planned && now.dropped == before.dropped &&
            now.sent - before.sent == counts.messages)
            return;
        throw std::runtime_error(
            fmt::format("{} packets were to be sent and {} were, in {} messages, of which the wire "
                        "took {} and dropped {}",
                        planned, counts.sent, counts.messages, now.sent - before.sent,
                        now.dropped - before.dropped));
    }

    Layout layout_;
    PacketSource source_;
    UdpSocket socket_, sender_, receiver_;
    MediaPath<Cipher> path_;
};

template <class Cipher>
nlohmann::json measure(const Case& setting, const std::string& world, const TwoCpus& cpus,
                       const Effort& effort, const std::string& commit) {
    Trial<Cipher> trial(setting, world);
    trial.check();
    const auto windows = trial.measure(cpus, effort);
    std::vector<double> per_packet, idle_shares;
    for (const auto& window : windows) {
        if (window.counts.sent == 0)
            throw std::runtime_error("nothing came from the load for a minute");
        const auto busy = window.cycles - window.idle_cycles;
        per_packet.push_back(busy / static_cast<double>(window.counts.sent));
        idle_shares.push_back(window.idle_cycles / window.cycles);
    }
    const auto cycles = median(per_packet);
    auto row =
        to_json({.bench = "peer",
                 .size_bytes = setting.size_bytes,
                 .receivers = setting.receivers,
                 .group = kRunPackets,
                 .keys = kConferences * setting.receivers,
                 .mpps_out = tsc_hz() / cycles / 1e6,
                 .cycles_per_packet = cycles,
                 .peer = fmt::format("socket-sfu-{}{}", Cipher::kName, setting.gso ? "-gso" : "")},
                commit);
    row["send_share"] = trial.send_cycles_per_packet() / cycles;
    row["idle_share"] = median(idle_shares);
    return row;
}

void print(const nlohmann::json& row) {
    std::cout << fmt::format(
                     "{:>6} B  N={:<4} {:<26} {:8.1f} cycles  {:6.2f} Mpps out  sending {:3.0f} %  "
                     "idle {:3.0f} %\n",
                     row["size_bytes"].get<std::size_t>(), row["receivers"].get<unsigned>(),
                     row["peer"].get<std::string>(), row["cycles_per_packet"].get<double>(),
                     row["mpps_out"].get<double>(), 100 * row["send_share"].get<double>(),
                     100 * row["idle_share"].get<double>())
              << std::flush;
}

int run(int argc, char** argv) {
    CLI::App app{"what an SFU on kernel sockets sends from one core"};
    std::string json_file, commit = "unknown", world;
    bool quick = false;
    app.add_option("--world", world, "file of the network namespace of senders and receivers")
        ->required();
    app.add_option("--json", json_file, "write the rows to FILE");
    app.add_option("--commit", commit, "commit to put into the rows");
    app.add_flag("--quick", quick, "ten receivers only, in short windows; the figures wobble more");
    CLI11_PARSE(app, argc, argv);
    if (srtp::aead_start() != srtp::AeadStart::ok) {
        std::cerr << "this CPU has no AES instructions\n";
        return 1;
    }
    const auto cpus = two_cpus();
    pin_this_thread(cpus.sfu);
    const Effort effort{5, quick ? 0.06 : 1.0};
    auto rows = nlohmann::json::array();
    const auto add = [&](nlohmann::json row) {
        print(row);
        rows.push_back(std::move(row));
    };
    for (const std::size_t size : {100u, 1200u})
        for (const unsigned receivers : quick ? std::vector{10u} : std::vector{1u, 10u, 50u})
            for (const bool gso : {false, true}) {
                const Case setting{size, receivers, gso};
                add(measure<Libsrtp>(setting, world, cpus, effort, commit));
                add(measure<Evp>(setting, world, cpus, effort, commit));
                add(measure<IpsecMb>(setting, world, cpus, effort, commit));
            }
    if (!json_file.empty()) std::ofstream(json_file) << rows.dump(2) << '\n';
    return 0;
}

}  // namespace
}  // namespace mdd::bench

int main(int argc, char** argv) {
    return mdd::bench::main_of("socket_sfu", [&] { return mdd::bench::run(argc, argv); });
}
