// The parts of a chart as SVG: logarithmic axes, a frame, marks. Knows no result.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mdd::load {

// From the 1, 2 or 5 times a power of ten at or below `lowest` to the one at or above `highest`.
class LogAxis {
  public:
    // Precondition: 0 < lowest <= highest. `first`, `last`: pixels of the two ends.
    LogAxis(double lowest, double highest, double first, double last);

    // Pixels; of the nearest end where the value is outside.
    double at(double value) const;
    double lowest() const { return lowest_; }
    // Every 1, 2 and 5 times a power of ten, or only powers of ten where that were too many words.
    std::vector<double> ticks() const;

  private:
    double lowest_, highest_, first_, last_;
};

// 850, 12k, 3.4M: for the ticks of an axis.
std::string short_number(double value);

struct Pixel {
    double x, y;  // y downwards
};

enum class Anchor { start, middle, end };

class Svg {
  public:
    Svg(double width, double height);

    void text(Pixel at, std::string_view words, Anchor anchor = Anchor::start, int size = 12,
              bool bold = false);
    void line(Pixel from, Pixel to, std::string_view colour, double width);
    void curve(const std::vector<Pixel>& points, std::string_view colour);
    void disc(Pixel at, std::string_view colour);
    void ring(Pixel at, std::string_view colour);
    void cross(Pixel at, std::string_view colour);
    void square(Pixel at, std::string_view colour);

    // The whole picture.
    std::string finish() const { return body_ + "</svg>\n"; }

  private:
    std::string body_;
};

// An area to draw in, in pixels. Words of its ticks need 70 to the left and 35 below, its title 25
// above.
struct Frame {
    double left, top, right, bottom;

    void draw(Svg& svg, std::string_view title, std::string_view name_of_x) const;
    // A word at the axis and a thin line through the frame.
    void tick_x(Svg& svg, double x, std::string_view word) const;
    void tick_y(Svg& svg, double y, std::string_view word) const;
};

}  // namespace mdd::load
