// Our AES-GCM beside IPsec-MB's direct call, in turn in the same run: one hot key, the same buffers
// in the cache, a packet after the other. Ours makes its nonces and compares the tags, which the
// library's call does not.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dataplane/srtp/aead.h"
#include "tests/bench/bench_main.h"
#include "tests/bench/limit.h"
#include "tests/bench/median.h"
#include "tools/mdd-load/cpu_name.h"

namespace mdd::bench {
namespace {

constexpr std::size_t kSizes[] = {20, 100, 160, 500, 1000, 1200};  // bytes of text

struct Options {
    std::string json_file, commit = "unknown";
    unsigned rounds = 41;
};

Options parse(int argc, char** argv) {
    CLI::App app{"cycles per packet of our AES-GCM and of IPsec-MB's, one hot key"};
    Options options;
    bool quick = false;
    app.add_option("--json", options.json_file, "write the rows to FILE");
    app.add_option("--commit", options.commit, "commit to put into the rows");
    app.add_flag("--quick", quick, "fewer rounds; the figures wobble more");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : 64);
    }
    if (quick) options.rounds = 5;
    return options;
}

// Cycles (TSC) per packet, and the library's as a multiple of ours: the median over neighbouring
// measurements, as a change of the clock hits both.
struct Compared {
    double own_cycles, library_cycles, ratio;
};

class Comparison {
  public:
    void add(double own, double library) {
        own_.push_back(own);
        library_.push_back(library);
        ratios_.push_back(library / own);
    }
    Compared median_of_all() const { return {median(own_), median(library_), median(ratios_)}; }

  private:
    std::vector<double> own_, library_, ratios_;
};

nlohmann::json row_of(const char* operation, std::size_t size_bytes, unsigned aes_bits,
                      const Compared& compared, const std::string& commit) {
    return {{"bench", "cipher"},
            {"operation", operation},
            {"size_bytes", size_bytes},
            {"aes", aes_bits},
            {"cycles_per_packet", compared.own_cycles},
            {"library_cycles_per_packet", compared.library_cycles},
            {"ratio_to_library", compared.ratio},
            {"cpu", load::cpu_name()},
            {"commit", commit}};
}

int run(const Options& options) {
    if (srtp::aead_start() != srtp::AeadStart::ok) {
        std::cerr << "cipher_bench: this CPU has no AES instructions\n";
        return 1;
    }
    std::cout << fmt::format(
        "AES-GCM, one hot key, cycles (TSC) per packet: {} beside IPsec-MB's direct call\n",
        srtp::aead_code_path() == "VAES" ? "ours" : "IPsec-MB behind our interface");
    auto rows = nlohmann::json::array();
    for (const unsigned aes_bits : {128U, 256U})
        for (const auto size_bytes : kSizes) {
            Comparison seal, open;
            for (unsigned round = 0; round < options.rounds; ++round) {
                // Either goes first as often as the other.
                const bool own_first = round % 2 == 0;
                auto own = own_first ? measure_own_cipher(aes_bits, size_bytes, 1) : CipherCost{};
                const auto library = measure_cipher(aes_bits, size_bytes, 1);
                if (!own_first) own = measure_own_cipher(aes_bits, size_bytes, 1);
                seal.add(own.seal_cycles, library.seal_cycles);
                open.add(own.open_cycles, library.open_cycles);
            }
            const auto s = seal.median_of_all(), o = open.median_of_all();
            std::cout << fmt::format(
                "{:>6} B  AES-{}  seal {:5.1f} beside {:5.1f}: {:.2f} times as fast  open {:5.1f} "
                "beside {:5.1f}: {:.2f} times\n",
                size_bytes, aes_bits, s.own_cycles, s.library_cycles, s.ratio, o.own_cycles,
                o.library_cycles, o.ratio);
            rows.push_back(row_of("seal", size_bytes, aes_bits, s, options.commit));
            rows.push_back(row_of("open", size_bytes, aes_bits, o, options.commit));
        }
    if (!options.json_file.empty()) std::ofstream(options.json_file) << rows.dump(2) << '\n';
    return 0;
}

}  // namespace
}  // namespace mdd::bench

int main(int argc, char** argv) {
    return mdd::bench::main_of("cipher_bench",
                               [&] { return mdd::bench::run(mdd::bench::parse(argc, argv)); });
}
