"""How many tunnels mdd opens to a KMF, and when."""
import time

from lab import PROTOCOLS, LabTest, stream


class Tunnels(LabTest):
    def share(self, tunnels, opened):
        """A and B exchange over tunnels that are opened for them; `opened` of them in the end."""
        self.edit("mdd.toml", f'protocol = "{self.protocol}"\n',
                  f'protocol = "{self.protocol}"\ntunnels = "{tunnels}"\nconnect = "first-use"\n')
        self.start_kmf()
        self.start_mdd(tunnel_comes_up=False)
        time.sleep(0.3)
        self.assertNotIn("is up;", self.log_of_mdd())
        for place in "AB":
            # The test is whether it has to be said twice, not how soon the machine gets round to the first.
            self.join(place, stream(place), options=("--first-repeat", "15"))
        time.sleep(0.5)
        results = self.end()
        for sender, receiver in ("AB", "BA"):
            self.assert_hears_all(results, sender, receiver)
        tunnel = results.totals["tunnels"][0]
        self.assertEqual((tunnel["protocol"], tunnel["tunnels"], tunnel["tunnels_up"], tunnel["reconnects"]),
                         (self.protocol, opened, opened, 0))
        # The first hello waited for its tunnel: none was dropped, no endpoint had to say it twice.
        self.assertEqual([name for name in results.totals["drops"] if name.startswith("dtls_")], [])
        for name in "AB":
            self.assertEqual(results.reports[name]["dtls"]["repeated_flights"], 0)

    def test_one_for_each_endpoint_at_its_first_hello(self):
        self.share("per-endpoint", 2)

    def test_one_for_each_conference_at_its_first_hello(self):
        self.share("per-conference", 1)

    def test_one_for_all_at_the_first_hello(self):
        self.share("shared", 1)


class TunnelsRfc9185(Tunnels):
    protocol = PROTOCOLS[1]
