// The key side in figures: endpoint handshakes per second of one KMF core through a real tunnel,
// tunnel messages per second, and memory per endpoint. One thread; only the KMF's share of the CPU
// is counted.
#include <malloc.h>
#include <openssl/rand.h>
#include <time.h>

#include <fstream>
#include <iostream>
#include <map>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "kmf-tunnel/record.h"
#include "tests/bench/bare_server.h"
#include "tests/bench/bench_main.h"
#include "tests/bench/median.h"
#include "tests/bench/tunnel_pair.h"
#include "tests/unit/kmf/dtls_client.h"
#include "tools/mdd-kmf/key_distributor.h"

namespace mdd::bench {
namespace {

using test::DtlsClient;
using tunnel::Dialect;
using Json = nlohmann::json;

constexpr tunnel::TunnelId kTunnel{1};
constexpr srtp::Profile kProfile = srtp::Profile::double_aes_128_gcm;

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

tunnel::ConferenceId conference_id(std::size_t number) {
    tunnel::ConferenceId id;
    srtp::store_be32(id.bytes.data(), static_cast<std::uint32_t>(number));
    id.bytes[15] = 1;
    return id;
}

std::string tls_id(std::size_t number) {
    return fmt::format("endpoint-{:011}", number);
}

// Whom the KMF knows: one conference for all endpoints, or one for each.
enum class Layout { one_conference, conference_each };

struct Place {
    test::TestPki pki;
    test::TestCertificate mdd_leaf = pki.issue("mdd");
    test::TestCertificate kmf_leaf = pki.issue("kmf");
    test::TestCertificate own = pki.self_signed("kmf-endpoint");
    std::vector<test::TestCertificate> endpoints;

    explicit Place(std::size_t certificates) {
        for (std::size_t i = 0; i < certificates; ++i)
            endpoints.push_back(pki.self_signed("endpoint-" + std::to_string(i)));
    }
    tunnel::Credentials credentials(const test::TestCertificate& leaf) const {
        return {leaf.cert_file, leaf.key_file, pki.ca_file(), {}};
    }
};

// A KMF behind a real tunnel, and the MDD at its other end.
class Bed {
  public:
    Bed(const Place& place, Dialect dialect, Layout layout, std::size_t endpoints)
        : place_(place),
          dialect_(dialect),
          layout_(layout),
          gate_({place.own.cert_file, place.own.key_file}, 1000),
          pair_(make_tunnel_pair(dialect, place.credentials(place.mdd_leaf),
                                 place.credentials(place.kmf_leaf))),
          kmf_(roster(endpoints), gate_, {}, hooks()) {
        kmf_.tunnel_up(kTunnel, {place.mdd_leaf.certificate_sha256, {}, "mdd"}, dialect);
    }

    // A whole handshake of endpoint `number`, until it has its EKT key and the KMF knows that.
    void join(std::size_t number) {
        const auto& certificate = layout_ == Layout::one_conference ? place_.endpoints.at(number)
                                                                    : place_.endpoints.front();
        tunnel::AssociationId id;
        srtp::store_be32(id.bytes.data(), static_cast<std::uint32_t>(number));
        id.bytes[6] = 0x40;
        id.bytes[8] = 0x80;
        DtlsClient client(certificate, {.tls_id = tls_id(number)});
        const auto goal = kmf_.tally().ekt.acknowledged + 1;
        for (int i = 0; i < 100 && kmf_.tally().ekt.acknowledged < goal; ++i) {
            for (const auto& datagram : std::exchange(client.outbox, {}))
                pair_->send_from_mdd(wrapped(id, number, datagram));
            at_kmf();
            for (const auto& message : pair_->receive_at_mdd())
                if (!message.dtls.empty()) client.feed(message.dtls);
        }
        if (kmf_.tally().ekt.acknowledged < goal)
            throw std::runtime_error("a handshake does not come to an end");
    }

    double kmf_seconds() const { return kmf_seconds_; }
    std::size_t live() const { return kmf_.live_associations(); }

  private:
    kmf::Roster roster(std::size_t endpoints) const {
        std::vector<kmf::Conference> conferences;
        for (std::size_t i = 0; i < endpoints; ++i) {
            const bool is_new = i == 0 || layout_ == Layout::conference_each;
            if (is_new) {
                auto& made = conferences.emplace_back();
                made.id = conference_id(conferences.size());
                made.profile = kProfile;
                made.rekey = {.on_join = false, .on_leave = false};
            }
            const auto& certificate = place_.endpoints[is_new && i > 0 ? 0 : i];
            conferences.back().endpoints[certificate.certificate_sha256] = {"endpoint", tls_id(i)};
        }
        return {{{"mdd", {place_.mdd_leaf.certificate_sha256}, true, {}}}, std::move(conferences)};
    }

    kmf::KeyDistributor::Hooks hooks() {
        kmf::KeyDistributor::Hooks made;
        made.send = [this](tunnel::TunnelId, const tunnel::Message& message) {
            return pair_->send_from_kmf(message);
        };
        made.notify = [](const kmf::Notice&) {};
        made.random = [](srtp::MutableBytes bytes) {
            RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
        };
        return made;
    }

    tunnel::Message wrapped(const tunnel::AssociationId& id, std::size_t number,
                            const test::Datagram& datagram) const {
        const bool is_one = layout_ == Layout::one_conference;
        tunnel::Message message{id, conference_id(is_one ? 1 : number + 1), tunnel::Empty{},
                                datagram};
        if (tunnel::is_epoch0_handshake(datagram))
            message.body = tunnel::SupportedProfiles{{0x0009, 0x000A, 0x0007, 0x0008}, {}};
        return message;
    }

    // All that a KMF's core does for it: decrypt, decide, sign, encrypt.
    void at_kmf() {
        const auto before = cpu_seconds();
        const auto now = std::chrono::steady_clock::now();
        for (const auto& message : pair_->receive_at_kmf()) kmf_.receive(kTunnel, message, now);
        kmf_.finish_turn(now, std::chrono::system_clock::now());
        kmf_seconds_ += cpu_seconds() - before;
    }

    const Place& place_;
    Dialect dialect_;
    Layout layout_;
    kmf::EndpointGate gate_;
    std::unique_ptr<TunnelPair> pair_;
    kmf::KeyDistributor kmf_;
    double kmf_seconds_ = 0;
};

// Seconds of a server that is OpenSSL alone, for as many handshakes.
double bare_seconds(const Place& place, std::size_t count) {
    const BareServer server(place.own.cert_file, place.own.key_file);
    double seconds = 0;
    for (std::size_t i = 0; i < count; ++i) {
        DtlsClient client(place.endpoints.front(), {.takes_over = false});
        const auto made_at = cpu_seconds();
        auto connection = std::make_unique<BareServer::Connection>(server.context());
        seconds += cpu_seconds() - made_at;
        for (int step = 0; step < 20 && !client.is_established(); ++step) {
            const auto from_client = std::exchange(client.outbox, {});
            const auto before = cpu_seconds();
            for (const auto& datagram : from_client) connection->feed(datagram);
            seconds += cpu_seconds() - before;
            for (const auto& datagram : std::exchange(connection->outbox, {}))
                client.feed(datagram);
        }
        if (!connection->is_established())
            throw std::runtime_error("the bare server's handshake does not come to an end");
        const auto done_at = cpu_seconds();
        connection.reset();
        seconds += cpu_seconds() - done_at;
    }
    return seconds;
}

Json measure_handshakes(const Place& place, Dialect dialect, std::size_t count, int runs) {
    std::vector<double> rates, floors;
    for (int run = 0; run < runs; ++run) {
        Bed bed(place, dialect, Layout::conference_each, count);
        for (std::size_t i = 0; i < count; ++i) bed.join(i);
        rates.push_back(static_cast<double>(count) / bed.kmf_seconds());
        floors.push_back(bare_seconds(place, count) / static_cast<double>(count));
    }
    const auto rate = median(rates);
    return {{"bench", "kmf_handshakes"},
            {"dialect", tunnel::to_string(dialect)},
            {"handshakes_per_second", rate},
            {"us_per_handshake", 1e6 / rate},
            {"us_openssl_alone", 1e6 * median(floors)}};
}

Json measure_messages(const Place& place, Dialect dialect, std::size_t size_bytes,
                      std::size_t batch, std::size_t count, int runs) {
    auto pair = make_tunnel_pair(dialect, place.credentials(place.mdd_leaf),
                                 place.credentials(place.kmf_leaf));
    tunnel::Message message{tunnel::random_association_id(), conference_id(1), tunnel::Empty{}, {}};
    message.dtls.assign(size_bytes, 0x16);
    std::vector<double> sent, received;
    for (int run = 0; run < runs; ++run) {
        double sending = 0, receiving = 0;
        std::size_t arrived = 0;
        for (std::size_t done = 0; done < count; done += batch) {
            const auto start = cpu_seconds();
            for (std::size_t i = 0; i < batch; ++i) pair->send_from_mdd(message);
            const auto between = cpu_seconds();
            arrived += pair->receive_at_kmf().size();
            sending += between - start;
            receiving += cpu_seconds() - between;
        }
        if (arrived < count) throw std::runtime_error("tunnel messages were lost");
        sent.push_back(static_cast<double>(arrived) / sending);
        received.push_back(static_cast<double>(arrived) / receiving);
    }
    const auto out = median(sent), in = median(received);
    return {{"bench", "tunnel_messages"},
            {"dialect", tunnel::to_string(dialect)},
            {"size_bytes", size_bytes},
            {"batch", batch},
            {"sent_per_second", out},
            {"received_per_second", in},
            {"both_ends_per_second", 1 / (1 / out + 1 / in)}};
}

Json measure_memory(const Place& place, Dialect dialect) {
    const auto count = place.endpoints.size();
    Bed bed(place, dialect, Layout::one_conference, count);
    bed.join(0);  // what the first one brings for all
    const auto before = mallinfo2().uordblks;
    for (std::size_t i = 1; i < count; ++i) bed.join(i);
    const auto grown = mallinfo2().uordblks - before;
    if (bed.live() != count) throw std::runtime_error("an endpoint was lost");
    return {{"bench", "kmf_endpoint_memory"},
            {"dialect", tunnel::to_string(dialect)},
            {"endpoints", count},
            {"bytes_per_endpoint", grown / (count - 1)}};
}

void print(const Json& row) {
    const auto number = [&](const char* key) { return row[key].get<double>(); };
    const auto dialect = row["dialect"].get<std::string>();
    if (row["bench"] == "kmf_handshakes")
        std::cout << fmt::format(
            "{:<8} {:8.0f} handshakes/s of one KMF core  {:6.1f} us each  "
            "OpenSSL alone {:6.1f} us\n",
            dialect, number("handshakes_per_second"), number("us_per_handshake"),
            number("us_openssl_alone"));
    else if (row["bench"] == "tunnel_messages")
        std::cout << fmt::format(
            "{:<8} {:5.0f} B, {} at a time  {:9.0f} sent/s  {:9.0f} received/s  {:9.0f}/s both\n",
            dialect, number("size_bytes"), row["batch"].get<int>(), number("sent_per_second"),
            number("received_per_second"), number("both_ends_per_second"));
    else
        std::cout << fmt::format("{:<8} {:8.0f} bytes per established endpoint, of {}\n", dialect,
                                 number("bytes_per_endpoint"), row["endpoints"].get<int>());
    std::cout << std::flush;
}

int run(int argc, char** argv) {
    CLI::App app{"the key side: handshakes and tunnel messages per second, memory per endpoint"};
    std::string json_file, commit = "unknown";
    bool quick = false;
    app.add_option("--json", json_file, "write the rows to FILE");
    app.add_option("--commit", commit, "commit to put into the rows");
    app.add_flag("--quick", quick, "fewer of everything; the figures wobble more");
    CLI11_PARSE(app, argc, argv);
    const int runs = quick ? 3 : 7;
    const Place place(quick ? 201 : 1001);
    auto rows = Json::array();
    const auto add = [&](Json row) {
        row["commit"] = commit;
        print(row);
        rows.push_back(std::move(row));
    };
    for (const auto dialect : {Dialect::dtls_v1, Dialect::rfc9185})
        add(measure_handshakes(place, dialect, quick ? 200 : 1000, runs));
    for (const auto dialect : {Dialect::dtls_v1, Dialect::rfc9185})
        for (const std::size_t size : {100u, 600u, 1100u})
            for (const std::size_t batch : {1u, 8u})
                add(measure_messages(place, dialect, size, batch, quick ? 8'000 : 80'000, runs));
    for (const auto dialect : {Dialect::dtls_v1, Dialect::rfc9185})
        add(measure_memory(place, dialect));
    if (!json_file.empty()) std::ofstream(json_file) << rows.dump(2) << '\n';
    return 0;
}

}  // namespace
}  // namespace mdd::bench

int main(int argc, char** argv) {
    return mdd::bench::main_of("kmf_bench", [&] { return mdd::bench::run(argc, argv); });
}
