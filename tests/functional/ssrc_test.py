"""An SSRC belongs to the endpoint that used it first."""
import time

from lab import SSRC, LabTest, stream


class SsrcOwnership(LabTest):
    def test_a_second_endpoint_with_a_taken_ssrc_is_refused(self):
        self.start_servers()
        self.join("A", stream("A"))
        self.join("B", stream("B"))
        time.sleep(0.5)
        thief = self.join("C", stream("C", ssrc=SSRC["A"]))
        time.sleep(1)
        results = self.end()
        stolen = results.reports["C"]["rtp"]["sent"]
        self.assertGreaterEqual(stolen, 20)
        # Its RTCP carries the same SSRC.
        own_reports = results.reports["C"]["rtcp"]["sent"]
        self.assertEqual(results.totals["drops"]["ssrc_owned"], stolen + own_reports)
        self.assertEqual(results.totals["ssrcs"], {"granted": 2, "refused": 1})
        self.assertEqual(results.totals["rtp"]["forwarded"], results.arrived())
        self.assert_hears_all(results, "A", "B")
        self.assertEqual(results.reports["A"]["rtp"]["received"], results.heard("B", "A"))
        # The thief itself hears the others: only what it sends under that SSRC is refused.
        self.assert_hears_all(results, "B", thief.name)
