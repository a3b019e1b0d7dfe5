"""New keys for an endpoint that stays, that restarts, and that comes back."""
import datetime
import math
import time

from lab import LabTest, stream

B_PACKETS_PER_SECOND = 50
# What an endpoint may miss between its Finished and the switch of mdd's keys, where mdd's log does not say how long
# that took: one packet each way.
ROUND_TRIP_S = 0.05


def proof_seconds(log):
    """How long mdd waited for the first packet under A's new keys, by its own log."""
    def at(words):
        line = next(line for line in log.splitlines() if words in line)
        return datetime.datetime.fromisoformat(line.split()[0])
    return (at("endpoint A has restarted") - at("endpoint A has new keys")).total_seconds()


class Rekey(LabTest):
    def test_a_new_handshake_gives_new_keys_without_a_gap(self):
        self.start_servers()
        peers = {name: self.join(name, stream(name, packets_per_second=200)) for name in "ABC"}
        time.sleep(0.5)
        peers["A"].rekey()
        time.sleep(1.5)
        results = self.end()
        self.assertEqual(results.totals["handshakes"], 3)
        self.assertEqual(results.totals["rekeys"], 1)
        self.assertEqual(results.totals["restarts"], 0)
        self.assertEqual(results.reports["A"]["dtls"]["handshakes"], 2)
        for name in "BC":
            self.assertEqual(results.reports[name]["dtls"]["handshakes"], 1)
        for sender, receiver in ("AB", "AC", "BA", "CA", "BC", "CB"):
            self.assert_hears_all(results, sender, receiver, at_least=200)
        log = self.log_of_mdd()
        hashes = [line.partition("keys_sha256=")[2] for line in log.splitlines() if "keys_sha256=" in line]
        self.assertEqual(len(hashes), len(set(hashes)))


class Restart(LabTest):
    def test_an_endpoint_that_restarts_on_its_address_is_heard_and_hears_again(self):
        self.start_servers()
        first = self.join("A", stream("A", 60000))
        self.join("B", stream("B", packets_per_second=B_PACKETS_PER_SECOND))
        time.sleep(0.7)
        first.kill()
        self.join("A", stream("A", 3), name="A-again")
        time.sleep(1)
        # Until its first packet has proved the new keys, it gets packets under the old ones, which died with it.
        results = self.end(tolerate={"A-again": ("hbh_failed",)})
        self.assert_hears_all(results, "A-again", "B")
        window = proof_seconds(self.log_of_mdd()) + ROUND_TRIP_S
        self.assertLess(window, 1)  # later it would not have been the packet that decided
        self.assert_hears_all(results, "B", "A-again", grace_us=int(window * 1e6))
        self.assertLessEqual(results.reports["A-again"]["rtp"]["hbh_failed"], math.ceil(window * B_PACKETS_PER_SECOND))
        self.assertEqual(results.totals["handshakes"], 2)
        self.assertEqual(results.totals["rekeys"], 1)
        self.assertEqual(results.totals["restarts"], 1)
        # A's SSRC twice: a restarted endpoint is granted again what it goes on using.
        self.assertEqual(results.totals["ssrcs"], {"granted": 3, "refused": 0})

    def test_a_leaver_comes_back_with_its_ssrc_and_a_low_sequence_number(self):
        self.edit("mdd.toml", "[media]\n", '[media]\nendpoint_timeout = "1s"\n')
        self.start_servers()
        first = self.join("A", stream("A", 60000))
        self.join("B", stream("B"))
        time.sleep(0.7)
        self.assertEqual(first.stop(), 0)
        self.wait_in_log("endpoint A of conference c0c1c2c3-c4c5-c6c7-c8c9-cacbcccdcecf has left", seconds=5)
        self.join("A", stream("A", 3), name="A-again")
        time.sleep(1)
        results = self.end()
        self.assert_hears_all(results, "A-again", "B")
        self.assert_hears_all(results, "B", "A-again")
        self.assertEqual(results.totals["departures"], 1)
        self.assertEqual(results.totals["handshakes"], 3)
        self.assertEqual(results.totals["rekeys"], 0)
        self.assertEqual(results.totals["ssrcs"], {"granted": 3, "refused": 0})
