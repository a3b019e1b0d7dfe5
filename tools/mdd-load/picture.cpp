// Three frames under each other on the same rates, and a line of words for each goal.
#include "tools/mdd-load/picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "tools/mdd-load/chart.h"

namespace mdd::load {
namespace {

constexpr double kWidth = 960, kLeft = 90, kRight = 925;
constexpr double kTitleRow = 36, kWordsRow = 22, kFrameHeight = 180, kFrameStep = 265;
constexpr std::array<std::string_view, 4> kGoalColours{"#1f4e79", "#d9822b", "#2e8b57", "#a23b72"};
constexpr std::string_view kTrialColour = "#51606e";

constexpr double kLeastLoss = 1e-8;   // smaller ones are drawn there
constexpr double kNoLossPixels = 18;  // between that and the place of none at all

constexpr std::array<std::pair<double, std::string_view>, 8> kShares{{{0, "0 %"},
                                                                      {0.5, "50 %"},
                                                                      {0.9, "90 %"},
                                                                      {0.99, "99 %"},
                                                                      {0.999, "99.9 %"},
                                                                      {0.9999, "99.99 %"},
                                                                      {0.99999, "99.999 %"},
                                                                      {0.999999, "99.9999 %"}}};

double nines(double share) {
    return -std::log10(1 - share);
}

std::string_view goal_colour(std::size_t goal) {
    return kGoalColours[goal % kGoalColours.size()];
}

// Of a power of ten, and without an exponent.
std::string percent_tick(double share) {
    const double places = std::max(0.0, std::round(-std::log10(share * 100)));
    return fmt::format("{:.{}f} %", share * 100, static_cast<int>(places));
}

double to_us(std::uint64_t ns) {
    return static_cast<double>(ns) / 1000;
}

double carried_pps(const TrialNote& trial) {
    return trial.offered_pps * (1 - trial.loss_ratio);
}

std::string goal_words(const Found& found) {
    const auto within = found.goal.loss_ratio == 0
                            ? std::string("no loss")
                            : fmt::format("{:.4g} % lost", found.goal.loss_ratio * 100);
    if (!found.at_lower)
        return within + (found.interrupted ? ": interrupted too early to tell" : ": at no rate");
    const auto& latency = found.at_lower->latency;
    return fmt::format(
        "{}: {} {} packets/s{}{}; p50 {:.1f}, p99 {:.1f}, p99.9 {:.1f}, max {:.1f} µs", within,
        found.at_max || found.generator_limited ? "at least" : "up to",
        short_number(found.lower_pps), found.generator_limited ? ", where the generator ends" : "",
        found.interrupted ? ", when it was interrupted" : "", to_us(latency.p50_ns()),
        to_us(latency.p99_ns()), to_us(latency.p999_ns()), to_us(latency.max_ns()));
}

class SearchPicture {
  public:
    SearchPicture(const std::vector<Found>& found, const std::vector<TrialNote>& trials)
        : found_(found),
          trials_(trials),
          first_top_(kTitleRow + kWordsRow * static_cast<double>(found.size() + 1) + 60),
          svg_(kWidth, first_top_ + 2 * kFrameStep + kFrameHeight + 50),
          rates_(rate_axis(trials)) {}

    std::string draw(std::string_view title) {
        svg_.text({kLeft, kTitleRow}, title, Anchor::start, 17, true);
        words();
        draw_loss(frame(0));
        draw_carried(frame(1));
        draw_latency(frame(2));
        return svg_.finish();
    }

  private:
    static LogAxis rate_axis(const std::vector<TrialNote>& trials) {
        if (trials.empty()) return {1, 10, kLeft, kRight};
        const auto [lowest, highest] = std::ranges::minmax(trials, {}, &TrialNote::pps);
        return {lowest.pps, highest.pps, kLeft, kRight};
    }

    Frame frame(int number) const {
        const double top = first_top_ + number * kFrameStep;
        return {kLeft, top, kRight, top + kFrameHeight};
    }

    void words() {
        double y = kTitleRow + kWordsRow + 4;
        for (std::size_t goal = 0; goal < found_.size(); ++goal, y += kWordsRow) {
            svg_.square({kLeft + 6, y - 4}, goal_colour(goal));
            svg_.text({kLeft + 18, y}, goal_words(found_[goal]));
        }
        svg_.disc({kLeft + 6, y - 4}, kTrialColour);
        svg_.text({kLeft + 18, y}, "trial of full length");
        svg_.ring({kLeft + 176, y - 4}, kTrialColour);
        svg_.text({kLeft + 188, y}, "short trial");
        svg_.cross({kLeft + 286, y - 4}, kTrialColour);
        svg_.text({kLeft + 298, y}, "trial that the generator limited");
    }

    void rate_ticks(const Frame& frame) {
        for (const double tick : rates_.ticks())
            frame.tick_x(svg_, rates_.at(tick), short_number(tick));
        for (std::size_t goal = 0; goal < found_.size(); ++goal)
            if (found_[goal].at_lower) {
                const double x = rates_.at(found_[goal].lower_pps);
                svg_.line({x, frame.top}, {x, frame.bottom}, goal_colour(goal), 2);
            }
    }

    void mark(Pixel at, const TrialNote& trial) {
        if (trial.generator_limited)
            svg_.cross(at, kTrialColour);
        else if (trial.full_length)
            svg_.disc(at, kTrialColour);
        else
            svg_.ring(at, kTrialColour);
    }

    void draw_loss(const Frame& frame) {
        const LogAxis losses(kLeastLoss, 1, frame.bottom - 2 * kNoLossPixels, frame.top);
        const double none = frame.bottom - kNoLossPixels;
        for (const double tick : losses.ticks())
            frame.tick_y(svg_, losses.at(tick), percent_tick(tick));
        frame.tick_y(svg_, none, "none");
        rate_ticks(frame);
        frame.draw(svg_, "Share of packets lost, by rate", "packets/s offered to the device");
        for (const auto& trial : trials_)
            mark({rates_.at(trial.pps), trial.loss_ratio > 0 ? losses.at(trial.loss_ratio) : none},
                 trial);
    }

    void draw_carried(const Frame& frame) {
        double lowest = rates_.lowest();
        for (const auto& trial : trials_)
            if (carried_pps(trial) > 0) lowest = std::min(lowest, carried_pps(trial));
        const double highest =
            trials_.empty() ? lowest : std::ranges::max(trials_, {}, &TrialNote::pps).pps;
        const LogAxis carried(std::max(lowest, highest / 1e6), highest, frame.bottom, frame.top);
        for (const double tick : carried.ticks())
            frame.tick_y(svg_, carried.at(tick), short_number(tick));
        rate_ticks(frame);
        frame.draw(svg_, "Packets/s of the offered that came through whole, by rate",
                   "packets/s offered to the device");
        for (const auto& trial : trials_)
            mark({rates_.at(trial.pps), carried.at(carried_pps(trial))}, trial);
    }

    // From every packet to the slowest in a million, the way a tail is looked at.
    void draw_latency(const Frame& frame) {
        constexpr int kMostNines = 6, kStepsPerNine = 20;
        const auto x_of = [&](double nines) {
            return frame.left + nines / kMostNines * (frame.right - frame.left);
        };
        for (const auto& [share, word] : kShares) frame.tick_x(svg_, x_of(nines(share)), word);
        double fastest = 1e9, slowest = 0;
        for (const auto& found : found_)
            if (found.at_lower && found.at_lower->latency.count() > 0) {
                fastest = std::min(fastest, to_us(found.at_lower->latency.quantile_ns(0)));
                slowest = std::max(slowest, to_us(found.at_lower->latency.max_ns()));
            }
        if (slowest == 0) {
            frame.draw(svg_, "Latency: no packet came back within a goal", "share of packets");
            return;
        }
        const LogAxis latencies(std::max(fastest, 0.001), std::max(slowest, 0.001), frame.bottom,
                                frame.top);
        for (const double tick : latencies.ticks())
            frame.tick_y(svg_, latencies.at(tick), short_number(tick));
        frame.draw(svg_, "Latency at the highest rate within each goal, µs, by share of packets",
                   "share of packets that were at least as fast");
        for (std::size_t goal = 0; goal < found_.size(); ++goal) {
            if (!found_[goal].at_lower || found_[goal].at_lower->latency.count() == 0) continue;
            const auto& histogram = found_[goal].at_lower->latency;
            std::vector<Pixel> points;
            for (int step = 0; step <= kMostNines * kStepsPerNine; ++step) {
                const double at = static_cast<double>(step) / kStepsPerNine;
                points.push_back(
                    {x_of(at), latencies.at(to_us(histogram.quantile_ns(1 - std::pow(10, -at))))});
            }
            svg_.curve(points, goal_colour(goal));
        }
    }

    const std::vector<Found>& found_;
    const std::vector<TrialNote>& trials_;
    const double first_top_;
    Svg svg_;
    const LogAxis rates_;
};

}  // namespace

std::string search_picture(std::string_view title, const std::vector<Found>& found,
                           const std::vector<TrialNote>& trials) {
    return SearchPicture(found, trials).draw(title);
}

}  // namespace mdd::load
