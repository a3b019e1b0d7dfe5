"""mdd-load against the real mdd over memif: endpoints become keyed over a real tunnel, and what they send comes back.

Rates are low: other tests share the cores, and a lab's numbers are no benchmark.
"""
import json
import os
import signal
import socket
import struct
import subprocess
import time
import unittest

from bed import Bed, run, wait_until
from pki import Pki

BUILD = os.environ.get("MDD_BUILD", "")
WORKERS = int(os.environ.get("MDD_TEST_WORKERS", "1"))
MDD_MEDIA = "10.9.0.2:5004"
SOCKET = "/run/load.sock"
TAP = "ltap0"
STEADY = """[conferences]
count = 5
members = 4
senders = 2
[audio]
packets_per_second = 50
[rtcp]
interval = "500ms"
[joins]
per_second = 200
"""
VIDEO = """[video]
frames_per_second = 30
packets_per_frame = 4
size_bytes = 1200
share_percent = 60
"""


class LoadTest(unittest.TestCase):
    """One mdd, one mdd-load, in one network namespace."""

    protocol = "dtls-v1"

    def setUp(self):
        self.folder = os.environ["MDD_TEST_FOLDER"]
        self.pki = Pki(os.path.join(self.folder, "pki"))
        for name in ("mdd", "load"):
            self.pki.signed(name)
        self.pki.self_signed("kmf-endpoints")
        self.bed = self.enterContext(Bed(self.folder))
        self.mdd = None
        self.environment = {"RUNTIME_DIRECTORY": self.folder}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def load_command(self, command, *arguments):
        return [os.path.join(BUILD, "tools", "mdd-load", "mdd-load"), command, "--bed", self.path("bed.toml"),
                "--scenario", self.path("scenario.toml"), *arguments]

    def make_files(self, scenario, device=f"net_memif0,role=server,socket-abstract=no,socket={SOCKET}", mac="",
                   workers=WORKERS, mdd_receives_on=None):
        cores = sorted(os.sched_getaffinity(0))
        # The last ones, since control has the first.
        worked = [cores[-1 - number % len(cores)] for number in range(workers)]
        mdd_receives_on = mdd_receives_on or workers
        self.write("scenario.toml", scenario)
        self.write("bed.toml", f"""[cpu]
control = [{cores[0]}]
poll = {cores[0]}
[port]
device = "net_memif0,role=client,socket-abstract=no,socket={SOCKET}"
queues = {workers}
send_queues = {mdd_receives_on}
[endpoints]
first = "10.9.1.1/16"
ports_per_address = 7
[mdd]
address = "{MDD_MEDIA}"
{mac}
[kmf]
listen = "127.0.0.1:4433"
protocol = "{self.protocol}"
cert = "{self.pki.cert('load')}"
key = "{self.pki.key('load')}"
ca = "{self.pki.cert('ca')}"
[handshake]
fingerprint_sha256 = "{self.pki.fingerprint('kmf-endpoints')}"
""")
        # What mdd has to know of the scenario comes from the program itself.
        conferences = subprocess.run(self.load_command("conferences"), check=True, capture_output=True, text=True)
        self.write("mdd.toml", f"""[eal]
hugepages_mib = [0]
[cpu]
control = [{cores[0]}]
workers = {worked}
allow_shared = {json.dumps(cores[0] in worked)}
idle = "adaptive"
[pool]
mbufs_per_numa = 16383
[[port]]
name = "media0"
device = "{device}"
rx_queues = {mdd_receives_on}
addresses = ["{MDD_MEDIA.split(':', maxsplit=1)[0]}/16"]
[tls.default]
cert = "{self.pki.cert('mdd')}"
key = "{self.pki.key('mdd')}"
ca = "{self.pki.cert('ca')}"
[[kmf]]
name = "load"
address = "127.0.0.1:4433"
protocol = "{self.protocol}"
{conferences.stdout}""")

    def start_mdd(self):
        self.mdd = self.bed.start("mdd", os.path.join(BUILD, "controlplane", "mdd"), "--config", self.path("mdd.toml"),
                                  "--json", self.path("mdd.json"), environment=self.environment)
        self.mdd.wait_for_output("is ready", 20)

    def start_kmf(self):
        """A real KMF on the address where mdd-load would be one."""
        conferences = subprocess.run(self.load_command("conferences", "--kmf"), check=True, capture_output=True,
                                     text=True)
        self.write("kmf.toml", f"""listen = "127.0.0.1:4433"
protocols = ["{self.protocol}"]
[tunnel_tls]
cert = "{self.pki.cert('load')}"
key = "{self.pki.key('load')}"
ca = "{self.pki.cert('ca')}"
[endpoint_tls]
cert = "{self.pki.cert('kmf-endpoints')}"
key = "{self.pki.key('kmf-endpoints')}"
[[mdd]]
name = "mdd"
fingerprint_sha256 = "{self.pki.fingerprint('mdd')}"
{conferences.stdout}""")
        kmf = self.bed.start("kmf", os.path.join(BUILD, "tools", "mdd-kmf", "mdd-kmf"), "--config",
                             self.path("kmf.toml"), "--json", self.path("kmf.json"))
        kmf.wait_for_output("listening on", 10)
        self.mdd.wait_for_output("is up;", 20)
        return kmf

    def end_kmf(self, kmf):
        self.assertEqual(kmf.stop(), 0, kmf.errors()[-1500:])
        with open(self.path("kmf.json"), encoding="utf-8") as file:
            return json.load(file)

    def run_load(self, *arguments):
        """Runs mdd-load to its end and returns its row."""
        child = self.bed.start("load", *self.load_command("run", *arguments, "--json", self.path("load.json")),
                               environment=self.environment)
        self.assertEqual(child.wait(90), 0, child.errors()[-1500:])
        with open(self.path("load.json"), encoding="utf-8") as file:
            row, = json.load(file)
        return row

    def end_mdd(self):
        self.assertEqual(self.mdd.stop(), 0, self.mdd.errors()[-1500:])
        for child in self.bed.children:
            self.assertNotRegex(child.errors(), "runtime error: |Sanitizer: ", f"a sanitizer complains in {child.name}")
        self.assertNotIn("ALARM", self.mdd.errors())
        with open(self.path("mdd.json"), encoding="utf-8") as file:
            totals = json.load(file)
        self.assertTrue(totals["conservation"], totals)
        return totals

    def assert_whole(self, row, *kinds):
        """Everything that was sent came back, once, and as it was sent."""
        for kind in kinds:
            counts = row["kinds"][kind]
            self.assertGreater(counts["received"], 0, (kind, row))
            self.assertEqual(counts["expected"], counts["received"], (kind, row))
            for bad in ("lost", "reordered", "duplicated", "bad_tag", "bad_inner", "unknown"):
                self.assertEqual(counts[bad], 0, (kind, bad, row))
        self.assertGreater(row["latency_us"]["samples"], 0)


class LoadOverDtls(LoadTest):
    def test_endpoints_are_keyed_over_the_tunnel_and_every_packet_comes_back_whole(self):
        self.make_files(STEADY)
        self.start_mdd()
        row = self.run_load("--times", "1", "--seconds", "3")
        totals = self.end_mdd()
        self.assert_whole(row, "audio", "rtcp")
        # A machine with other things to do makes the generator late, which it has to say.
        self.assertLess(row["kinds"]["audio"]["sent"], 1650)
        self.assertTrue(row["generator_limited"] or row["kinds"]["audio"]["sent"] > 1350, row)
        self.assertEqual(row["kinds"]["audio"]["expected"], 3 * row["kinds"]["audio"]["sent"])
        self.assertEqual(totals["handshakes"], 20)
        # Beside the trial: the first packet of each stream, and those until mdd knew it.
        self.assertGreaterEqual(totals["rtp"]["forwarded"], row["kinds"]["audio"]["received"] + 30)

    def test_a_meeting_with_video_and_talk_spurts_comes_back_whole(self):
        self.make_files(STEADY + VIDEO + '[talk_spurts]\nmean = "300ms"\n')
        self.start_mdd()
        row = self.run_load("--times", "0.5", "--seconds", "3")
        self.end_mdd()
        self.assert_whole(row, "audio", "video", "rtcp")

    def test_256_bit_keys_and_repeated_inner_layers_come_back_whole(self):
        self.make_files(STEADY.replace("[audio]", 'profile = "DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM"\n'
                                       'inner = "repeated"\n[audio]'))
        self.start_mdd()
        row = self.run_load("--rate", "300", "--seconds", "2")
        self.end_mdd()
        self.assert_whole(row, "audio")
        self.assertEqual(row["aes"], 256)

    def test_handshakes_beside_the_media_lose_nothing(self):
        self.make_files(STEADY + "[storm]\nper_second = 20\n")
        self.start_mdd()
        row = self.run_load("--times", "1", "--seconds", "6")
        totals = self.end_mdd()
        self.assert_whole(row, "audio", "rtcp")
        self.assertGreaterEqual(totals["rekeys"], 20)


    def test_two_workers_with_a_queue_each_forward_to_each_other(self):
        self.make_files(STEADY, workers=2)
        self.start_mdd()
        row = self.run_load("--times", "1", "--seconds", "3")
        totals = self.end_mdd()
        self.assert_whole(row, "audio", "rtcp")
        for worker in totals["workers"]:
            self.assertGreater(worker["received"], 0, totals)
            self.assertGreater(worker["forwarded"], 0, totals)

    def test_two_workers_with_one_queue_between_them_share_the_work(self):
        self.make_files(STEADY, workers=2, mdd_receives_on=1)
        self.start_mdd()
        row = self.run_load("--times", "1", "--seconds", "3")
        totals = self.end_mdd()
        self.assert_whole(row, "audio", "rtcp")
        polling, idle = totals["workers"]
        self.assertEqual(polling["received"], totals["received"])
        self.assertEqual((idle["received"], idle["handed_over"]), (0, 0))
        self.assertGreater(polling["handed_over"], 0)
        self.assertNotIn("handoff_full", totals["drops"])
        # Endpoints take turns, and members 0 and 1 of each conference speak.
        copies = [worker["forwarded"] for worker in totals["workers"]]
        self.assertEqual(sum(copies), totals["rtp"]["forwarded"])
        self.assertAlmostEqual(copies[0], copies[1], delta=sum(copies) / 10, msg=str(totals))

    def test_media_comes_back_whole_beside_damaged_packets_and_strangers(self):
        self.make_files(STEADY + "[hostile]\nbad_tags_percent = 100\nstrangers_percent = 50\n")
        self.start_mdd()
        row = self.run_load("--times", "1", "--seconds", "3")
        totals = self.end_mdd()
        self.assert_whole(row, "audio", "rtcp")
        sent = row["kinds"]["audio"]["sent"]
        self.assertAlmostEqual(row["junk_pps"] * row["seconds"], 1.5 * sent, delta=2)
        self.assertEqual(totals["drops"]["auth_fail"], sent)
        self.assertEqual(totals["drops"]["unknown_source"], sent // 2)

    def test_a_second_run_finds_the_same_mdd_ready_again(self):
        self.make_files(STEADY.replace("count = 5", "count = 1").replace("senders = 2", "senders = 1"))
        self.start_mdd()
        # Past the first roll-over, if the machine allows: what mdd counts for the receivers goes on from there.
        self.run_load("--rate", "20000", "--seconds", "4")
        row = self.run_load("--rate", "300", "--seconds", "2")
        self.end_mdd()
        self.assert_whole(row, "audio")

    def test_a_search_that_meets_its_highest_rate_says_so_in_rows_and_in_a_picture(self):
        self.make_files(STEADY)
        self.start_mdd()
        command = self.load_command("search", "--trial-seconds", "0.5", "--lowest", "100", "--highest", "400",
                                    "--loss-ratio", "0.5", "--final-trials", "3", "--exceed-ratio", "0.5",
                                    "--latency-at", "0.5", "--latency-at", "0.25", "--json", self.path("load.json"),
                                    "--picture", self.path("load.svg"))
        child = self.bed.start("load", *command, environment=self.environment)
        self.assertEqual(child.wait(90), 0, child.errors()[-1500:])
        self.end_mdd()
        with open(self.path("load.json"), encoding="utf-8") as file:
            rows = json.load(file)
        self.assertEqual([row["bench"] for row in rows[:1]], ["load_search"])
        self.assertTrue(rows[0]["at_max"] or rows[0]["generator_limited"], rows)
        self.assertEqual(rows[0]["trials"], sum(row["bench"] == "load_trial" for row in rows))
        found = rows[0]["lower_pps"]
        if found > 0:
            # Two good ones decide; a third would not change it.
            self.assertGreaterEqual(rows[0]["full_trials_at_lower"], 2)
            half, quarter = rows[0]["latency_trials"]
            self.assertEqual([half["asked_pps"], quarter["asked_pps"]], [found / 2, found / 4])
            self.assertGreater(half["latency_us"]["samples"], 0)
        self.assertIn("load_trial", {row["bench"] for row in rows})
        with open(self.path("load.svg"), encoding="utf-8") as file:
            self.assertIn("<svg", file.read())

    def interrupt_load(self, when, command, *arguments):
        """Starts mdd-load, sends `signal_number` of `when` once its text has come; returns the rows that it left."""
        text, signal_number = when
        child = self.bed.start("load", *self.load_command(command, *arguments, "--json", self.path("load.json")),
                               environment=self.environment)
        child.wait_for_output(text, 60)
        child.process.send_signal(signal_number)
        self.assertEqual(child.wait(20), 1, child.errors()[-1500:])
        self.assertIn("mdd-load: Stopped before the end.", child.errors())
        self.assertIn("interrupted", child.output().lower())
        with open(self.path("load.json"), encoding="utf-8") as file:
            return json.load(file)

    def test_an_interrupted_search_leaves_what_it_has_measured(self):
        self.make_files(STEADY)
        self.start_mdd()
        rows = self.interrupt_load(("400 packets/s: ", signal.SIGINT), "search", "--trial-seconds", "60",
                                   "--first-seconds", "0.5", "--highest", "400", "--lowest", "100", "--loss-ratio",
                                   "0.5", "--loss-ratio", "0.9", "--picture", self.path("load.svg"))
        self.end_mdd()
        self.assertEqual([row["interrupted"] for row in rows if row["bench"] == "load_search"], [True, True])
        trials = [row for row in rows if row["bench"] == "load_trial"]
        self.assertEqual(trials[0]["seconds"], 0.5)
        self.assertFalse(any(row["full_length"] for row in trials))
        with open(self.path("load.svg"), encoding="utf-8") as file:
            self.assertIn("interrupted", file.read())

    def test_an_interrupted_run_reports_what_came_back_until_then(self):
        self.make_files(STEADY)
        self.start_mdd()
        row, = self.interrupt_load((" packets/s for 60 s: ", signal.SIGTERM), "run", "--times", "1", "--seconds", "60")
        self.end_mdd()
        self.assertTrue(row["interrupted"])
        self.assertLess(row["seconds"], 50)
        self.assert_whole(row, "audio", "rtcp")

    def test_an_interrupted_pcap_file_ends_with_a_whole_frame(self):
        self.make_files(STEADY, mac='mac = "02:00:00:00:00:02"')
        path = self.path("load.pcap")
        child = self.bed.start("pcap", *self.load_command("pcap", "--packets", "1000000000", "--out", path))
        wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 100_000, 60, "a beginning of the file")
        child.process.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(20), 1, child.errors())
        self.assertIn("mdd-load: Stopped before the end.", child.errors())
        self.assertIn(f"written: {sum(1 for _ in frames_of(path))} frames", child.errors())

    def test_whole_handshakes_with_a_real_kmf_key_everybody(self):
        whole_handshakes(self, "")


class LoadOverTls(LoadTest):
    protocol = "rfc9185"

    def test_whole_handshakes_of_members_who_leave_and_come_back(self):
        whole_handshakes(self, '[churn]\nper_second = 3\naway = "400ms"\n')

    def test_members_that_leave_and_come_back_are_owed_what_was_sent_while_they_were_there(self):
        self.make_files(STEADY + '[churn]\nper_second = 4\naway = "400ms"\n')
        self.start_mdd()
        row = self.run_load("--times", "1", "--seconds", "8")
        totals = self.end_mdd()
        self.assert_whole(row, "audio", "rtcp")
        self.assertGreater(totals["handshakes"], 30)

    def test_packets_from_a_file_are_accepted_once_its_kmf_is_there(self):
        self.make_files(STEADY, device=f"net_tap0,iface={TAP}")
        self.start_mdd()
        run("ip", "link", "set", TAP, "up")
        link, = json.loads(run("ip", "-j", "link", "show", "dev", TAP))
        mac = link["address"]
        self.make_files(STEADY, device=f"net_tap0,iface={TAP}", mac=f'mac = "{mac}"')
        kmf = self.bed.start("kmf", *self.load_command("kmf"))
        self.mdd.wait_for_output("is up;", 20)
        subprocess.run(self.load_command("pcap", "--packets", "400", "--out", self.path("load.pcap")), check=True,
                       capture_output=True)
        frames = play(self.path("load.pcap"), TAP)
        self.assertEqual(frames, 20 + 400)
        wait_until(lambda: self.mdd.errors().count(" keyed with DOUBLE_") == 20, 5, "keys for everybody")
        time.sleep(0.3)
        self.assertEqual(kmf.stop(), 0, kmf.errors())
        totals = self.end_mdd()
        self.assertEqual(totals["rtp"]["received"], 400)


def whole_handshakes(test, unrest):
    """Everybody shakes hands with a real mdd-kmf, and media comes back whole all the same."""
    test.make_files(STEADY.replace("per_second = 200", "per_second = 50") + unrest)
    test.start_mdd()
    kmf = test.start_kmf()
    row = test.run_load("--real-handshake", "--times", "1", "--seconds", "6")
    totals = test.end_mdd()
    authority = test.end_kmf(kmf)
    test.assert_whole(row, "audio", "rtcp")
    test.assertGreaterEqual(totals["handshakes"], 30 if unrest else 20)
    test.assertEqual(authority["handshakes"]["completed"], totals["handshakes"])


def frames_of(path):
    """Yields the time in seconds and the bytes of each frame of a pcap file, whose last one must be whole."""
    with open(path, "rb") as file:
        magic, = struct.unpack("<I", file.read(24)[:4])
        assert magic == 0xa1b2c3d4
        while header := file.read(16):
            seconds, micros, size, _ = struct.unpack("<IIII", header)
            frame = file.read(size)
            assert len(frame) == size
            yield seconds + micros / 1e6, frame


def play(path, interface):
    """Sends the frames of a pcap file at the times that it says; returns how many."""
    begun, frames = None, 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((interface, 0))
        for at, frame in frames_of(path):
            begun = time.monotonic() - at if begun is None else begun
            time.sleep(max(0, begun + at - time.monotonic()))
            out.send(frame)
            frames += 1
    return frames
