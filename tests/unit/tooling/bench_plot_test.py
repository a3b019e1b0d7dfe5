#!/usr/bin/env python3
"""Tests of the benchmarks' pictures: every row is in them, at its place, and no words lie on others."""
import contextlib
import io
import json
import math
import os
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../tools/bench.d"))
import plot  # noqa: E402

COUNTS = (1, 2, 5, 10, 50, 200)
MACHINE = {"cpu": "AMD EPYC <7>", "commit": "558ff47"}


def forward(size_bytes, receivers, group, aes=128, **more):
    ratio = 0.4 + 0.05 * math.log10(receivers) + 0.01 * (group or 1)
    return {"bench": "forward", "size_bytes": size_bytes, "receivers": receivers, "group": group, "keys": 10000,
            "aes": aes, "workers": 1, "mpps_out": 400 / size_bytes + (group or 1), "cycles_per_packet": 100.0,
            "limit_cycles_per_packet": 100 * ratio, "ratio_to_limit": ratio, "peer": None, **MACHINE, **more}


def peer(name, size_bytes, receivers, mpps_out, keys=1000):
    return {**forward(size_bytes, receivers, 8), "bench": "peer", "peer": name, "mpps_out": mpps_out,
            "keys": keys, "ratio_to_limit": None}


ALL_FORWARD = [forward(size, count, group, aes) for size in (100, 500, 1200) for count in COUNTS for group in (1, 8)
               for aes in (128, 256)]
PEERS = [peer(name, size, count, rate) for size in (100, 1200) for count in (1, 10, 50)
         for name, rate in (("libsrtp2-nss", 0.2), ("socket-sfu-openssl-evp-gso", 1.5), ("socket-sfu", 0.7))]


class Picture:
    """An SVG that was drawn, taken apart."""

    def __init__(self, path):
        root = xml.etree.ElementTree.parse(path).getroot()
        space = "{http://www.w3.org/2000/svg}"
        self.width, self.height = float(root.get("width")), float(root.get("height"))
        self.texts = root.findall(space + "text")
        self.words = [element.text for element in self.texts]
        self.curves = [[tuple(map(float, point.split(","))) for point in element.get("points").split()]
                       for element in root.findall(space + "polyline") if element.get("stroke-width") == "2.5"]
        self.dots = len(root.findall(space + "circle"))
        self.bars = {element.get("fill"): float(element.get("width")) for element in root.findall(space + "rect")}

    def boxes(self):
        """(left, top, right, bottom, words) of each text, estimated for DejaVu Sans."""
        for element in self.texts:
            size = float(element.get("font-size"))
            width = len(element.text) * size * (0.66 if element.get("font-weight") == "600" else 0.6)
            left = float(element.get("x")) - {"start": 0, "middle": 0.5, "end": 1}[element.get("text-anchor")] * width
            y = float(element.get("y"))
            yield left, y - 0.75 * size, left + width, y + 0.2 * size, element.text


class Drawing(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def plot(self, rows, exit_code=0):
        """Runs the program on rows, or on a text, and returns what it says."""
        with open(self.path("rows.json"), "w", encoding="utf-8") as file:
            file.write(rows if isinstance(rows, str) else json.dumps(rows))
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            self.assertEqual(plot.main([self.path("rows.json"), self.folder.name]), exit_code, said.getvalue())
        return said.getvalue()

    def picture(self, name):
        return Picture(self.path(name))

    def assert_readable(self, picture):
        boxes = list(picture.boxes())
        for number, (left, top, right, bottom, words) in enumerate(boxes):
            self.assertTrue(0 <= left and right <= picture.width and 0 <= top and bottom <= picture.height, words)
            for other in boxes[number + 1:]:
                apart = right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
                self.assertTrue(apart, f"{words!r} lies on {other[4]!r}")


class Ratios(Drawing):
    def test_every_size_has_a_line_for_each_group_and_key_size(self):
        self.plot(ALL_FORWARD)
        picture = self.picture("bench-forward.svg")
        curves = [points for points in picture.curves if len(points) == len(COUNTS)]
        self.assertEqual(len(curves), 3 * 2 * 2)
        self.assertEqual(picture.dots, len(ALL_FORWARD))
        for title in ("100 bytes", "500 bytes", "1200 bytes", "AES-128, G = 1", "AES-256, G = 8"):
            self.assertIn(title, picture.words)

    def test_a_point_is_at_its_ratio_and_at_the_logarithm_of_its_receivers(self):
        ratios = (0.25, 0.5, 1.0)
        self.plot([forward(1200, count, 8, ratio_to_limit=ratio) for count, ratio in zip((1, 10, 100), ratios)])
        points = self.picture("bench-forward.svg").curves[-1]
        (first_x, first_y), (middle_x, middle_y), (last_x, last_y) = points
        self.assertAlmostEqual(middle_x - first_x, last_x - middle_x, delta=0.2)
        self.assertAlmostEqual((first_y - last_y) / 3, first_y - middle_y, delta=0.2)

    def test_several_rows_of_a_case_are_drawn_at_their_median(self):
        self.plot([forward(1200, 10, 8, ratio_to_limit=ratio) for ratio in (0.1, 0.5, 0.6)] + [forward(1200, 1, 8)])
        several = self.picture("bench-forward.svg").curves[-1][1]
        self.plot([forward(1200, 10, 8, ratio_to_limit=0.5), forward(1200, 1, 8)])
        self.assertEqual(self.picture("bench-forward.svg").curves[-1][1], several)

    def test_few_keys_do_not_flatter(self):
        cold = [forward(1200, 1, 8, keys=10000), forward(1200, 10, 8, keys=10000)]
        self.plot(cold)
        alone = self.picture("bench-forward.svg").curves
        self.plot([forward(1200, 10, 8, keys=10, ratio_to_limit=0.9), *cold])
        self.assertEqual(self.picture("bench-forward.svg").curves, alone)

    def test_other_benchmarks_and_more_workers_are_left_out(self):
        self.plot([forward(1200, 1, 8), forward(1200, 10, 8), forward(1200, 10, 8, workers=2, ratio_to_limit=0.9),
                   {"bench": "kmf_handshakes", "dialect": "dtls-v1"}])
        alone = self.picture("bench-forward.svg").curves
        self.plot([forward(1200, 1, 8), forward(1200, 10, 8)])
        self.assertEqual(self.picture("bench-forward.svg").curves, alone)

    def test_where_it_was_measured_is_written_on_it(self):
        self.plot(ALL_FORWARD)
        self.assertTrue(any("AMD EPYC <7>, commit 558ff47" in words
                            for words in self.picture("bench-forward.svg").words))

    def test_no_words_lie_on_others(self):
        self.plot(ALL_FORWARD)
        self.assert_readable(self.picture("bench-forward.svg"))

    def test_one_case_alone_is_a_picture_too(self):
        self.plot([forward(1200, 10, 8)])
        self.assert_readable(self.picture("bench-forward.svg"))
        self.assertEqual(self.picture("bench-forward.svg").dots, 1)


class Peers(Drawing):
    def test_every_peer_and_ours_have_a_bar_with_its_figure(self):
        self.plot(ALL_FORWARD + PEERS)
        picture = self.picture("bench-peers.svg")
        self.assertEqual(picture.words.count("socket-sfu-openssl-evp-gso, 1000 keys"), 6)
        self.assertEqual(picture.words.count("mdd, G = 8, 10000 keys"), 6)
        self.assertEqual(picture.words.count("0.2"), 6)
        self.assertIn("100 bytes, 1 receiver", picture.words)
        self.assertIn("1200 bytes, 50 receivers", picture.words)
        self.assertFalse(any("500 bytes" in words for words in picture.words), "no peer has that size")

    def test_few_keys_and_many_are_different_bars(self):
        self.plot([forward(1200, 10, 8), peer("libsrtp2", 1200, 10, 0.25), peer("libsrtp2", 1200, 10, 0.75, keys=1)])
        words = self.picture("bench-peers.svg").words
        for expected in ("libsrtp2, 1000 keys", "0.25", "libsrtp2, 1 key", "0.75"):
            self.assertIn(expected, words)

    def test_a_peer_alone_is_no_comparison(self):
        self.plot([forward(1200, 10, 8), peer("libsrtp2", 1200, 10, 0.3), peer("libsrtp2", 1200, 50, 0.4)])
        self.assertNotIn("1200 bytes, 50 receivers", self.picture("bench-peers.svg").words)

    def test_ten_times_the_rate_is_a_decade_longer(self):
        self.plot([forward(1200, 10, 8, mpps_out=10.0), peer("slow", 1200, 10, 1.0)])
        picture = self.picture("bench-peers.svg")
        ours, theirs = picture.bars[plot.OURS], picture.bars[plot.PEERS]
        self.assertAlmostEqual(ours, 2 * theirs, delta=0.2, msg="the axis begins a decade below the slowest")

    def test_no_words_lie_on_others(self):
        self.plot(ALL_FORWARD + PEERS)
        self.assert_readable(self.picture("bench-peers.svg"))

    def test_without_peers_that_is_said_and_the_other_picture_drawn(self):
        self.assertIn("bench-peers.svg is not drawn", self.plot(ALL_FORWARD))
        self.assertFalse(os.path.exists(self.path("bench-peers.svg")))
        self.assertTrue(os.path.exists(self.path("bench-forward.svg")))


class BadInput(Drawing):
    def test_what_holds_no_rows_is_refused_with_a_sentence(self):
        for rows, said in (("", "is not JSON"), ("{}", "not a list of benchmark rows"), ("[3]", "not a list"),
                           ([], "no row of the forwarding loop"), (PEERS, "no row of the forwarding loop"),
                           ([forward(1200, 10, 8, ratio_to_limit=None)], "has a ratio_to_limit"),
                           ([forward(1200, 10, 8, mpps_out="fast")], "without a number above 0 for mpps_out"),
                           ([forward(1200, 10, 8, mpps_out=0)], "above 0 for mpps_out"),
                           ([forward(1200, 10, None)], "above 0 for group")):
            self.assertIn(said, self.plot(rows, exit_code=1))

    def test_files_that_cannot_be_read_or_written_are_named(self):
        self.plot(ALL_FORWARD)
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            self.assertEqual(plot.main([self.path("absent.json"), self.folder.name]), 1)
            self.assertEqual(plot.main([self.path("rows.json"), self.path("absent")]), 1)
        self.assertIn("absent.json cannot be read: No such file or directory.", said.getvalue())
        self.assertIn("absent/bench-forward.svg cannot be written: No such file or directory.", said.getvalue())

    def test_wrong_usage_is_64(self):
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(plot.main([]), 64)
            self.assertEqual(plot.main(["--help", "x"]), 64)


if __name__ == "__main__":
    unittest.main()
