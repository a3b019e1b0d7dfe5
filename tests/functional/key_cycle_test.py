"""The EKT keys of a conference: on leaving, on being put out, over the KMF's death, and with another KMF."""
import datetime
import json
import os
import re
import shutil
import signal
import time

import wire_audit
from lab import MDD_MEDIA, LabTest, stream
from scene import PROTOCOLS

FULL_EKT_TAG = 2
# More than any packet needs that was on its way when an endpoint had its new key.
ON_ITS_WAY_S = 0.05
KILLS = int(os.environ.get("MDD_TEST_KILLS", "3"))


class KeyCycle(LabTest):
    """Base: what a capture tells of EKT keys and of who still gets something."""

    def setUp(self):
        super().setUp()
        self.audit_the_kmf()

    def wire(self):
        """(wall time, source, target, payload) of each UDP datagram between mdd and the endpoints."""
        for at, link, frame in wire_audit.read_pcap(self.scene.path("wire.pcap")):
            datagram = wire_audit.udp_of(link, frame)
            if datagram and MDD_MEDIA in datagram[:2] and datagram[2]:
                yield at, *datagram

    def spis_between(self, start, end):
        """The SPIs in the full EKT tags of the endpoints' packets, between two wall times."""
        return {int.from_bytes(payload[-7:-5], "big") for at, _, target, payload in self.wire()
                if target == MDD_MEDIA and start <= at < end and 128 <= payload[0] < 192
                and not 192 <= payload[1] <= 223 and payload[-1] == FULL_EKT_TAG}

    def last_media_to(self, place_address):
        """When the last RTP or RTCP packet went to an endpoint, in wall time."""
        return max(at for at, source, target, payload in self.wire()
                   if source == MDD_MEDIA and target[0] == place_address and 128 <= payload[0] < 192)

    def wait_for_spis(self, peer, count):
        """Waits until an endpoint has had so many EKT keys; returns their SPIs."""
        for _ in range(500):
            spis = re.findall(r"^ekt spi=(\S+)", peer.child.output(), re.M)
            if len(spis) >= count:
                return spis
            peer.child.must_live()
            time.sleep(0.02)
        self.fail(f"{peer.name} had {len(spis)} EKT keys, not {count}")


class Leaving(KeyCycle):
    def test_a_leaver_is_followed_by_a_key_that_it_never_gets(self):
        self.start_servers()
        peers = {name: self.join(name, stream(name, packets_per_second=200)) for name in "ABC"}
        time.sleep(0.5)  # the keys of the joins have all come
        had = {name: len(self.wait_for_spis(peers[name], 1)) for name in "AB"}
        self.assertEqual(peers["C"].stop(), 0)
        newest = {int(self.wait_for_spis(peers[name], had[name] + 1)[-1]) for name in "AB"}
        changed = time.time() + ON_ITS_WAY_S
        time.sleep(0.7)
        end = time.time()
        results = self.end()
        self.assertEqual(len(newest), 1)
        self.assertFalse(newest & set(peers["C"].report()["ekt"]["spis"]), "the leaver has the key of after its time")
        self.assertEqual(self.spis_between(changed, end), newest)
        self.assertGreaterEqual(results.kmf["ekt"]["rekeys"]["leave"], 1)
        for sender, receiver in ("AB", "BA"):
            self.assert_hears_all(results, sender, receiver, at_least=50)


class LeavingRfc9185(Leaving):
    protocol = PROTOCOLS[1]


class PutOut(KeyCycle):
    protocol = PROTOCOLS[1]

    def test_who_is_taken_off_the_list_is_cut_off_at_once_and_cannot_come_back(self):
        self.start_servers()
        peers = {name: self.join(name, stream(name)) for name in "ABC"}
        time.sleep(0.5)
        entry = f'fingerprint_sha256 = "{self.scene.pki.fingerprint("C")}"'
        self.edit("kmf.toml", entry, f'fingerprint_sha256 = "{"5a" * 32}"')
        self.kmf.process.send_signal(signal.SIGHUP)
        self.wait_in_log("was put out by its KMF")
        time.sleep(0.5)
        peers["C"].kill()
        refused = self.launch("C", stream("C"), name="C-again", options=("--handshake-timeout", "3"))
        self.assertEqual(refused.child.wait(10), 1)
        refused.ended = True
        time.sleep(0.5)
        results = self.end()
        decided = datetime.datetime.fromisoformat(self.decisions("put_out")[0]["time"]).timestamp()
        cut_off_after_ms = 1000 * (self.last_media_to("10.9.0.13") - decided)
        print(f"put out: the last packet went {cut_off_after_ms:.1f} ms after the KMF's decision", flush=True)
        # 10 ms is the aim where nothing else runs; a loaded machine may keep any of the processes waiting.
        self.assertLess(cut_off_after_ms, 250)
        self.assertEqual(results.kmf["associations"]["put_out"], 1)
        self.assertGreaterEqual(results.kmf["ekt"]["rekeys"]["leave"], 1)
        for sender, receiver in ("AB", "BA"):
            self.assert_hears_all(results, sender, receiver, at_least=50)


class Restart(KeyCycle):
    def test_a_member_from_before_a_kmfs_death_and_a_joiner_from_after_it_decrypt_each_other(self):
        self.start_servers()
        peers = {name: self.join(name, stream(name)) for name in "AB"}
        had = {name: len(self.wait_for_spis(peers[name], 1)) for name in "AB"}
        self.kmf.process.kill()
        self.kmf.process.wait()
        self.wait_in_log("is down (")
        time.sleep(0.3)
        self.start_kmf("kmf-again")
        self.wait_in_log("is up;", times=2)
        peers["C"] = self.join("C", stream("C"))
        newest = {self.wait_for_spis(peers[name], had[name] + 1)[-1] for name in "AB"}
        time.sleep(0.7)
        self.assertEqual(newest, set(self.wait_for_spis(peers["C"], 1)))
        results = self.end()
        self.assertEqual(results.kmf["associations"]["restored"], 2)
        self.assertEqual(results.totals["handshakes"], 3)
        self.assertEqual(results.totals["rekeys"], 0)
        for sender, receiver in ("AB", "BA", "AC", "CA", "BC", "CB"):
            self.assert_hears_all(results, sender, receiver)

    def test_media_does_not_notice_a_kmf_that_is_killed_again_and_again(self):
        self.start_servers()
        peers = {name: self.join(name, stream(name, packets_per_second=200)) for name in "AB"}
        slowest = 0
        for number in range(KILLS):
            self.kmf.process.kill()
            self.kmf.process.wait()
            self.wait_in_log("is down (", times=number + 1)
            self.start_kmf(f"kmf-{number + 2}")
            began = time.monotonic()
            peers["A"].rekey()
            slowest = max(slowest, time.monotonic() - began)
        print(f"{KILLS} kills: a new handshake took at most {slowest * 1000:.0f} ms once the KMF was back", flush=True)
        time.sleep(0.3)
        results = self.end()
        self.assertLess(slowest, 1 if KILLS > 3 else 5)
        self.assertEqual(results.totals["rekeys"], KILLS)
        for sender, receiver in ("AB", "BA"):
            self.assert_hears_all(results, sender, receiver, at_least=50)


class RestartRfc9185(Restart):
    protocol = PROTOCOLS[1]


class Standby(KeyCycle):
    def test_a_kmf_that_stands_by_takes_over_with_the_keys_of_the_first(self):
        shutil.copy(self.scene.path("kmf.toml"), self.scene.path("kmf-b.toml"))
        self.edit("kmf-b.toml", "[state]\n", "[state]\nstandby = true\n")
        self.edit("kmf-b.toml", ':4433"', ':4434"')
        self.edit("mdd.toml", "[[conference]]", f"""[[kmf]]
name = "kmf-b"
address = "10.8.0.1:4434"
protocol = "{self.protocol}"

[[conference]]
kmf = ["kmf", "kmf-b"]""")
        self.start_kmf()
        first = self.kmf
        self.start_kmf("kmf-b", "kmf-b", says="standing by")
        self.start_mdd()
        peers = {name: self.join(name, stream(name)) for name in "AB"}
        had = {name: len(self.wait_for_spis(peers[name], 1)) for name in "AB"}
        first.process.kill()
        first.process.wait()
        self.kmf.wait_for_output("listening on", 10)
        peers["C"] = self.join("C", stream("C"))
        newest = {self.wait_for_spis(peers[name], had[name] + 1)[-1] for name in "AB"}
        time.sleep(0.7)
        self.assertEqual(newest, set(self.wait_for_spis(peers["C"], 1)))
        results = self.end()
        self.assertEqual(results.kmf["associations"]["restored"], 2)
        for sender, receiver in ("AB", "BA", "AC", "CA", "BC", "CB"):
            self.assert_hears_all(results, sender, receiver)


class StandbyRfc9185(Standby):
    protocol = PROTOCOLS[1]


class Authority(KeyCycle):
    def test_a_second_kmf_does_not_start_on_a_state_that_is_in_use(self):
        self.start_servers()
        second = self.bed.start("kmf-b", *self.scene.kmf_command(), namespace="kmf")
        self.assertEqual(second.wait(10), 1)
        self.assertIn("Another mdd-kmf holds the state file", second.errors())
        self.join("A", stream("A"))
        time.sleep(0.2)
        self.end()

    def test_every_decision_is_written_down_and_no_key(self):
        self.start_servers()
        peers = {name: self.join(name, stream(name)) for name in "AB"}
        self.assertEqual(peers["B"].stop(), 0)
        time.sleep(0.5)
        self.end()
        self.assertEqual([line["endpoint"] for line in self.decisions("join")], ["A", "B"])
        self.assertEqual(self.decisions("leave")[0]["endpoint"], "B")
        self.assertGreaterEqual({line["reason"] for line in self.decisions("rekey")}, {"first", "join", "leave"})
        with open(self.scene.path("audit.jsonl"), encoding="utf-8") as file:
            for line in map(json.loads, file):
                self.assertFalse({"key", "salt"} & set(line), line)
