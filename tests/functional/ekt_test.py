"""EKT keys of a conference: who gets a new one when, and that nothing is lost while it changes."""
import itertools
import re
import signal
import time

from bed import wait_until
from lab import LabTest, stream

RATE = 200


class EktKeys(LabTest):
    def wait_for_keys(self, peer, count):
        """Waits until an endpoint has got so many EKT keys since it began."""
        wait_until(lambda: peer.child.output().count("ekt spi=") >= count or not peer.child.must_live(), 10,
                   f"EKT key {count} of {peer.name}")

    def join_all(self):
        """Three members, each with the key of the last joining."""
        self.start_servers()
        peers = {name: self.join(name, stream(name, packets_per_second=RATE)) for name in "ABC"}
        for name, keys in zip("ABC", (3, 2, 1)):
            self.wait_for_keys(peers[name], keys)
        return peers

    def judge_those_who_stay(self, results):
        for sender, receiver in itertools.permutations("AB", 2):
            self.assert_hears_all(results, sender, receiver, at_least=RATE // 2)
        acknowledged = results.kmf["ekt"]["acknowledged"]
        self.assertGreaterEqual(acknowledged, 8)
        self.assertEqual(results.kmf["ekt"]["refused"], 0)

    def test_who_is_put_out_discards_its_keys_and_the_others_get_a_new_one(self):
        peers = self.join_all()
        time.sleep(0.5)
        with open(self.scene.path("kmf.toml"), encoding="utf-8") as file:
            entry = re.search(r',\n  \{ id = "C".*\}', file.read())[0]
        self.edit("kmf.toml", entry, "")
        self.kmf.process.send_signal(signal.SIGHUP)
        peers["C"].child.wait_for_output("left", 5)
        self.wait_for_keys(peers["A"], 4)
        time.sleep(0.5)
        results = self.end()
        self.judge_those_who_stay(results)
        out = results.reports["C"]
        self.assertTrue(out["dtls"]["closed_by_kmf"])
        self.assertEqual(len(out["ekt"]["spis"]), 1)
        self.assertGreater(out["rtp"]["send_not_keyed"], RATE // 4)

    def test_a_new_key_each_second_loses_nothing(self):
        self.edit("kmf.toml", "tls_id = \"kmf-", "rekey = [\"1s\"]\ntls_id = \"kmf-")
        self.start_servers()
        for name in "AB":
            self.join(name, stream(name, packets_per_second=RATE))
        time.sleep(4.5)
        results = self.end()
        for sender, receiver in itertools.permutations("AB", 2):
            self.assert_hears_all(results, sender, receiver, at_least=4 * RATE)
        for report in results.reports.values():
            self.assertGreaterEqual(report["ekt"]["rekeys"], 3)
        # A was there first. What comes to B from before its time is judged with the rest; of what comes later nothing may
        # be without its key, or it would be missing above.
        self.assertEqual(results.reports["A"]["rtp"]["e2e_no_key"], 0)
