// SVG by hand: a dozen elements need no library.
#include "tools/mdd-load/chart.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace mdd::load {
namespace {

constexpr std::string_view kInk = "#12263a";
constexpr std::string_view kAxisGrey = "#8a99a8";
constexpr std::string_view kGridGrey = "#dde4eb";
constexpr std::size_t kMostTicks = 13;
constexpr double kHairsBreadth = 1e-9;  // relative: 1e6 / 10 must not end below 1e5

double power_below(double value) {
    return std::pow(10, std::floor(std::log10(value) + kHairsBreadth));
}

double step_below(double value) {
    const double unit = power_below(value);
    for (const double factor : {5, 2})
        if (factor * unit <= value * (1 + kHairsBreadth)) return factor * unit;
    return unit;
}

double step_above(double value) {
    const double unit = power_below(value);
    for (const double factor : {1, 2, 5})
        if (factor * unit >= value * (1 - kHairsBreadth)) return factor * unit;
    return 10 * unit;
}

std::string escaped(std::string_view words) {
    std::string text;
    for (const char c : words) {
        if (c == '&')
            text += "&amp;";
        else if (c == '<')
            text += "&lt;";
        else
            text += c;
    }
    return text;
}

std::string_view anchor_name(Anchor anchor) {
    return anchor == Anchor::start ? "start" : anchor == Anchor::middle ? "middle" : "end";
}

}  // namespace

LogAxis::LogAxis(double lowest, double highest, double first, double last)
    : lowest_(step_below(lowest)),
      highest_(std::max(step_above(highest), step_above(lowest_ * 1.5))),
      first_(first),
      last_(last) {}

double LogAxis::at(double value) const {
    const double share =
        std::log(std::clamp(value, lowest_, highest_) / lowest_) / std::log(highest_ / lowest_);
    return first_ + share * (last_ - first_);
}

std::vector<double> LogAxis::ticks() const {
    std::vector<double> all, decades;
    double tick = lowest_;
    while (tick <= highest_ * (1 + kHairsBreadth)) {
        all.push_back(tick);
        if (step_below(tick) == power_below(tick)) decades.push_back(tick);
        tick = step_above(tick * 1.5);
    }
    return all.size() > kMostTicks ? decades : all;
}

std::string short_number(double value) {
    if (value >= 1e6) return fmt::format("{:.4g}M", value / 1e6);
    if (value >= 1e3) return fmt::format("{:.4g}k", value / 1e3);
    return fmt::format("{:.4g}", value);
}

Svg::Svg(double width, double height)
    : body_(fmt::format(
          "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:g} {1:g}\" width=\"{0:g}\" "
          "height=\"{1:g}\" font-family=\"DejaVu Sans, sans-serif\">\n"
          "<rect width=\"{0:g}\" height=\"{1:g}\" fill=\"#f7f9fc\"/>\n",
          width, height)) {}

void Svg::text(Pixel at, std::string_view words, Anchor anchor, int size, bool bold) {
    body_ += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{}\" fill=\"{}\" text-anchor=\"{}\" "
        "font-weight=\"{}\">{}</text>\n",
        at.x, at.y, size, kInk, anchor_name(anchor), bold ? "600" : "normal", escaped(words));
}

void Svg::line(Pixel from, Pixel to, std::string_view colour, double width) {
    body_ += fmt::format(
        "<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" stroke=\"{}\" stroke-width=\"{:g}\"/>\n", from.x,
        from.y, to.x, to.y, colour, width);
}

void Svg::curve(const std::vector<Pixel>& points, std::string_view colour) {
    std::string list;
    for (const auto& point : points) list += fmt::format("{:.1f},{:.1f} ", point.x, point.y);
    body_ += fmt::format(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", list, colour);
}

void Svg::disc(Pixel at, std::string_view colour) {
    body_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4.5\" fill=\"{}\"/>\n", at.x,
                         at.y, colour);
}

void Svg::ring(Pixel at, std::string_view colour) {
    body_ += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" fill=\"none\" stroke=\"{}\" "
        "stroke-width=\"1.2\"/>\n",
        at.x, at.y, colour);
}

void Svg::cross(Pixel at, std::string_view colour) {
    line({at.x - 4, at.y - 4}, {at.x + 4, at.y + 4}, colour, 1.5);
    line({at.x - 4, at.y + 4}, {at.x + 4, at.y - 4}, colour, 1.5);
}

void Svg::square(Pixel at, std::string_view colour) {
    body_ +=
        fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"11\" height=\"11\" fill=\"{}\"/>\n",
                    at.x - 5.5, at.y - 5.5, colour);
}

void Frame::draw(Svg& svg, std::string_view title, std::string_view name_of_x) const {
    svg.line({left, top}, {left, bottom}, kAxisGrey, 1);
    svg.line({left, bottom}, {right, bottom}, kAxisGrey, 1);
    svg.text({left, top - 12}, title, Anchor::start, 13, true);
    svg.text({right, bottom + 33}, name_of_x, Anchor::end);
}

void Frame::tick_x(Svg& svg, double x, std::string_view word) const {
    svg.line({x, top}, {x, bottom}, kGridGrey, 1);
    svg.text({x, bottom + 17}, word, Anchor::middle, 11);
}

void Frame::tick_y(Svg& svg, double y, std::string_view word) const {
    svg.line({left, y}, {right, y}, kGridGrey, 1);
    svg.text({left - 6, y + 4}, word, Anchor::end, 11);
}

}  // namespace mdd::load
