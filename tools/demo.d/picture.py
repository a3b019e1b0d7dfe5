"""Draws what happened as one SVG: a frame as sent and as received, and every second of packets and delay."""
import base64
import math

WIDTH, MARGIN = 960, 40
FRAME_WIDTH, FRAME_HEIGHT = 212, 120
PLOT_HEIGHT = 150
COLOURS = ("#8a99a8", "#1f4e79", "#d9822b", "#2e8b57", "#a23b72")


def text(x, y, words, size=13, colour="#12263a", anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{words}</text>')


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
             f'<path d="M{left} {y}V{y + PLOT_HEIGHT}H{right}" fill="none" stroke="#8a99a8"/>',
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
        parts.append(f'<rect x="{x}" y="{y - 19}" width="11" height="11" fill="{colour}"/>')
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
            parts.append(f'<rect x="{x:.1f}" y="{y + PLOT_HEIGHT - height:.1f}" width="{thickness:.1f}" '
                         f'height="{height:.1f}" fill="{COLOURS[row]}"/>')
    return parts + legend(y, [name for name, _ in rows], COLOURS)


def lines(y, title, rows):
    """One line per row over the seconds; `rows` is [(name, [value or None per second])]."""
    seconds = max((len(values) for _, values in rows), default=0)
    top = round_up(max((value for _, values in rows for value in values if value is not None), default=0))
    parts, left, slot = axes(y, title, top, seconds)
    for row, (_, values) in enumerate(rows):
        points = " ".join(f"{left + (second + 0.5) * slot:.1f},{y + PLOT_HEIGHT * (1 - value / top):.1f}"
                          for second, value in enumerate(values) if value is not None)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[row + 1]}" stroke-width="2.5"/>')
    return parts + legend(y, [name for name, _ in rows], COLOURS[1:])


def draw(path, title, frames, packets, delays):
    """Writes the SVG: `frames` [(caption, PNG)], `packets` and `delays` [(name, [value per second])]."""
    frames_y, packets_y = 64, 64 + FRAME_HEIGHT + 70
    delays_y = packets_y + PLOT_HEIGHT + 60
    height = delays_y + PLOT_HEIGHT + 40
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
             f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="DejaVu Sans, sans-serif">',
             f'<rect width="{WIDTH}" height="{height}" fill="#f7f9fc"/>', text(MARGIN, 38, title, 18, weight="600")]
    parts += frames_row(frames_y, frames)
    parts += bars(packets_y, "RTP packets per second", packets)
    parts += lines(delays_y, "delay from endpoint to endpoint, microseconds", delays)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts + ["</svg>"]) + "\n")
