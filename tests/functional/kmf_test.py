"""What happens to media and to joining when the KMF dies, and when it is not the right one."""
import time

from lab import PLACES, LabTest, stream
from pki import Pki


class KmfDies(LabTest):
    def test_media_flows_on_and_joining_waits_while_the_kmf_is_away(self):
        self.start_servers()
        self.join("A", stream("A"))
        self.join("B", stream("B"))
        self.kmf.process.kill()
        self.kmf.process.wait()
        self.wait_in_log("is down (")
        waiting = self.launch("C", stream("C"))
        time.sleep(0.5)
        self.assertNotIn("keyed", waiting.child.output())
        self.start_kmf("kmf-again")
        self.wait_in_log("is up;", times=2)
        waiting.child.wait_for_output("keyed ", 10)
        time.sleep(0.7)
        results = self.end()
        for sender, receiver in ("AB", "BA", "AC", "BC", "CA", "CB"):
            self.assert_hears_all(results, sender, receiver)
        self.assertEqual(results.totals["tunnels"][0]["reconnects"], 1)
        self.assertEqual(results.totals["handshakes"], 3)
        self.assertGreater(results.totals["drops"]["dtls_no_tunnel"], 0)


class WrongKmf(LabTest):
    def refused(self, reason):
        """Starts everything and expects that no tunnel comes up, for `reason`."""
        self.start_kmf()
        self.start_mdd(tunnel_comes_up=False)
        self.wait_in_log("does not come up (")
        lines = [line for line in self.log_of_mdd().splitlines() if "does not come up (" in line]
        self.assertIn(reason, lines[0])
        self.launch("A", stream("A"), options=("--handshake-timeout", "1"))
        self.assertEqual(self.peers[0].child.wait(10), 1)
        self.peers[0].ended = True
        self.assertNotIn("is up;", self.log_of_mdd())
        results = self.end()
        self.assertEqual(results.totals["handshakes"], 0)
        self.assertFalse(results.totals["tunnels"][0]["up"])
        self.assertGreater(results.totals["drops"]["dtls_no_tunnel"], 0)
        self.assertIn("was not answered in time", self.peers[0].child.errors())

    def test_a_kmf_whose_certificate_another_authority_signed_is_refused(self):
        other = Pki(self.scene.path("other-pki"))
        other.signed("kmf")
        self.edit("kmf.toml", f'cert = "{self.scene.pki.cert("kmf")}"\nkey = "{self.scene.pki.key("kmf")}"',
                  f'cert = "{other.cert("kmf")}"\nkey = "{other.key("kmf")}"')
        self.refused("certificate")

    def test_a_kmf_with_another_key_than_the_pinned_one_is_refused(self):
        self.edit("mdd.toml", 'address = "10.8.0.1:4433"', f'address = "10.8.0.1:4433"\npin_sha256 = ["{"5a" * 32}"]')
        self.refused("pin")


class UnknownEndpoint(LabTest):
    def test_an_endpoint_with_an_unknown_certificate_is_refused(self):
        self.start_servers()
        self.join("A", stream("A"))
        self.scene.pki.self_signed("stranger")
        stranger = self.launch("C", stream("C"), identity="stranger")
        self.assertEqual(stranger.child.wait(15), 1)
        stranger.ended = True
        self.join("B", stream("B"))
        time.sleep(0.5)
        results = self.end()
        report = stranger.report()
        self.assertFalse(report["keyed"])
        self.assertIn("alert", report["dtls"]["failure"])
        self.assertEqual(results.totals["handshakes"], 2)
        self.assertNotIn("endpoint C keyed", self.log_of_mdd())
        self.assertEqual(results.kmf["handshakes"]["refused"]["unknown_certificate"], 1)
        self.assertIn("reason=unknown_certificate", self.kmf.errors())
        self.assertNotIn("10.9.0.13:40000",
                         [row["recipient"] for row in results.audit["recipients"] if row["rtp"] + row["srtcp"]])
        self.assert_hears_all(results, "A", "B")


class WrongTlsId(LabTest):
    def refused(self):
        """Starts everything and an endpoint that is to get no keys; returns its report and the results."""
        self.start_servers()
        peer = self.launch("A", stream("A"))
        self.assertEqual(peer.child.wait(15), 1)
        peer.ended = True
        results = self.end()
        report = peer.report()
        self.assertFalse(report["keyed"])
        self.assertEqual(report["ekt"]["keys_from_kmf"] + report["rtp"]["sent"] + report["rtcp"]["sent"], 0)
        self.assertEqual(results.totals["handshakes"], 0)
        return report, results

    def test_an_endpoint_takes_no_keys_from_a_kmf_with_another_tls_id(self):
        self.scene.kmf_tls_id = "not-the-one-of-the-kmf"
        report, _ = self.refused()
        self.assertIn("external_session_id is not the tls-id", report["dtls"]["failure"])

    def test_a_kmf_gives_no_keys_to_an_endpoint_with_another_tls_id(self):
        self.edit("kmf.toml", PLACES["A"].tls_id, "not-the-one-of-A-but-good")
        report, results = self.refused()
        self.assertIn("alert", report["dtls"]["failure"])
        self.assertEqual(results.kmf["handshakes"]["refused"]["wrong_tls_id"], 1)
