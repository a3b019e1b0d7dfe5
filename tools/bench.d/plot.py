#!/usr/bin/env python3
"""Draws the rows of tools/bench: how close the loop comes to the limit, and what peers send; measures nothing.

usage: plot.py ROWS.json FOLDER      writes FOLDER/bench-forward.svg and, where ROWS has peers, FOLDER/bench-peers.svg
"""
import collections
import html
import json
import math
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "drawing.d"))
import svg  # noqa: E402
from svg import line, rectangle, text  # noqa: E402

WIDTH, MARGIN = 1080, 40
# A colour for each key size, a dash for single packets, solid for groups.
AES_COLOURS = {128: "#1f4e79", 256: "#d9822b"}
OURS, PEERS = "#1f4e79", "#8a99a8"
BAR_STEP = 20

Case = collections.namedtuple("Case", "size_bytes receivers group aes keys peer")


class NoRows(Exception):
    """A sentence: why there is nothing to draw."""


def read_rows(path):
    """The rows of forwarders on one worker, ours and peers'."""
    try:
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)
    except OSError as error:
        raise NoRows(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise NoRows(f"{path} is not JSON: {error}.") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "bench" in row for row in rows):
        raise NoRows(f"{path} is not a list of benchmark rows, as tools/bench --json writes it.")
    rows = [row for row in rows if row["bench"] in ("forward", "peer") and row.get("workers", 1) == 1]
    needed = ("size_bytes", "receivers", "group", "aes", "keys", "mpps_out")
    for row in rows:
        missing = [name for name in needed if not (isinstance(row.get(name), (int, float)) and row[name] > 0)]
        if missing:
            raise NoRows(f"{path} has a row of {row['bench']} without a number above 0 for {', '.join(missing)}.")
    if not any(row["bench"] == "forward" for row in rows):
        raise NoRows(f"{path} has no row of the forwarding loop.")
    return rows


def medians(rows, figure):
    """Case -> the median of a figure over the rows of that case."""
    values = collections.defaultdict(list)
    for row in rows:
        if row.get(figure) is not None:
            peer = row.get("peer") if row["bench"] == "peer" else None
            case = Case(row["size_bytes"], row["receivers"], row["group"], row["aes"], row["keys"], peer)
            values[case].append(row[figure])
    return {case: statistics.median(found) for case, found in values.items()}


def where_measured(rows):
    """The CPU and commit of all rows in words."""
    cpus, commits = ({row[name] for row in rows if row.get(name)} for name in ("cpu", "commit"))
    return html.escape(f"{', '.join(sorted(cpus)) or 'unknown CPU'}, commit {', '.join(sorted(commits)) or 'unknown'}")


def of_most_keys(ratios):
    """Without the cases that are there with more keys too: few keys stay in the cache, which flatters."""
    most = {}
    for case in ratios:
        place = case._replace(keys=0)
        most[place] = max(case.keys, most.get(place, 0))
    return {case: ratio for case, ratio in ratios.items() if case.keys == most[case._replace(keys=0)]}


def log_place(value, lowest, highest, first, last):
    return first + (last - first) * math.log(value / lowest) / math.log(highest / lowest)


def series_key(y, series):
    """What each line is, in a row; `series` is [(words, colour, dashed)]."""
    parts, x = [], MARGIN
    for words, colour, dashed in series:
        parts += [line([(x, y - 4), (x + 28, y - 4)], colour, 2.5, dashed), text(x + 34, y, words, 12)]
        x += 34 + 7.2 * len(words) + 24
    return parts


def ratio_frame(left, right, top, bottom, size_bytes, ratios, receivers):
    """One size's ratios over the number of receivers; every size has the same axes."""
    def place(count, ratio):
        x = log_place(count, receivers[0], max(receivers[-1], receivers[0] + 1), left, right)
        return x, bottom - ratio * (bottom - top)
    parts = [text(left, top - 14, f"{size_bytes} bytes", weight="600")]
    for tenth in range(0, 11, 2):
        _, y = place(receivers[0], tenth / 10)
        parts += [line([(left, y), (right, y)], svg.GRID, 1),
                  text(left - 6, y + 4, f"{tenth / 10:g}", 11, anchor="end")]
    for count in receivers:
        x, _ = place(count, 0)
        parts += [line([(x, top), (x, bottom)], svg.GRID, 1), text(x, bottom + 17, count, 11, anchor="middle")]
    parts += [line([(left, top), (left, bottom), (right, bottom)], svg.AXIS, 1),
              text((left + right) / 2, bottom + 36, "N", 12, anchor="middle")]
    for aes, group in sorted({(case.aes, case.group) for case in ratios if case.size_bytes == size_bytes}):
        points = [place(case.receivers, ratio) for case, ratio in sorted(ratios.items())
                  if (case.size_bytes, case.aes, case.group) == (size_bytes, aes, group)]
        colour = AES_COLOURS.get(aes, svg.AXIS)
        parts += [line(points, colour, 2.5, dashed=group == 1), *(svg.dot(x, y, 3, colour) for x, y in points)]
    return parts


def draw_ratios(rows, path):
    """Ratio to the limit over N, one frame for each size."""
    ours = [row for row in rows if row["bench"] == "forward"]
    ratios = of_most_keys(medians(ours, "ratio_to_limit"))
    if not ratios:
        raise NoRows("No row of the forwarding loop has a ratio_to_limit.")
    sizes = sorted({case.size_bytes for case in ratios})
    receivers = sorted({case.receivers for case in ratios})
    series = [(f"AES-{aes}, G = {group}", AES_COLOURS.get(aes, svg.AXIS), group == 1)
              for aes, group in sorted({(case.aes, case.group) for case in ratios})]
    top, bottom = 140, 400
    step = (WIDTH - MARGIN) / len(sizes)
    parts = [text(MARGIN, 36, "The forwarding loop as a share of AES-GCM alone", 18, weight="600"),
             text(MARGIN, 58, f"cycles of IPsec-MB alone / cycles of the whole loop, per packet sent by one worker; "
                  f"{where_measured(ours)}", 11)]
    parts += series_key(88, series)
    for number, size_bytes in enumerate(sizes):
        left = MARGIN + 20 + number * step
        parts += ratio_frame(left, left + step - 60, top, bottom, size_bytes, ratios, receivers)
    keys = ", ".join(map(str, sorted({case.keys for case in ratios})))
    parts.append(text(MARGIN, bottom + 62, "N: receivers of each packet. G: packets of one sender handled together. "
                      f"Keys of receivers in memory: {keys}.", 11))
    svg.write(path, WIDTH, bottom + 82, parts)


def rates_of(rows):
    """(size, N) -> [(name, Mpackets/s, is ours)], ours first, then the fastest peer, where both were measured."""
    rates = medians((row for row in rows if row["aes"] == 128), "mpps_out")
    cases = collections.defaultdict(list)
    for case, rate in rates.items():
        name = f"{case.peer or f'mdd, G = {case.group}'}, {case.keys} key{'s' if case.keys > 1 else ''}"
        cases[case.size_bytes, case.receivers].append((name, rate, case.peer is None))
    return {case: sorted(bars, key=lambda bar: (not bar[2], -bar[1])) for case, bars in sorted(cases.items())
            if {ours for _, _, ours in bars} == {True, False}}


def rate_bars(left, right, y, title, bars, lowest, highest):
    """Bars to the right on a log axis, each with its name before and its figure behind it."""
    names, bottom = left + 240, y + 10 + len(bars) * BAR_STEP

    def width(rate):
        return log_place(rate, lowest, highest, 0, right - 45 - names)
    parts = [text(left, y, title, weight="600")]
    tick = lowest
    while tick <= highest:
        x = names + width(tick)
        parts += [line([(x, y + 8), (x, bottom)], svg.GRID, 1),
                  text(x, bottom + 13, f"{tick:g}", 11, anchor="middle")]
        tick *= 10
    for number, (name, rate, ours) in enumerate(bars):
        top = y + 10 + number * BAR_STEP
        parts += [text(names - 6, top + 12, html.escape(name), 11, anchor="end"),
                  rectangle(names, top, width(rate), BAR_STEP - 5, OURS if ours else PEERS),
                  text(names + width(rate) + 5, top + 12, f"{rate:.3g}", 11)]
    return parts


def draw_peers(rows, path):
    """Packets per second from one core, ours beside the peers. False where there is no peer to draw."""
    cases = rates_of(rows)
    if not cases:
        return False
    rates = [rate for bars in cases.values() for _, rate, _ in bars]
    lowest, highest = 10 ** math.floor(math.log10(min(rates) * 0.99)), max(rates)
    sizes = sorted({size for size, _ in cases})
    step = (WIDTH - MARGIN) / len(sizes)
    parts = [text(MARGIN, 36, "Packets that leave one core", 18, weight="600"),
             text(MARGIN, 58, "millions per second on a logarithmic axis, AES-128, one worker; G: packets of one sender "
                  f"handled together; {where_measured(rows)}", 11)]
    y = 92
    for receivers in sorted({count for _, count in cases}):
        longest = 0
        for number, size_bytes in enumerate(sizes):
            bars = cases.get((size_bytes, receivers), [])
            longest = max(longest, len(bars))
            if bars:
                left = MARGIN + number * step
                title = f"{size_bytes} bytes, {receivers} receiver{'s' if receivers > 1 else ''}"
                parts += rate_bars(left, left + step - MARGIN, y, title, bars, lowest, highest)
        y += longest * BAR_STEP + 64
    svg.write(path, WIDTH, y - 10, parts)
    return True


def main(arguments):
    if len(arguments) != 2 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 64
    rows_path, folder = arguments
    try:
        rows = read_rows(rows_path)
        draw_ratios(rows, os.path.join(folder, "bench-forward.svg"))
        if not draw_peers(rows, os.path.join(folder, "bench-peers.svg")):
            print(f"plot.py: {rows_path} has no peer at a size and number of receivers of ours; bench-peers.svg is "
                  f"not drawn.")
    except NoRows as error:
        print(f"plot.py: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"plot.py: {error.filename} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
