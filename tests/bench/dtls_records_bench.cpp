// What an association costs the KMF once OpenSSL has let go of it: taking it over, one record each
// way, and memory. No handshake and no network are measured.
#include <malloc.h>

#include <chrono>
#include <cstdio>

#include "tests/bench/median.h"
#include "tests/unit/dtls_srtp/end.h"

namespace mdd::bench {
namespace {

constexpr std::size_t kPairs = 200;
constexpr std::size_t kRecords = 20'000;
constexpr std::size_t kCopies = 1'000;

template <class Work>
double microseconds(Work work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    return took.count();
}

// On the heap and in the object, of a server without a key under way.
std::size_t bytes_of_server(const dtls::EktServer& server) {
    const auto frozen = server.freeze();
    std::vector<dtls::EktServer> copies;
    copies.reserve(kCopies);
    const auto before = mallinfo2().uordblks;
    for (std::size_t i = 0; i < kCopies; ++i)
        copies.push_back(*dtls::EktServer::thaw(frozen.bytes(), {}, {}));
    return sizeof(dtls::EktServer) + (mallinfo2().uordblks - before) / kCopies;
}

void measure(const char* name, const char* ciphers) {
    test::EndOptions options;
    options.ciphers = ciphers;
    std::vector<double> take_over_us;
    std::optional<dtls::TakenOver> client, server;
    for (std::size_t i = 0; i < kPairs; ++i) {
        test::Pair pair(options);
        std::string why;
        take_over_us.push_back(
            microseconds([&] { server = dtls::take_over(pair.server.ssl, pair.server.tap, why); }));
        client = dtls::take_over(pair.client.ssl, pair.client.tap, why);
    }
    const std::vector<std::uint8_t> plaintext(49);  // an ekt_key
    std::vector<dtls::Datagram> records(kRecords);
    const auto seal_us = microseconds([&] {
        for (auto& record : records) record = server->records.seal(22, plaintext);
    });
    const auto open_us = microseconds([&] {
        for (const auto& record : records) client->records.open(*tunnel::RecordWalk(record).next());
    });
    const auto server_bytes = bytes_of_server(dtls::EktServer(std::move(*server), {}));
    std::printf("%s  take_over %.1f us  seal %.2f us  open %.2f us  EktServer %zu bytes\n", name,
                median(take_over_us), seal_us / kRecords, open_us / kRecords, server_bytes);
}

}  // namespace
}  // namespace mdd::bench

int main() {
    mdd::bench::measure("AES-128", mdd::test::kAes128);
    mdd::bench::measure("AES-256", mdd::test::kAes256);
    return 0;
}
