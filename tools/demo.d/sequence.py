"""Draws the steps of a set-up as a sequence diagram in SVG: one line for each party, one row for each step."""
import html

import flow
import svg
from svg import rectangle, text

MARGIN, TOP, ROW = 30, 110, 21
TIME_WIDTH, LANE = 90, 205
COLOURS = {"tunnel": "#d9822b", "media": "#2e8b57", "dtls": "#1f4e79", "note": "#a23b72"}
LEGEND = (("dtls", "DTLS between endpoint and mdd"), ("tunnel", "tunnel between mdd and KMF"),
          ("media", "media"), ("note", "what a party does"))


def kind_of(step):
    if step.target is None:
        return "note"
    if flow.KMF in (step.source, step.target):
        return "tunnel"
    return "media" if step.what.startswith("SRTP") else "dtls"


def arrow(y, left, right, step):
    """An arrow from one lane to another with its words above."""
    colour = COLOURS[kind_of(step)]
    tip = -7 if right > left else 7
    middle = (left + right) / 2
    return [f'<path d="M{left} {y}H{right}" stroke="{colour}" stroke-width="1.4" fill="none"/>',
            f'<path d="M{right} {y}l{tip} -3.5v7z" fill="{colour}"/>',
            text(middle, y - 4, html.escape(step.what), 10, colour, anchor="middle")]


def note(y, x, step):
    """A small box on a party's own lane."""
    width = 7 + 6.2 * len(step.what)
    return [f'<rect x="{x - width / 2:.1f}" y="{y - 13}" width="{width:.1f}" height="16" rx="3" fill="#fff" '
            f'stroke="{COLOURS["note"]}"/>', text(x, y - 1, html.escape(step.what), 10, COLOURS["note"], "middle")]


def legend(y):
    parts, x = [], MARGIN
    for kind, words in LEGEND:
        parts += [rectangle(x, y - 10, 11, 11, COLOURS[kind]), text(x + 16, y, words, 11)]
        x += 16 + 6.4 * len(words) + 24
    return parts


def draw(path, title, parties, steps, start_us):
    """Writes the SVG; `parties` are the lanes from left to right, `steps` in the order of time."""
    lanes = {name: MARGIN + TIME_WIDTH + LANE * (number + 0.5) for number, name in enumerate(parties)}
    width = MARGIN * 2 + TIME_WIDTH + LANE * len(parties)
    height = TOP + ROW * len(steps) + 40
    parts = [text(MARGIN, 34, title, 17, weight="600")]
    parts += legend(60)
    for name, x in lanes.items():
        parts += [f'<path d="M{x} {TOP - 14}V{height - 20}" stroke="#c3ccd6"/>',
                  text(x, TOP - 22, name, 14, anchor="middle", weight="600")]
    for number, step in enumerate(steps):
        y = TOP + ROW * (number + 1)
        parts.append(text(MARGIN + TIME_WIDTH - 14, y, f"{(step.at_us - start_us) / 1000:.2f} ms", 10, "#5a6b7c",
                          anchor="end"))
        parts += (note(y, lanes[step.source], step) if step.target is None
                  else arrow(y, lanes[step.source], lanes[step.target], step))
    svg.write(path, width, height, parts)
