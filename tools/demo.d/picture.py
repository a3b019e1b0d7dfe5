"""Draws what happened as one SVG: a frame as sent and as received, and every second of packets and delay."""
import base64
import math

import svg
from svg import line, rectangle, text

WIDTH, MARGIN = 960, 40
FRAME_WIDTH, FRAME_HEIGHT = 212, 120
PLOT_HEIGHT = 150
COLOURS = ("#8a99a8", "#1f4e79", "#d9822b", "#2e8b57", "#a23b72")


def frames_row(y, frames):
    """The pictures side by side; `frames` is [(caption, PNG path)]."""
    step = (WIDTH - 2 * MARGIN - FRAME_WIDTH) / max(1, len(frames) - 1)
    parts = []
    for number, (caption, path) in enumerate(frames):
        x = MARGIN + number * step
        with open(path, "rb") as file:
            data = base64.b64encode(file.read()).decode()
        parts.append(f'<image x="{x:.1f}" y="{y}" width="{FRAME_WIDTH}" height="{FRAME_HEIGHT}" '
                     f'href="data:image/png;base64,{data}" xlink:href="data:image/png;base64,{data}"/>')
        parts.append(text(x + FRAME_WIDTH / 2, y + FRAME_HEIGHT + 18, caption, anchor="middle"))
    return parts


def round_up(value):
    """The next 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1
    unit = 10 ** math.floor(math.log10(value))
    return next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= value)


def axes(y, title, top, seconds):
    """A frame with a title, the value at its top, and the seconds below."""
    left, right = MARGIN + 20, WIDTH - MARGIN
    parts = [text(left, y - 10, title, weight="600"),
             line([(left, y), (left, y + PLOT_HEIGHT), (right, y + PLOT_HEIGHT)], svg.AXIS, 1),
             text(left - 6, y + 5, f"{top:g}", 11, anchor="end"),
             text(left - 6, y + PLOT_HEIGHT, "0", 11, anchor="end"),
             text(right, y + PLOT_HEIGHT + 16, "second", 11, anchor="end")]
    slot = (right - left) / max(1, seconds)
    step = max(1, seconds // 12)
    parts += [text(left + (number + 0.5) * slot, y + PLOT_HEIGHT + 16, number + 1, 11, anchor="middle")
              for number in range(0, seconds - 1, step)]
    return parts, left, slot


def legend(y, names, colours):
    parts, x = [], WIDTH - MARGIN - 120 * len(names)
    for name, colour in zip(names, colours):
        parts.append(rectangle(x, y - 19, 11, 11, colour))
        parts.append(text(x + 16, y - 10, name, 12))
        x += 120
    return parts


def bars(y, title, rows):
    """One group of bars per second; `rows` is [(name, [value per second])]."""
    seconds = max((len(values) for _, values in rows), default=0)
    top = round_up(max((max(values, default=0) for _, values in rows), default=0))
    parts, left, slot = axes(y, title, top, seconds)
    thickness = slot * 0.8 / max(1, len(rows))
    for row, (_, values) in enumerate(rows):
        for second, value in enumerate(values):
            height = PLOT_HEIGHT * value / top
            x = left + second * slot + slot * 0.1 + row * thickness
            parts.append(rectangle(x, y + PLOT_HEIGHT - height, thickness, height, COLOURS[row]))
    return parts + legend(y, [name for name, _ in rows], COLOURS)


def lines(y, title, rows):
    """One line per row over the seconds; `rows` is [(name, [value or None per second])]."""
    seconds = max((len(values) for _, values in rows), default=0)
    top = round_up(max((value for _, values in rows for value in values if value is not None), default=0))
    parts, left, slot = axes(y, title, top, seconds)
    for row, (_, values) in enumerate(rows):
        points = [(left + (second + 0.5) * slot, y + PLOT_HEIGHT * (1 - value / top))
                  for second, value in enumerate(values) if value is not None]
        parts.append(line(points, COLOURS[row + 1], 2.5))
    return parts + legend(y, [name for name, _ in rows], COLOURS[1:])


def draw(path, title, frames, packets, delays):
    """Writes the SVG: `frames` [(caption, PNG)], `packets` and `delays` [(name, [value per second])]."""
    frames_y, packets_y = 64, 64 + FRAME_HEIGHT + 70
    delays_y = packets_y + PLOT_HEIGHT + 60
    height = delays_y + PLOT_HEIGHT + 40
    parts = [text(MARGIN, 38, title, 18, weight="600")]
    parts += frames_row(frames_y, frames)
    parts += bars(packets_y, "RTP packets per second", packets)
    parts += lines(delays_y, "delay from endpoint to endpoint, microseconds", delays)
    svg.write(path, WIDTH, height, parts)
