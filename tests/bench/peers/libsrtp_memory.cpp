// What an SFU's media path costs without sockets: a packet opened once and sealed for every
// receiver of its conference, with libsrtp2 and with OpenSSL's EVP. No look-up, headers, checks or
// sending: less than an SFU has to do.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>

#include "tests/bench/bench_main.h"
#include "tests/bench/core_time.h"
#include "tests/bench/median.h"
#include "tests/bench/peers/ciphers.h"
#include "tests/bench/peers/conferences.h"
#include "tests/bench/row.h"

namespace mdd::bench {
namespace {

constexpr std::size_t kInFlight = 512;    // sealed packets kept, as in the ring of a network card
constexpr std::size_t kSlotBytes = 2048;  // room for a packet and libsrtp's trailer
static_assert(1200 + srtp::kTagBytes + 12 + SRTP_MAX_TRAILER_LEN <= kSlotBytes);

template <class Cipher>
class MemorySfu {
  public:
    MemorySfu(const Layout& layout, std::size_t size_bytes)
        : conferences_(layout),
          source_(layout, size_bytes),
          order_(shuffled(layout.conferences)),
          sealed_(kInFlight * kSlotBytes),
          sizes_(kInFlight) {}

    // A packet through every conference; what each receiver gets must open and be the one sent.
    void check() {
        std::vector<std::uint8_t> packet(kSlotBytes);
        const auto& layout = conferences_.layout();
        for (std::size_t c = 0; c < layout.conferences; ++c) {
            source_.write(c, packet.data());
            const auto first = next_slot_;
            forward(c, packet.data());
            for (std::size_t r = 0; r < layout.receivers; ++r) {
                const auto slot = (first + r) % kInFlight;
                source_.expect_opens(c, r, {&sealed_[slot * kSlotBytes], sizes_[slot]});
            }
        }
    }

    // Cycles per packet sealed over `packets` packets received, which are made beforehand.
    double run(std::size_t packets) {
        const auto wire_bytes = source_.wire_bytes();
        inbox_.resize(packets * wire_bytes);
        std::vector<std::size_t> conferences(packets);
        for (std::size_t i = 0; i < packets; ++i) {
            conferences[i] = order_[turn_++ % order_.size()];
            source_.write(conferences[i], &inbox_[i * wire_bytes]);
        }
        const auto before = done_;
        const CoreTime time;
        for (std::size_t i = 0; i < packets; ++i) forward(conferences[i], &inbox_[i * wire_bytes]);
        const auto cycles = time.cycles();
        const auto sealed = done_ - before;
        if (sealed != packets * conferences_.layout().receivers)
            throw std::runtime_error("packets were lost: " + std::to_string(sealed) +
                                     " were sealed");
        return static_cast<double>(cycles) / static_cast<double>(sealed);
    }

  private:
    void forward(std::size_t conference, std::uint8_t* packet) {
        const auto rtp_bytes = conferences_.opener(conference).open(packet, source_.wire_bytes());
        if (rtp_bytes == 0) return;
        for (std::size_t r = 0; r < conferences_.layout().receivers; ++r) {
            const auto slot = next_slot_++ % kInFlight;
            sizes_[slot] = conferences_.sealer(conference, r)
                               .seal({packet, rtp_bytes}, &sealed_[slot * kSlotBytes]);
            done_ += sizes_[slot] != 0;
        }
    }

    Conferences<Cipher> conferences_;
    PacketSource source_;
    std::vector<std::size_t> order_;
    std::size_t turn_ = 0;
    std::vector<std::uint8_t> inbox_, sealed_;
    std::vector<std::size_t> sizes_;
    std::size_t next_slot_ = 0;
    std::uint64_t done_ = 0;
};

struct Effort {
    std::size_t packets_out;  // of a run
    unsigned runs;
};

template <class Cipher>
Row measure(std::size_t size_bytes, const Layout& layout, const Effort& effort) {
    const auto receivers = static_cast<unsigned>(layout.receivers);
    MemorySfu<Cipher> sfu(layout, size_bytes);
    sfu.check();
    const auto packets = effort.packets_out / receivers + 64;
    sfu.run(packets);  // warms caches and branch predictors
    std::vector<double> cycles;
    for (unsigned run = 0; run < effort.runs; ++run) cycles.push_back(sfu.run(packets));
    sfu.check();
    const auto per_packet = median(cycles);
    return {.bench = "peer",
            .size_bytes = size_bytes,
            .receivers = receivers,
            .keys = layout.keys(),
            .mpps_out = tsc_hz() / per_packet / 1e6,
            .cycles_per_packet = per_packet,
            .peer = Cipher::kName};
}

void print(const Row& row) {
    std::cout << fmt::format(
                     "{:>6} B  N={:<4} {:<12} {:>5} keys  {:8.1f} cycles  {:6.2f} Mpps out\n",
                     row.size_bytes, row.receivers, *row.peer, row.keys, row.cycles_per_packet,
                     row.mpps_out)
              << std::flush;
}

int run(int argc, char** argv) {
    CLI::App app{"cycles per packet sent of an SFU's media path in memory"};
    std::string json_file, commit = "unknown";
    bool quick = false;
    app.add_option("--json", json_file, "write the rows to FILE");
    app.add_option("--commit", commit, "commit to put into the rows");
    app.add_flag("--quick", quick,
                 "ten receivers only, and fewer packets; the figures wobble more");
    CLI11_PARSE(app, argc, argv);
    if (srtp::aead_start() != srtp::AeadStart::ok) {
        std::cerr << "this CPU has no AES instructions\n";
        return 1;
    }
    const Effort effort{quick ? 1000u : 10000u, quick ? 5u : 9u};
    auto rows = nlohmann::json::array();
    const auto add = [&](const Row& row) {
        print(row);
        rows.push_back(to_json(row, commit));
    };
    for (const std::size_t size : {100u, 1200u})
        for (const std::size_t receivers :
             quick ? std::vector<std::size_t>{10} : std::vector<std::size_t>{1, 10, 50, 200}) {
            // One conference has all its keys in the cache, which is the most that can be hoped
            // for.
            add(measure<Libsrtp>(size, {1, receivers}, effort));
            add(measure<Libsrtp>(size, Layout::of(Libsrtp::kManyKeys, receivers), effort));
            add(measure<Evp>(size, {1, receivers}, effort));
            add(measure<Evp>(size, Layout::of(Evp::kManyKeys, receivers), effort));
        }
    if (!json_file.empty()) std::ofstream(json_file) << rows.dump(2) << '\n';
    return 0;
}

}  // namespace
}  // namespace mdd::bench

int main(int argc, char** argv) {
    return mdd::bench::main_of("libsrtp_memory", [&] { return mdd::bench::run(argc, argv); });
}
