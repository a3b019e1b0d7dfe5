// Short trials at coarse steps first, then full-length ones where those pointed. Bounds are judged
// anew from all trials of enough length before each step, so that nothing contradicts them.
#include "tools/mdd-load/search.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

namespace mdd::load {
namespace {

constexpr unsigned kLimitedTries = 2;  // one hiccup of the generator is not its end
constexpr double kFirstPhaseWidths = 4;
constexpr unsigned kMostFinalTrials = 1000;

struct Phase {
    double seconds;   // trials at least this long count
    unsigned trials;  // that decide a rate
    double width;     // relative to the upper bound
};

enum class Verdict { undecided, within, beyond, generator };

struct Bounds {
    std::optional<double> lower, upper;
    bool upper_is_generator = false;

    bool has_inside(double pps) const {
        return (!lower || pps > *lower) && (!upper || pps < *upper);
    }
};

// Every trial at one rate.
class RateTrials {
  public:
    void note(double asked_pps, double seconds, const TrialResult& result) {
        const double carried = 1 - result.loss_ratio();
        carried_pps_ = std::min(result.offered_pps, asked_pps) * carried;
        if (result.generator_limited)
            ++limited_;
        else
            trials_.push_back({seconds, result});
    }

    Verdict verdict(const Goal& goal, const Phase& phase) const {
        unsigned good = 0, bad = 0;
        for (const auto& [seconds, result] : trials_)
            if (seconds >= phase.seconds) ++(result.loss_ratio() <= goal.loss_ratio ? good : bad);
        const unsigned whole = std::max(phase.trials, good + bad);
        const double may_exceed = goal.exceed_ratio * whole;
        if (bad > may_exceed) return Verdict::beyond;
        if (whole - good <= may_exceed) return Verdict::within;
        return limited_ < kLimitedTries ? Verdict::undecided : Verdict::generator;
    }

    std::optional<TrialResult> last_within(const Goal& goal) const {
        for (auto trial = trials_.rbegin(); trial != trials_.rend(); ++trial)
            if (trial->seconds >= goal.final_seconds &&
                trial->result.loss_ratio() <= goal.loss_ratio)
                return trial->result;
        return std::nullopt;
    }

    // Trials that decide.
    unsigned full(const Goal& goal) const {
        return static_cast<unsigned>(std::ranges::count_if(
            trials_, [&](const Timed& trial) { return trial.seconds >= goal.final_seconds; }));
    }

    // What came through, in packets into the device.
    double carried_pps() const { return carried_pps_; }

  private:
    struct Timed {
        double seconds;
        TrialResult result;
    };
    std::vector<Timed> trials_;
    unsigned limited_ = 0;
    double carried_pps_ = 0;
};

// Ends with the full-length phase.
std::vector<Phase> phases_of(const Goal& goal, const SearchSettings& settings) {
    std::vector<Phase> phases;
    const double between = std::sqrt(settings.first_seconds * goal.final_seconds);
    if (settings.first_seconds * 2 <= goal.final_seconds) {
        phases.push_back({settings.first_seconds, 1, settings.width * kFirstPhaseWidths});
        if (settings.first_seconds * 2 <= between) phases.push_back({between, 1, settings.width});
    }
    if (phases.empty() && goal.final_trials > 1)
        phases.push_back({goal.final_seconds, 1, settings.width * kFirstPhaseWidths});
    phases.push_back({goal.final_seconds, goal.final_trials, settings.width});
    return phases;
}

class Search {
  public:
    Search(const SearchSettings& settings, const Trial& trial, const Progress& progress)
        : trial_(trial),
          progress_(progress),
          lowest_(std::ceil(settings.lowest_pps)),
          highest_(std::floor(settings.highest_pps)) {
        for (const auto& goal : settings.goals) {
            lines_.push_back({goal, phases_of(goal, settings)});
            full_trials_left_ += settings.most_full_trials * goal.final_trials;
        }
    }

    std::vector<Found> run() {
        std::size_t most_phases = 0;
        for (const auto& line : lines_) most_phases = std::max(most_phases, line.phases.size());
        // Goals with fewer phases join in at the later ones.
        for (std::size_t left = most_phases; left-- > 0;)
            for (const auto& line : lines_)
                if (left < line.phases.size()) refine(line, line.phases.size() - 1 - left);
        // A trial for one goal may have moved another's bounds.
        while (full_trials_left_ > 0 && !interrupted_ && !all_settled())
            for (const auto& line : lines_) refine(line, line.phases.size() - 1);
        std::vector<Found> all;
        for (const auto& line : lines_) all.push_back(found(line));
        return all;
    }

  private:
    struct Line {
        Goal goal;
        std::vector<Phase> phases;
    };

    Bounds bounds(const Goal& goal, const Phase& phase) const {
        Bounds known;
        for (const auto& [pps, trials] : rates_) {
            const auto verdict = trials.verdict(goal, phase);
            if (verdict == Verdict::within) known.lower = pps;
            if (verdict == Verdict::beyond || verdict == Verdict::generator) {
                known.upper = pps;
                known.upper_is_generator = verdict == Verdict::generator;
                break;  // whatever is within the goal above it was luck
            }
        }
        return known;
    }

    // The next rate to try, or nothing when the phase has what it wants. `widths`: how far to step
    // where one bound is missing; doubled by each such step.
    std::optional<double> next(const Line& line, std::size_t number, double& widths) const {
        const auto& phase = line.phases[number];
        const auto known = bounds(line.goal, phase);
        if (number > 0) {
            const auto hint = bounds(line.goal, line.phases[number - 1]);
            for (const auto pps : {hint.lower, hint.upper})
                if (pps && known.has_inside(*pps)) return pps;
        }
        if (known.lower && known.upper) return between(*known.lower, *known.upper, phase.width);
        const double ratio = std::pow(1 - phase.width, widths);
        if (known.upper) {
            if (*known.upper <= lowest_) return std::nullopt;
            widths *= 2;
            double pps = std::min(*known.upper - 1, std::ceil(*known.upper * ratio));
            // Short trials are cheap: jump to what came through.
            if (number == 0) pps = std::min(pps, std::floor(rates_.at(*known.upper).carried_pps()));
            return std::max(pps, lowest_);
        }
        if (!known.lower) return highest_;
        if (*known.lower >= highest_) return std::nullopt;
        widths *= 2;
        return std::min(highest_, std::max(*known.lower + 1, std::floor(*known.lower / ratio)));
    }

    static std::optional<double> between(double lower, double upper, double width) {
        const double gap = upper - lower;
        if (gap <= 1 || gap <= width * upper) return std::nullopt;
        return std::clamp(std::round(std::sqrt(lower * upper)), lower + 1, upper - 1);
    }

    // Until the phase is settled, no full trial is left, or one was interrupted.
    void refine(const Line& line, std::size_t number) {
        const bool full_length = number + 1 == line.phases.size();
        const auto& phase = line.phases[number];
        double widths = 1;
        while (const auto pps = next(line, number, widths))
            while (rates_[*pps].verdict(line.goal, phase) == Verdict::undecided) {
                if (interrupted_) return;
                if (full_length) {
                    if (full_trials_left_ == 0) return;
                    --full_trials_left_;
                }
                measure(*pps, phase.seconds, full_length);
            }
    }

    void measure(double pps, double seconds, bool full_length) {
        const auto result = trial_(pps, seconds);
        if (result.interrupted) {
            interrupted_ = true;
            return;
        }
        const auto& latency = result.latency;
        const TrialNote note{pps,
                             seconds,
                             result.offered_pps,
                             full_length,
                             result.loss_ratio(),
                             result.generator_limited,
                             latency.p50_ns(),
                             latency.p99_ns(),
                             latency.p999_ns(),
                             latency.max_ns()};
        rates_[pps].note(pps, seconds, result);
        if (progress_) progress_(note);
    }

    bool settled(const Line& line) const {
        double widths = 1;
        return !next(line, line.phases.size() - 1, widths);
    }

    bool all_settled() const {
        return std::ranges::all_of(lines_, [this](const Line& line) { return settled(line); });
    }

    Found found(const Line& line) const {
        const auto known = bounds(line.goal, line.phases.back());
        Found found;
        found.goal = line.goal;
        found.lower_pps = known.lower.value_or(0);
        found.upper_pps = known.upper.value_or(highest_);
        if (known.lower) {
            found.at_lower = rates_.at(*known.lower).last_within(line.goal);
            found.full_trials = rates_.at(*known.lower).full(line.goal);
        }
        found.at_max = known.lower == highest_;
        found.generator_limited = known.upper_is_generator;
        found.none = known.upper == lowest_ && !known.upper_is_generator;
        found.settled = settled(line);
        found.interrupted = interrupted_;
        return found;
    }

    const Trial& trial_;
    const Progress& progress_;
    const double lowest_, highest_;
    std::vector<Line> lines_;
    std::map<double, RateTrials> rates_;  // by whole packets per second
    unsigned full_trials_left_ = 0;
    bool interrupted_ = false;
};

void require(bool good, std::string_view what) {
    if (!good) throw std::invalid_argument(fmt::format("search: {}", what));
}

}  // namespace

void check(const SearchSettings& settings) {
    require(!settings.goals.empty(), "there is no goal to search for.");
    for (const auto& goal : settings.goals) {
        require(goal.loss_ratio >= 0 && goal.loss_ratio < 1,
                "a goal's loss ratio must be from 0 to below 1.");
        require(goal.exceed_ratio >= 0 && goal.exceed_ratio < 1,
                "the share of trials that may exceed the loss ratio must be from 0 to below 1.");
        require(goal.final_seconds > 0, "trials of full length must last longer than 0 seconds.");
        require(goal.final_trials > 0, "at least one trial of full length must decide.");
        require(goal.final_trials <= kMostFinalTrials,
                "a rate is decided by 1000 trials of full length at most.");
    }
    require(settings.first_seconds > 0, "the first trials must last longer than 0 seconds.");
    require(settings.width > 0 && settings.width < 0.25,
            "the width must be above 0 and below 0.25 of the rate.");
    require(settings.most_full_trials > 0, "at least one trial of full length must be allowed.");
    require(settings.lowest_pps >= 1, "the lowest rate must be at least 1 packet per second.");
    require(std::floor(settings.highest_pps) >= std::ceil(settings.lowest_pps),
            "the highest rate must not be below the lowest one.");
}

std::vector<Found> search(const SearchSettings& settings, const Trial& trial,
                          const Progress& progress) {
    check(settings);
    return Search(settings, trial, progress).run();
}

}  // namespace mdd::load
