"""Three endpoints of one conference exchange media, with each of the double profiles."""
import itertools
import time

from lab import LabTest, stream


def exchange(test):
    test.start_servers()
    for name in "ABC":
        test.join(name, stream(name))
    time.sleep(1.5)
    results = test.end()
    test.assertEqual(results.totals["handshakes"], 3)
    for sender, receiver in itertools.permutations("ABC", 2):
        test.assert_hears_all(results, sender, receiver, at_least=50)
    test.assertEqual(results.totals["ssrcs"], {"granted": 3, "refused": 0})
    test.assertEqual({row["recipient"] for row in results.audit["recipients"]},
                     {"10.9.0.11:40000", "10.9.0.12:40000", "10.9.0.13:40000"})


class Exchange(LabTest):
    def test_three_endpoints_exchange_with_128_bit_keys(self):
        exchange(self)


class Exchange256(LabTest):
    profile = "DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM"

    def test_three_endpoints_exchange_with_256_bit_keys(self):
        exchange(self)


class ExchangeByTheLibrary(LabTest):
    def test_three_endpoints_exchange_where_mdd_is_told_to_seal_with_ipsec_mb(self):
        self.edit("mdd.toml", "[cpu]\n", "[cpu]\ncipher = \"ipsec-mb\"\n")
        exchange(self)
        self.assertRegex(self.log_of_mdd(), "crypto (SSE|AVX)")


class Joining(LabTest):
    def test_a_late_joiner_hears_from_the_first_packet_under_its_first_ekt_key(self):
        self.start_servers()
        for name in "AB":
            self.join(name, stream(name))
        time.sleep(2)
        late = self.join("C", stream("C"))
        time.sleep(1)
        results = self.end()
        for name in "AB":
            self.assert_hears_all(results, name, late.name)
            self.assert_hears_all(results, late.name, name)
        spis = {name: one["ekt"]["spis"] for name, one in results.reports.items()}
        self.assertEqual((spis["A"][2], spis["B"][1]), (spis["C"][0],) * 2, "each joining brings everybody a new key")
