#!/usr/bin/env python3
"""The demo's sequence: what a datagram is called, and which steps belong to whom."""
import os
import struct
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
sys.path[:0] = [os.path.join(ROOT, "tools", "demo.d"), os.path.join(ROOT, "tests", "functional")]

import flow  # noqa: E402


def record(kind, fragment, epoch=0):
    return struct.pack("!BHH", kind, 0xFEFD, epoch) + bytes(6) + struct.pack("!H", len(fragment)) + fragment


def client_hello(cookie):
    return record(22, bytes([1]) + bytes(13) + bytes(32) + b"\x00" + bytes([len(cookie)]) + cookie + bytes(20))


class MediaSide:
    owners, names = {"d1": "A", "d2": "B"}, {"d1": "ClientHello", "d2": "Finished"}


class Names(unittest.TestCase):
    def test_a_hello_with_a_cookie_is_told_from_one_without(self):
        self.assertEqual(flow.name_of(client_hello(b"")), "ClientHello")
        self.assertEqual(flow.name_of(client_hello(b"c" * 20)), "ClientHello with cookie")

    def test_a_flight_is_called_after_what_matters_in_it(self):
        flight = b"".join(record(22, bytes([kind]) + bytes(20)) for kind in (2, 11, 12, 13, 14))
        self.assertEqual(flow.name_of(flight), "ServerHello, Cert")

    def test_a_protected_finished_is_told_from_an_ekt_key_by_its_length(self):
        self.assertEqual(flow.name_of(record(20, b"\x01") + record(22, bytes(48), 1)), "Finished")
        self.assertEqual(flow.name_of(record(22, bytes(73), 1)), "ekt_key")
        self.assertEqual(flow.name_of(record(26, bytes(42), 1)), "ekt_key ACK")

    def test_a_datagram_that_is_cut_short_has_a_name_too(self):
        whole = client_hello(b"c" * 20)
        for size in range(len(whole)):
            self.assertIsInstance(flow.name_of(whole[:size]), str)


class Joining(unittest.TestCase):
    def test_a_tunnel_message_belongs_to_the_endpoint_with_the_same_datagram(self):
        with tempfile.NamedTemporaryFile("w", suffix=".trace") as file:
            file.write("in,1000000,aa,profiles,100,d1\nout,2000000,bb,keys,75,d2\nin,3000000,cc,-,9,d3\n")
            file.flush()
            draft, rfc = (flow.tunnel_steps(file.name, MediaSide, 500, name) for name in ("dtls-v1", "rfc9185"))
        self.assertEqual([(step.at_us, step.source, step.target, step.what, step.endpoint) for step in draft],
                         [(1500, "mdd", "KMF", "Tunnel(ClientHello) + Profiles", "A"),
                          (2500, "KMF", "mdd", "Tunnel(Finished) + Key Info", "B")])
        self.assertEqual([(step.at_us, step.what) for step in rfc],
                         [(1500, "tunneled_dtls(ClientHello)"), (2500, "media_keys"), (2500, "tunneled_dtls(Finished)")])

    def test_profiles_are_announced_once_for_a_tunnel_of_rfc_9185(self):
        log = "2026-11-25T19:57:35.410+00:00 info tunnel 1 up: mdd=mdd dialect=rfc9185\n" \
              "2026-11-25T19:57:35.500+00:00 info keys sent: association=1\n"
        self.assertEqual([(step.source, step.target, step.what) for step in flow.announcement_steps(log, "rfc9185")],
                         [("mdd", "KMF", "supported_profiles")])
        self.assertEqual(flow.announcement_steps(log, "dtls-v1"), [])

    def test_keys_are_not_stored_before_they_came(self):
        log = "2026-11-25T19:57:35.410+00:00 info    mdd: endpoint A keyed with X, association 1\n"
        at_us = flow.mdd_steps(log, [])[0].at_us
        came = flow.Step(at_us + 400, "KMF", "mdd", "Tunnel(Finished) + Key Info", "A")
        later = flow.Step(at_us + 5000, "KMF", "mdd", "Tunnel(Finished) + Key Info", "A")
        self.assertEqual(flow.mdd_steps(log, [came, later])[0].at_us, at_us + 400)

    def test_media_steps_are_the_first_packet_of_each_key_at_each_party(self):
        class Side:
            full_tags = [(1, "A", True, 7, 1), (2, "B", False, 7, 1), (3, "A", True, 7, 1), (4, "B", False, 7, 2),
                         (5, "B", False, 9, 1)]
        steps = flow.media_steps(Side, {7: "A"})
        self.assertEqual([(step.at_us, step.source, step.target) for step in steps],
                         [(1, "A", "mdd"), (2, "mdd", "B"), (4, "mdd", "B")])


if __name__ == "__main__":
    unittest.main()
