"""Endpoints without end-to-end layer: forwarded among themselves where that is allowed, refused where not."""
import itertools
import time

from lab import LabTest, stream


class Plain128(LabTest):
    profile = "SRTP_AEAD_AES_128_GCM"

    def setUp(self):
        super().setUp()
        self.edit("kmf.toml", f'profile = "{self.profile}"', f'profile = "{self.profile}"\nallow_plain = true')

    def test_plain_endpoints_with_128_bit_keys_exchange_where_it_is_allowed(self):
        exchange_plain(self)

    def test_a_plain_endpoint_is_refused_where_mdd_does_not_allow_it(self):
        self.start_servers()
        peer = self.launch("A", stream("A"))
        self.assertEqual(peer.child.wait(15), 1)
        peer.ended = True
        results = self.end()
        self.assertIn("alert", peer.report()["dtls"]["failure"])
        self.assertEqual(results.totals["handshakes"], 0)
        self.assertEqual(results.kmf["handshakes"]["refused"]["no_common_profile"], 1)


class Plain256(LabTest):
    profile = "SRTP_AEAD_AES_256_GCM"

    def test_plain_endpoints_with_256_bit_keys_exchange_where_it_is_allowed(self):
        self.edit("kmf.toml", f'profile = "{self.profile}"', f'profile = "{self.profile}"\nallow_plain = true')
        exchange_plain(self)


def exchange_plain(test):
    test.edit("mdd.toml", "[media]\n", "[media]\nallow_plain = true\n")
    test.start_servers()
    for name in "ABC":
        test.join(name, stream(name))
    time.sleep(1)
    results = test.end()
    test.assertEqual(results.totals["handshakes"], 3)
    for sender, receiver in itertools.permutations("ABC", 2):
        test.assert_hears_all(results, sender, receiver)
    test.assertIn(f"endpoint A keyed with {test.profile}", test.log_of_mdd())
