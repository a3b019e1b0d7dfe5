"""New certificates of mdd's tunnel while media flows."""
import signal
import time

from bed import wait_until
from lab import PROTOCOLS, LabTest, stream


class Reload(LabTest):
    def reload(self):
        """Sends SIGHUP and waits for the tunnel that takes the place of the old one."""
        self.mdd.process.send_signal(signal.SIGHUP)
        self.wait_in_log("is up;", times=2)
        self.assertIn("tunnels go over to the certificates", self.log_of_mdd())

    def list_at_the_kmf(self, old, new):
        """Changes the certificates of mdd that the running KMF accepts."""
        self.edit("kmf.toml", old, new)
        times = self.kmf.errors().count("reloaded:")
        self.kmf.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.kmf.errors().count("reloaded:") > times or not self.kmf.must_live(), 10,
                   "the KMF to read its file again")

    def rotate(self):
        """mdd goes over to a new certificate, which the KMF accepts beforehand; then the KMF forgets the old one."""
        pki = self.scene.pki
        pki.signed("mdd-new")
        old, new = (f'"{pki.fingerprint(name)}"' for name in ("mdd", "mdd-new"))
        self.list_at_the_kmf(old, f"[{old}, {new}]")
        self.edit("mdd.toml", pki.cert("mdd"), pki.cert("mdd-new"))
        self.edit("mdd.toml", pki.key("mdd"), pki.key("mdd-new"))
        self.reload()
        self.list_at_the_kmf(f"[{old}, {new}]", new)

    def test_members_from_before_a_new_certificate_and_joiners_from_afterwards_hear_each_other(self):
        self.audit_the_kmf()
        self.start_servers()
        self.join("A", stream("A"))
        self.join("B", stream("B"))
        self.rotate()
        self.join("C", stream("C"))
        time.sleep(0.5)
        self.peers[1].stop()
        time.sleep(0.5)
        results = self.end()
        for sender, receiver in ("AC", "CA"):
            self.assert_hears_all(results, sender, receiver)
        self.assertEqual([one["endpoint"] for one in self.decisions("join")], ["A", "B", "C"])
        self.assertEqual(self.decisions("leave")[0]["endpoint"], "B")
        self.assertEqual({one["mdd"] for one in self.decisions("tunnel_up")}, {"mdd"})
        self.assertEqual(len({one["fingerprint_sha256"] for one in self.decisions("tunnel_up")}), 2)
        self.assertEqual(self.decisions("put_out"), [])
        self.assertEqual([(one["reason"], one["members"]) for one in self.decisions("rekey")][:4],
                         [("first", 1), ("join", 2), ("join", 3), ("leave", 2)])
        self.assertEqual(results.kmf["ekt"]["unanswered"], 0)

    def test_no_packet_is_lost_when_a_new_certificate_comes_into_use(self):
        self.start_servers()
        self.join("A", stream("A"))
        self.join("B", stream("B"))
        self.rotate()
        time.sleep(0.5)
        results = self.end()
        for sender, receiver in ("AB", "BA"):
            self.assert_hears_all(results, sender, receiver)
        self.assertEqual(results.totals["departures"], 0)
        self.assertEqual(results.kmf["ekt"]["rekeys"]["join"], 1)

    def test_endpoints_join_over_the_tunnel_that_takes_the_place_of_the_old_one(self):
        self.start_servers()
        self.join("A", stream("A"))
        self.reload()
        self.join("B", stream("B"))
        time.sleep(0.5)
        results = self.end()
        for sender, receiver in ("AB", "BA"):
            self.assert_hears_all(results, sender, receiver)
        self.assertEqual(results.totals["handshakes"], 2)

    def test_a_file_with_an_error_changes_nothing(self):
        self.start_servers()
        self.edit("mdd.toml", "[tls.default]", "[tls.other]")
        self.mdd.process.send_signal(signal.SIGHUP)
        self.wait_in_log("has errors, nothing changes")
        self.join("A", stream("A"))
        self.end()


class ReloadRfc9185(Reload):
    protocol = PROTOCOLS[1]
