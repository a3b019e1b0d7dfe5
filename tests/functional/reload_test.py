"""New certificates of mdd's tunnel while media flows."""
import signal
import time

from lab import PROTOCOLS, LabTest, stream


class Reload(LabTest):
    def reload(self):
        """Sends SIGHUP and waits for the tunnel that takes the place of the old one."""
        self.mdd.process.send_signal(signal.SIGHUP)
        self.wait_in_log("is up;", times=2)
        self.assertIn("tunnels go over to the certificates", self.log_of_mdd())

    def test_a_new_certificate_comes_into_use_and_no_packet_is_lost(self):
        # The KMF tells MDDs apart by their certificates: to it this is another one, with no endpoints yet.
        pki = self.scene.pki
        pki.signed("mdd-new")
        self.edit("kmf.toml", "[[conference]]", f'[[mdd]]\nname = "mdd-new"\nfingerprint_sha256 = '
                  f'"{pki.fingerprint("mdd-new")}"\n\n[[conference]]')
        self.start_servers()
        self.join("A", stream("A"))
        self.join("B", stream("B"))
        self.edit("mdd.toml", pki.cert("mdd"), pki.cert("mdd-new"))
        self.edit("mdd.toml", pki.key("mdd"), pki.key("mdd-new"))
        self.reload()
        time.sleep(0.5)
        results = self.end()
        for sender, receiver in ("AB", "BA"):
            self.assert_hears_all(results, sender, receiver)
        self.assertEqual(results.totals["departures"], 0)
        self.assertIn("mdd-new", self.kmf.errors())

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
