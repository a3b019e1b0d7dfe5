"""Handshakes over a network that loses datagrams."""
import re
import time

from bed import run
from lab import LabTest, stream


class LostFinished(LabTest):
    def test_an_endpoint_joins_when_the_finished_is_lost_three_times(self):
        # ChangeCipherSpec (20) begins the datagram of the KMF's Finished, and no other.
        run("nft", """table inet lab {
            counter gone {}
            chain incoming {
                type filter hook input priority 0;
                udp sport 5004 @th,64,8 20 limit rate 3/day burst 3 packets counter name gone drop
            }
        }""", namespace="C")
        self.start_servers()
        self.join("A", stream("A"))
        self.join("C", stream("C"))
        gone = re.search(r"packets (\d+)", run("nft", "list", "counter", "inet", "lab", "gone", namespace="C"))
        self.assertEqual(int(gone[1]), 3)
        time.sleep(0.7)
        results = self.end()
        self.assertEqual(results.totals["handshakes"], 2)
        self.assertEqual(results.totals["rekeys"], 0)
        # Each repeated Finished came with the same keys again.
        self.assertEqual(results.totals["keys_repeated"], 3)
        self.assertGreaterEqual(results.reports["C"]["dtls"]["repeated_flights"], 3)
        self.assert_hears_all(results, "A", "C")
        self.assert_hears_all(results, "C", "A")
