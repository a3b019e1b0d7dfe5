// pcap, kmf and conferences: what needs no port.
#include <fmt/format.h>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "tools/mdd-load/certificates.h"
#include "tools/mdd-load/commands.h"
#include "tools/mdd-load/hello.h"
#include "tools/mdd-load/kmf_role.h"
#include "tools/mdd-load/pcap_writer.h"
#include "tools/mdd-load/progress.h"
#include "tools/mdd-load/real_handshakes.h"
#include "tools/mdd-load/schedule.h"
#include "tools/mdd-load/stream_sender.h"
#include "tools/mdd-load/trial.h"

namespace mdd::load {
namespace {

using std::chrono::microseconds;

// A locally administered address that nobody else has a reason to use.
constexpr net::MacAddress kPlayersMac{{0x02, 0x6c, 0x6f, 0x61, 0x64, 0x01}};
// mdd has to be done with the handshakes, and with granting SSRCs, before what follows.
constexpr microseconds kAfterJoins{1'000'000}, kAfterFirsts{500'000};
constexpr microseconds kBetweenFirsts{50};

// A file that fills up with frames in order of time.
class Recording {
  public:
    Recording(const Options& options, const Scenario& scenario, const Bed& bed)
        : file_(options.out),
          scenario_(scenario),
          keys_(KeySource::from_seed(scenario.conferences.profile, scenario.seed)),
          world_(scenario, bed, keys_),
          schedule_(scenario, world_.plan()),
          speakers_(scenario, world_.plan(), kTicksPerSecond),
          journal_(world_.plan().streams(),
                   std::max(scenario.audio.size_bytes, scenario.video.size_bytes)),
          sender_(world_, journal_),
          left_(options.packets) {
        world_.set_link(kPlayersMac, *bed.mdd.mac);
    }

    void add_joins() {
        const microseconds interval(1'000'000 / scenario_.joins.per_second);
        for (EndpointIndex endpoint = 0; endpoint < world_.plan().endpoints(); ++endpoint) {
            world_.begin_handshake(endpoint);
            const auto hello = write_hello({endpoint, world_.endpoint(endpoint).generation},
                                           scenario_.conferences.profile);
            std::vector<std::uint8_t> frame(net::kHeaderBytes + hello.size());
            net::write_headers(world_.headers_of(endpoint), frame.data(), hello.size());
            std::ranges::copy(hello, frame.begin() + net::kHeaderBytes);
            file_.add(at_, frame);
            at_ += interval;
            world_.complete_handshake(endpoint, 1);
        }
        at_ += kAfterJoins;
    }
    void add_firsts() {
        for (StreamIndex stream = 0; stream < world_.plan().streams() && left_ > 0; ++stream) {
            const auto sender = world_.plan().sender_of(stream);
            if (world_.plan().stream_of(sender, world_.plan().kind_of(stream)) != stream) continue;
            add_packet(stream, true);
            at_ += kBetweenFirsts;
        }
        at_ += kAfterFirsts;
    }
    // Until all are there, or for as long as nobody asks to stop.
    void add_media(ProgressLine& line, const IsStopped& is_stopped) {
        const auto all = left_;
        const auto start = at_;
        const double cycle_us = 1e6 / schedule_.cycles_per_second();
        for (std::uint64_t cycle = 0; left_ > 0; ++cycle)
            for (const auto& event : schedule_.events()) {
                const double us = (static_cast<double>(cycle) + event.at * 0x1p-32) * cycle_us;
                at_ = start + microseconds(static_cast<std::int64_t>(us));
                // A tick is a microsecond.
                speakers_.poll(static_cast<Tsc>(at_.count()));
                const auto stream = speakers_.stream_in(event.slot, event.kind);
                if (stream) add_packet(*stream, event.ends_frame);
                if (left_ == 0 || is_stopped()) return;
                line.show("writing", 1 - static_cast<double>(left_) / static_cast<double>(all),
                          fmt::format("{} frames", file_.frames()));
            }
    }
    bool is_whole() const { return left_ == 0; }
    std::uint64_t close() {
        file_.close();
        return file_.frames();
    }

  private:
    static constexpr std::uint64_t kTicksPerSecond = 1'000'000;

    void add_packet(StreamIndex stream, bool ends_frame) {
        frame_.resize(StreamSender::next_frame_bytes(world_.stream(stream)));
        sender_.write_packet(stream, ends_frame, frame_.data());
        file_.add(at_, frame_);
        --left_;
    }

    PcapWriter file_;
    const Scenario& scenario_;
    const KeySource keys_;
    World world_;
    const Schedule schedule_;
    Speakers speakers_;
    Journal journal_;
    StreamSender sender_;
    std::uint64_t left_;
    microseconds at_{0};
    std::vector<std::uint8_t> frame_;
};

}  // namespace

int pcap_command(const Options& options, const Scenario& scenario, const Bed& bed,
                 const IsStopped& is_stopped) {
    if (!bed.mdd.mac)
        throw std::runtime_error(
            "A file cannot ask by ARP: set mdd.mac in the bed, the MAC address of mdd's port.");
    ProgressLine line;
    Recording recording(options, scenario, bed);
    recording.add_joins();
    recording.add_firsts();
    recording.add_media(line, is_stopped);
    line.done("written", fmt::format("{} frames; `mdd-load kmf` with the same scenario, bed and "
                                     "seed makes mdd accept them, once",
                                     recording.close()));
    if (!recording.is_whole()) throw Stopped();
    return 0;
}

int kmf_command(const Scenario& scenario, const Bed& bed, const IsStopped& is_stopped) {
    const Plan plan(scenario, bed);
    const auto keys = KeySource::from_seed(scenario.conferences.profile, scenario.seed);
    const KmfRole kmf(bed.kmf, plan, keys);
    std::cout << fmt::format("listening on {}:{}", config::to_string(bed.kmf.listen.address),
                             kmf.port())
              << std::endl;
    ProgressLine line;
    while (!is_stopped()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        const auto counts = kmf.counts();
        line.show("kmf", static_cast<double>(counts.answers) / plan.endpoints(),
                  fmt::format("{} tunnels, {} of {} endpoints answered", kmf.tunnels_up(),
                              counts.answers, plan.endpoints()));
    }
    const auto counts = kmf.counts();
    line.done("kmf", fmt::format("{} hellos, {} answered; {} of strangers", counts.hellos,
                                 counts.answers, counts.strangers));
    return 0;
}

namespace {

// For kmf.toml: who may join, by certificate and tls-id.
int print_for_kmf(const Plan& plan, const Scenario& scenario, const Bed& bed) {
    std::vector<std::string> fingerprints;
    for (std::uint32_t member = 0; member < plan.members(); ++member)
        fingerprints.push_back(dtls::fingerprint_text(
            ensure_certificate(member_certificate(bed.handshake.certificates, member))));
    std::cout << fmt::format(
        "# For kmf.toml: {} conferences of {} members, as mdd-load has them.\n", plan.conferences(),
        plan.members());
    for (ConferenceIndex conference = 0; conference < plan.conferences(); ++conference) {
        std::cout << fmt::format("\n[[conference]]\nid = \"{}\"\nprofile = \"{}\"\nendpoints = [\n",
                                 tunnel::to_uuid(plan.conference_id(conference)),
                                 srtp::traits_of(scenario.conferences.profile).name);
        for (std::uint32_t member = 0; member < plan.members(); ++member) {
            const auto endpoint = plan.endpoint_of(conference, member);
            std::cout << fmt::format(
                "  {{ id = \"e{}\", fingerprint_sha256 = \"{}\", tls_id = \"{}\" }},\n", endpoint,
                fingerprints[member], tls_id_of(endpoint));
        }
        std::cout << "]\n";
    }
    return std::cout.flush() ? 0 : 1;
}

}  // namespace

int conferences_command(const Options& options, const Scenario& scenario, const Bed& bed) {
    const Plan plan(scenario, bed);
    if (options.for_kmf) return print_for_kmf(plan, scenario, bed);
    const auto per_second =
        std::max({scenario.joins.per_second, scenario.churn.per_second, scenario.storm.per_second});
    std::cout << fmt::format(
        "# For mdd.toml: {} conferences of {} members, as mdd-load has them. Endpoints share\n"
        "# addresses, so one address may do as much as all.\n"
        "[limits]\nhandshakes_per_second = {}\nhandshakes_per_source = {}\n"
        "pending_associations = {}\n",
        plan.conferences(), plan.members(), 2 * per_second + 100, 2 * per_second + 100,
        std::min(plan.endpoints() + 1024, 1'048'576u));
    for (ConferenceIndex conference = 0; conference < plan.conferences(); ++conference) {
        std::cout << fmt::format("\n[[conference]]\nid = \"{}\"\naudio = [{}]\nendpoints = [\n",
                                 tunnel::to_uuid(plan.conference_id(conference)),
                                 scenario.audio.payload_type);
        for (std::uint32_t member = 0; member < plan.members(); ++member) {
            const auto endpoint = plan.endpoint_of(conference, member);
            std::cout << fmt::format("  {{ id = \"e{}\", address = \"{}\" }},\n", endpoint,
                                     net::to_string(plan.address_of(endpoint)));
        }
        std::cout << "]\n";
    }
    return std::cout.flush() ? 0 : 1;
}

}  // namespace mdd::load
