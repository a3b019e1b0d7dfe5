"""The lab of the functional tests: KMF, mdd and endpoints as real programs in namespaces, and how a run is judged.

A test starts what its scenario needs, lets time pass, and calls `end()`, which stops everything in order, holds
the run to what every run owes (clean exits, conservation, no packet index twice on the wire, no packet that an
endpoint refuses) and returns what the programs reported.
"""
import ctypes
import itertools
import json
import os
import signal
import socket
import sys
import time
import unittest

import report
import wire_audit
from bed import Bed, wait_until
from pki import Pki
from scene import ENDPOINTS, KMF_TUNNEL, MDD_MEDIA, MDD_TUNNEL, PROFILE, PROTOCOLS, TAP, Scene

HERE = os.path.dirname(os.path.abspath(__file__))

BUILD = os.environ.get("MDD_BUILD", "")
WORKERS = int(os.environ.get("MDD_TEST_WORKERS", "1"))
PLACES = {one.name: one for one in ENDPOINTS}
SSRC = {"A": 0xA0000001, "B": 0xB0000001, "C": 0xC0000001}
PACKETS_PER_SECOND = 50
# For what is on its way when the senders stop and no trace tells of, as RTCP.
SETTLE_SECONDS = 0.3
# For RTP, which the traces tell of: a machine with other things to do may let a program wait that long.
ARRIVE_SECONDS = 5
CLONE_NEWNET = 0x40000000


def stream(name, first_sequence=1000, ssrc=None, packets_per_second=PACKETS_PER_SECOND):
    """An argument of mdd-endpoint's --generate."""
    return f"{SSRC[name] if ssrc is None else ssrc}:96:{packets_per_second}:200:{first_sequence}"


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def socket_in(namespace, *arguments):
    """A socket that lives in another network namespace, whoever uses it."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        return socket.socket(*arguments)
    finally:
        libc.setns(home, CLONE_NEWNET)
        os.close(home)
        os.close(there)


def lost(sender, receiver, grace_us=0):
    """By their traces, how many packets one sent once the other had keys for them, and the other did not get."""
    return report.lost(sender.sent, receiver.received, report.hears_since(sender, receiver) + grace_us)


class Peer:
    """One started mdd-endpoint."""

    def __init__(self, scene, child, name, started_us):
        self.scene, self.child, self.name = scene, child, name
        # On the clock of the traces.
        self.started_us = started_us
        self.ended = False

    def signal(self, number, answer):
        """Sends a signal and waits for one more line that begins with `answer`."""
        before = self._lines(answer)
        self.child.process.send_signal(number)
        wait_until(lambda: self._lines(answer) > before or not self.child.must_live(), 10,
                   f"'{answer}' from {self.name}")

    def _lines(self, beginning):
        return sum(line.startswith(beginning) for line in self.child.output().splitlines())

    def rekey(self):
        self.signal(signal.SIGUSR1, "rekeyed ")

    def pause(self):
        self.signal(signal.SIGUSR2, "paused")

    def resume(self):
        self.signal(signal.SIGUSR2, "resumed")

    def kill(self):
        """Ends it without a word to anybody."""
        self.child.process.kill()
        self.child.process.wait()
        self.ended = True

    def stop(self):
        self.ended = True
        return self.child.stop()

    def report(self):
        return read_json(self.scene.path(f"{self.name}.json"))

    def trace(self):
        return report.read_trace(self.scene.path(f"{self.name}.trace"))


class Results:
    """What a run left behind: mdd's totals, the KMF's totals, the audit, and by peer name reports and traces.

    `earlier` are peers that ended in the course of the run; of them there are only traces.
    """

    def __init__(self, totals, kmf, audit, peers, earlier):
        self.totals, self.kmf, self.audit = totals, kmf, audit
        self.reports = {peer.name: peer.report() for peer in peers}
        self.traces = {peer.name: peer.trace() for peer in peers}
        self.started_us = {peer.name: peer.started_us for peer in peers}
        self.earlier_traces = {peer.name: peer.trace() for peer in earlier}

    def lost(self, sender, receiver, grace_us=0):
        """How many packets the sender sent once the receiver had keys for them, and the receiver did not get."""
        return lost(self.traces[sender], self.traces[receiver], grace_us)

    def closed_to(self, receiver):
        """How many packets of all others may have come to a joiner under an EKT key of before its time.

        mdd sends to a joiner from the moment the KMF knows its keys; on a machine that takes its time, what has come
        by then waits long in the joiner's socket before its own handshake ends.
        """
        joiner, total = self.traces[receiver], 0
        for name, other in {**self.earlier_traces, **self.traces}.items():
            if name != receiver:
                until = report.hears_since(other, joiner)
                total += sum(self.started_us[receiver] <= at < until for at in other.sent.values())
        return total

    def heard(self, sender, receiver):
        """How many of the sender's packets the receiver got."""
        return len(self.traces[sender].sent.keys() & self.traces[receiver].received.keys())

    def arrived(self):
        """RTP packets that came to the endpoints; the first may come before the Finished that brings the keys, or
        under an EKT key of before its time."""
        return sum(one["rtp"][name] for one in self.reports.values()
                   for name in ("received", "receive_not_keyed", "e2e_no_key"))


class LabTest(unittest.TestCase):
    """Base of the scenarios. `profile` and `protocol`, the tunnel's dialect, may be overridden per class, and `scene`
    edited before the start."""

    profile = PROFILE
    protocol = PROTOCOLS[0]

    def setUp(self):
        folder = os.environ["MDD_TEST_FOLDER"]
        self.folder, self.peers, self.kmf, self.mdd, self.capture = folder, [], None, None, None
        self.scene = Scene(folder, BUILD, Pki(os.path.join(folder, "pki")), self.profile, WORKERS,
                           self.protocol)
        self.bed = self.enterContext(Bed(folder))
        for name in ("kmf", "mdd", *PLACES):
            self.bed.namespace(name)
        self.bed.wire("kmf", f"{KMF_TUNNEL}/30", "mdd", f"{MDD_TUNNEL}/30", "tunnel")
        for place in PLACES.values():
            self.bed.plug_in(place.name, f"{place.address}/24")

    def edit(self, name, old, new):
        """Changes a file of the scene; what is to be replaced must be there."""
        with open(self.scene.path(name), encoding="utf-8") as file:
            text = file.read()
        self.assertIn(old, text)
        with open(self.scene.path(name), "w", encoding="utf-8") as file:
            file.write(text.replace(old, new, 1))

    def start_kmf(self, name="kmf", config="kmf", says="listening on"):
        """Starts a KMF as `name`, with the file `config`.toml, and waits until it `says` so."""
        self.kmf = self.bed.start(name, *self.scene.kmf_command(config), "--json", self.scene.path("kmf.json"),
                                  namespace="kmf")
        self.kmf.wait_for_output(says, 10)

    def audit_the_kmf(self):
        """Lets the KMF write down what it decides."""
        self.edit("kmf.toml", "[[mdd]]", f'[audit]\nfile = "{self.scene.path("audit.jsonl")}"\n\n[[mdd]]')

    def decisions(self, event):
        """What the KMF wrote down of one kind, in order."""
        with open(self.scene.path("audit.jsonl"), encoding="utf-8") as file:
            return [line for line in map(json.loads, file) if line["event"] == event]

    def start_mdd(self, tunnel_comes_up=True):
        self.mdd = self.bed.start("mdd", *self.scene.mdd_command(), namespace="mdd",
                                  environment={"RUNTIME_DIRECTORY": self.folder})
        self.mdd.wait_for_output("is ready", 20)
        self.bed.plug_in_tap("mdd", TAP)
        self.capture = self.bed.start("capture", sys.executable, os.path.join(HERE, "wire_capture.py"), TAP,
                                      self.scene.path("wire.pcap"))
        self.capture.wait_for_output("recording", 5)
        if tunnel_comes_up:
            self.mdd.wait_for_output("is up;", 20)

    def start_servers(self):
        self.start_kmf()
        self.start_mdd()

    def launch(self, place, *streams, name=None, identity=None, options=()):
        """Starts an endpoint at A, B or C that sends `streams`, and does not wait for its keys."""
        name = name or place
        command = self.scene.client_command(PLACES[place], name, identity or place) + list(options)
        for one in streams:
            command += ["--generate", one]
        started_us = time.monotonic_ns() / 1000
        peer = Peer(self.scene, self.bed.start(name, *command, namespace=place), name, started_us)
        self.peers.append(peer)
        return peer

    def join(self, place, *streams, **options):
        """Starts an endpoint and waits until it has keys, those of the hop and those of the conference."""
        peer = self.launch(place, *streams, **options)
        peer.child.wait_for_output("keyed ", 20)
        if self.profile.startswith("DOUBLE_"):
            peer.child.wait_for_output("ekt spi=", 20)
        return peer

    def log_of_mdd(self):
        return self.mdd.errors()

    def wait_in_log(self, text, times=1, seconds=20):
        """Waits until mdd has logged `text` so many times."""
        wait_until(lambda: self.mdd.errors().count(text) >= times or not self.mdd.must_live(), seconds,
                   f"{times} times '{text}' from mdd")

    def end(self, tolerate=None):
        """Stops everything, judges what every run owes, and returns Results.

        `tolerate` maps a peer's name to counters of its report's "rtp" part that may be above zero.
        """
        alive = [peer for peer in self.peers if not peer.ended]
        for peer in alive:
            peer.pause()
        time.sleep(SETTLE_SECONDS)
        self._let_arrive(alive)
        for peer in alive:
            self.assertEqual(peer.stop(), 0, f"{peer.name}: {peer.child.errors()[-500:]}")
        time.sleep(SETTLE_SECONDS / 3)
        self.assertEqual(self.mdd.stop(), 0, self.mdd.errors()[-1500:])
        self.assertEqual(self.capture.wait(5), 0)
        self.assertEqual(self.kmf.stop(), 0, self.kmf.errors()[-1500:])
        totals = read_json(self.scene.path("mdd.json"))
        audit = wire_audit.audit_pcap(self.scene.path("wire.pcap"), MDD_MEDIA)
        earlier = [peer for peer in self.peers if peer not in alive]
        results = Results(totals, read_json(self.scene.path("kmf.json")), audit, alive, earlier)
        self._judge(results, tolerate or {})
        return results

    @staticmethod
    def _let_arrive(peers):
        """Waits until all have got what the others sent; in vain where something is lost, which the test judges."""
        deadline = time.monotonic() + ARRIVE_SECONDS
        while time.monotonic() < deadline:
            traces = [peer.trace() for peer in peers]
            if not any(lost(sender, receiver) for sender, receiver in itertools.permutations(traces, 2)):
                return
            time.sleep(0.05)

    def _judge(self, results, tolerate):
        totals = results.totals
        for child in self.bed.children:
            self.assertNotRegex(child.errors(), "runtime error: |Sanitizer: ", f"a sanitizer complains in {child.name}")
        self.assertNotIn("ALARM", self.log_of_mdd())
        self.assertTrue(totals["conservation"], totals)
        self.assertEqual(json.loads(self.capture.output().splitlines()[-1])["missed"], 0)
        self.assertEqual(results.audit["nonce_repeats"], 0, results.audit["repeats"])
        self.assertEqual(results.audit["media_packets"], totals["rtp"]["forwarded"] + totals["rtcp"]["forwarded"])
        for name, own in results.reports.items():
            for counter in ("hbh_failed", "e2e_failed", "pattern_damaged", "malformed", "ohb_invalid", "replayed"):
                if counter not in tolerate.get(name, ()):
                    self.assertEqual(own["rtp"][counter], 0, f"{counter} of {name}")
            if "hbh_failed" not in tolerate.get(name, ()):
                self.assertEqual(own["rtcp"]["hbh_failed"], 0, f"hbh_failed in the RTCP of {name}")
            if "e2e_no_key" not in tolerate.get(name, ()):
                self.assertLessEqual(own["rtp"]["e2e_no_key"], results.closed_to(name), name)

    def assert_hears_all(self, results, sender, receiver, at_least=20, grace_us=0):
        self.assertEqual(results.lost(sender, receiver, grace_us), 0, f"lost on the way from {sender} to {receiver}")
        self.assertGreaterEqual(results.heard(sender, receiver), at_least, f"{receiver} hears {sender}")
