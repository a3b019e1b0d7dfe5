#!/usr/bin/env python3
"""Tests of the demo's arithmetic: what counts as lost, as late, and as a run that went as it should."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../tools/demo.d"))
import media  # noqa: E402
import report  # noqa: E402

GOOD = {"handshakes": 3, "endpoints": 3, "conservation": True, "nonce_repeats": 0, "audited_packets": 9,
        "capture_missed": 0, "media": {"frames_identical": True},
        "rtp": {"sent": 9, "lost": 0, "hbh_failed": 0, "e2e_failed": 0}}


class Arithmetic(unittest.TestCase):
    def test_a_percentile_is_a_value_that_was_measured(self):
        self.assertEqual(report.percentile(range(1, 1001), 0.5), 500)
        self.assertEqual(report.percentile(range(1, 1001), 0.999), 999)
        self.assertEqual(report.percentile([7], 0.99), 7)
        self.assertEqual(report.percentile([], 0.99), 0)

    def test_only_packets_in_both_traces_have_a_delay(self):
        self.assertEqual(report.latencies({(1, 1): 100, (1, 2): 200}, {(1, 2): 260, (9, 9): 5}), [60])

    def test_a_packet_is_lost_when_the_receiver_was_keyed_and_did_not_get_it(self):
        sent = {(1, 1): 100, (1, 2): 200, (1, 3): 300}
        self.assertEqual(report.lost(sent, {(1, 3): 350}, heard_since=150), 1)
        self.assertEqual(report.lost(sent, {}, heard_since=0), 3)

    def test_a_joiner_hears_from_when_the_sender_has_changed_over_to_its_first_ekt_key(self):
        sender, joiner = report.Trace(), report.Trace()
        sender.keyed, sender.ekt = 10, {1: 20, 2: 300, 3: 900}
        joiner.keyed, joiner.ekt = 250, {2: 260, 3: 880}
        self.assertEqual(report.hears_since(sender, joiner), 300)
        self.assertEqual(report.hears_since(joiner, sender), 10, "who was there hears the joiner from the start")
        sender.ekt = {}
        self.assertEqual(report.hears_since(sender, joiner), 250)

    def test_the_same_number_on_another_ssrc_is_another_packet(self):
        self.assertEqual(report.lost({(1, 1): 100}, {(2, 1): 150}, heard_since=0), 1)

    def test_packets_are_counted_in_the_second_they_belong_to(self):
        self.assertEqual(report.per_second(1_000_000, 2, [1_000_000, 1_999_999, 2_000_000, 9_000_000, 5]), [2, 1])

    def test_a_silent_second_has_no_delay(self):
        values = report.percentile_per_second(0, 2, {(1, 1): 10}, [{(1, 1): 40}], 0.5)
        self.assertEqual(values, [30, None])


class TraceFiles(unittest.TestCase):
    def test_a_trace_tells_sent_received_the_first_handshake_and_ekt_keys(self):
        with tempfile.NamedTemporaryFile("w", suffix=".trace") as file:
            file.write("keyed,5000\nekt,513,6000\ntx,7,65537,9000,120\nrx,8,3,900,12000,110,4711\nkeyed,99000\n")
            file.flush()
            trace = report.read_trace(file.name)
        self.assertEqual((trace.sent, trace.received, trace.keyed), ({(7, 65537): 9.0}, {(8, 3): 12.0}, 5.0))
        self.assertEqual(trace.ekt, {513: 6.0})


class Judgement(unittest.TestCase):
    def test_a_good_run_has_no_shortfall(self):
        self.assertEqual(report.shortfalls(GOOD), [])

    def test_each_shortfall_is_told(self):
        for key, value in (("handshakes", 2), ("conservation", False), ("nonce_repeats", 1), ("audited_packets", 0),
                           ("capture_missed", 4), ("media", {"frames_identical": False})):
            self.assertEqual(len(report.shortfalls({**GOOD, key: value})), 1, key)
        for key, value in (("sent", 0), ("lost", 1), ("hbh_failed", 1), ("e2e_failed", 1)):
            self.assertEqual(len(report.shortfalls({**GOOD, "rtp": {**GOOD["rtp"], key: value}})), 1, key)


class FrameHashes(unittest.TestCase):
    def test_a_missing_list_of_frames_is_an_empty_one(self):
        self.assertEqual(media.frame_hashes("/nonexistent"), {media.VIDEO: [], media.AUDIO: []})


if __name__ == "__main__":
    unittest.main()
