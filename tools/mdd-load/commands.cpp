// run and search: a rig, the phases, the rows.
#include "tools/mdd-load/commands.h"

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/mdd-load/cpu_name.h"
#include "tools/mdd-load/output_file.h"
#include "tools/mdd-load/picture.h"
#include "tools/mdd-load/progress.h"
#include "tools/mdd-load/report.h"
#include "tools/mdd-load/rig.h"

namespace mdd::load {
namespace {

RowSettings row_settings(const Options& options, const Scenario& scenario, const Plan& plan) {
    RowSettings settings;
    settings.scenario = std::filesystem::path(options.scenario).stem().string();
    settings.seed = scenario.seed;
    const bool audio = scenario.audio.packets_per_second > 0;
    const bool video = scenario.video.frames_per_second > 0;
    if (audio != video)
        settings.size_bytes = audio ? scenario.audio.size_bytes : scenario.video.size_bytes;
    settings.receivers = plan.members() - 1;
    if (audio != video) settings.group = audio ? 1 : scenario.video.packets_per_frame;
    settings.keys = plan.endpoints();
    settings.aes_bits =
        static_cast<unsigned>(srtp::traits_of(scenario.conferences.profile).hop_key_bytes * 8);
    settings.workers = options.workers;
    settings.cpu = cpu_name();
    settings.commit = options.commit;
    return settings;
}

void write_rows(OutputFile& file, const std::vector<nlohmann::ordered_json>& rows) {
    file.write(nlohmann::ordered_json(rows).dump(1) + "\n");
    file.close();
}

// A file that cannot be written is told before the run, not after it.
std::optional<OutputFile> open_if_named(const std::string& path) {
    if (path.empty()) return std::nullopt;
    return OutputFile(path);
}

// A rig with everybody in the call.
class Call {
  public:
    Call(const Options& options, const Scenario& scenario, const Bed& bed,
         const IsStopped& is_stopped)
        : is_stopped_(is_stopped), rig_(scenario, bed, options.real_handshake) {
        line_.show("tunnel", 0, "waiting for mdd");
        rig_.wait_for_tunnel(is_stopped_);
        rig_.run(
            find_mdd, [](const Gauges&) {}, is_stopped_);
        join();
        hear();
    }

    Rig& rig() { return rig_; }
    ProgressLine& line() { return line_; }

    TrialResult trial(double pps, double seconds, TrialNotes& notes) {
        TrialResult result;
        const auto begun = std::chrono::steady_clock::now();
        const auto name = fmt::format("{:.0f} packets/s for {:.0f} s", pps, seconds);
        rig_.run([&](PollLoop& loop,
                     Gauges& gauges) { result = run_trial(loop, gauges, pps, seconds, notes); },
                 [&](const Gauges& gauges) {
                     const std::chrono::duration<double> spent =
                         std::chrono::steady_clock::now() - begun;
                     line_.show(
                         name, spent.count() / seconds,
                         fmt::format("sent {}, received {}, {} endpoints", gauges.sent.load(),
                                     gauges.received.load(), gauges.present.load()));
                 },
                 is_stopped_);
        return result;
    }

  private:
    void join() {
        const auto begun = std::chrono::steady_clock::now();
        const auto all = rig_.plan().endpoints();
        rig_.run(
            join_all,
            [&](const Gauges& gauges) {
                line_.show("joining", static_cast<double>(gauges.present) / all,
                           fmt::format("{} of {} endpoints", gauges.present.load(), all));
            },
            is_stopped_);
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begun;
        line_.done("joined", fmt::format("{} endpoints in {} conferences have keys, in {:.1f} s",
                                         all, rig_.plan().conferences(), spent.count()));
    }
    void hear() {
        rig_.run(
            warm_up,
            [&](const Gauges& gauges) {
                line_.show("warming up", 0.5, fmt::format("{} legs", gauges.legs_heard.load()));
                legs_ = gauges.legs_heard;
            },
            is_stopped_);
        line_.done("warm", fmt::format("every leg carries media, {} of them", legs_));
    }

    const IsStopped& is_stopped_;
    ProgressLine line_;
    Rig rig_;
    std::uint64_t legs_ = 0;
};

std::string handshakes_text(const RealHandshakes& real) {
    const auto counts = real.counts();
    auto text = fmt::format(
        "handshakes {} of {} came to their end, {} failed; p50 {:.1f} ms, p99 {:.1f} ms, max "
        "{:.1f} "
        "ms; {} EKT keys\n",
        counts.finished, counts.begun, counts.failed,
        static_cast<double>(counts.took.p50_ns()) / 1e6,
        static_cast<double>(counts.took.p99_ns()) / 1e6,
        static_cast<double>(counts.took.max_ns()) / 1e6, counts.ekt_keys);
    if (!counts.last_failure.empty())
        text += "           the last failure: " + counts.last_failure + "\n";
    return text;
}

std::string notes_text(const TrialNotes& notes, const Scenario& scenario) {
    std::string text;
    if (notes.slipped_seconds > 0)
        text += fmt::format("behind     the schedule came {:.3f} s late in all\n",
                            notes.slipped_seconds);
    if (notes.longest_gap_seconds > 0.001)
        text += fmt::format(
            "gap        for {:.1f} ms nobody looked at the receive queue; what it could not hold "
            "counts as lost\n",
            notes.longest_gap_seconds * 1000);
    if (notes.backlog_share > 0.01)
        text +=
            fmt::format("backlog    {:.0f} % of the time more was waiting than we took at once\n",
                        notes.backlog_share * 100);
    if (notes.missed > 0)
        text += fmt::format("missed     our port could not take {} packets that came to it\n",
                            notes.missed);
    if (notes.junk_pps > 0)
        text += fmt::format("junk       {:.0f} hostile packets/s besides\n", notes.junk_pps);
    if (scenario.greedy.conferences > 0)
        text +=
            fmt::format("fairness   {:.4f} among the other conferences (Jain)\n", notes.fairness);
    return text;
}

// Until one is interrupted. None where the search was, or found no rate to take a share of.
std::vector<LatencyTrial> latency_trials(const Options& options, const Found& first, Call& call) {
    std::vector<LatencyTrial> trials;
    if (first.interrupted || first.lower_pps == 0) return trials;
    for (const auto share : options.latency_at) {
        const double pps = share * first.lower_pps;
        TrialNotes notes;
        trials.push_back({share, pps, call.trial(pps, first.goal.final_seconds, notes)});
        call.line().done(fmt::format("{:.0f} packets/s", pps),
                         fmt::format("{:.4g} % of the first goal's rate", share * 100));
        if (trials.back().result.interrupted) break;
    }
    return trials;
}

}  // namespace

int run_command(const Options& options, const Scenario& scenario, const Bed& bed,
                const IsStopped& is_stopped) {
    auto json = open_if_named(options.json);
    Call call(options, scenario, bed, is_stopped);
    const auto own_rate = call.rig().schedule().packets_per_second();
    const auto pps = options.rate_pps.value_or(own_rate * options.times.value_or(1));
    TrialNotes notes;
    const auto result = call.trial(pps, options.seconds, notes);
    call.line().done("trial", fmt::format("{:.1f} s", result.seconds));
    std::cout << run_text(result) << notes_text(notes, scenario);
    if (const auto* real = call.rig().real_handshakes()) std::cout << handshakes_text(*real);
    if (json) {
        auto row = run_row(row_settings(options, scenario, call.rig().plan()), pps, result);
        row["fairness"] = notes.fairness;
        row["junk_pps"] = notes.junk_pps;
        row["backlog_share"] = notes.backlog_share;
        row["verify_every"] = bed.verify.every;
        row["longest_gap_ms"] = notes.longest_gap_seconds * 1000;
        write_rows(*json, {row});
    }
    if (result.interrupted) throw Stopped();
    return 0;
}

int search_command(const Options& options, const Scenario& scenario, const Bed& bed,
                   const IsStopped& is_stopped) {
    auto json = open_if_named(options.json);
    auto picture = open_if_named(options.picture);
    Call call(options, scenario, bed, is_stopped);
    std::vector<TrialNote> trials;
    const auto found = search(
        options.search,
        [&](double pps, double seconds) {
            TrialNotes notes;
            auto result = call.trial(pps, seconds, notes);
            if (result.interrupted)
                call.line().done(fmt::format("{:.0f} packets/s", pps), "interrupted");
            return result;
        },
        [&](const TrialNote& note) {
            trials.push_back(note);
            call.line().done(
                fmt::format("{:.0f} packets/s", note.pps),
                fmt::format("{:.4f} % lost in {:.1f} s, p99 {:.0f} us{}", note.loss_ratio * 100,
                            note.seconds, static_cast<double>(note.p99_ns) / 1000,
                            note.generator_limited ? ", generator behind" : ""));
        });
    const auto latencies = latency_trials(options, found.front(), call);
    const bool interrupted =
        found.front().interrupted || (!latencies.empty() && latencies.back().result.interrupted);
    std::cout << search_text(found, latencies);
    const auto row = row_settings(options, scenario, call.rig().plan());
    if (json) write_rows(*json, search_rows(row, found, trials, latencies));
    if (picture) {
        picture->write(search_picture(row.scenario, found, trials));
        picture->close();
    }
    if (interrupted) throw Stopped();
    return 0;
}

}  // namespace mdd::load
