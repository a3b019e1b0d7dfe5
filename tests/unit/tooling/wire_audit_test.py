#!/usr/bin/env python3
"""Tests of the wire audit on captures written here: each planted repeat is found, and nothing else is."""
import os
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../functional"))
import wire_audit  # noqa: E402

MDD, ALICE, BOB = ("10.9.0.2", 5004), ("10.9.0.11", 40000), ("10.9.0.12", 40000)


def rtp(sequence, body=b"ciphertext", ssrc=0x1111):
    return struct.pack("!BBHII", 0x80, 96, sequence & 0xFFFF, 0, ssrc) + body


def srtcp(index, body=b"ciphertext", ssrc=0x1111):
    return struct.pack("!BBHI", 0x80, 200, 6, ssrc) + body + struct.pack("!I", 0x80000000 | index)


def record(epoch, fragment):
    return struct.pack("!BHHHIH", 22, 0xFEFD, epoch, 0, 0, len(fragment)) + fragment


def server_hello(random):
    return record(0, bytes([2]) + bytes(11) + b"\xfe\xfd" + bytes([random]) * 32 + bytes(4))


FINISHED = record(1, b"sealed")


def verdict(payloads, target=ALICE):
    audit = wire_audit.Audit(MDD)
    for payload in payloads:
        audit.datagram(MDD, target, payload)
    return audit.report()


class Repeats(unittest.TestCase):
    def test_the_same_index_with_other_bytes_is_a_repeat(self):
        report = verdict([rtp(1), rtp(2), rtp(2, b"other")])
        self.assertEqual(report["nonce_repeats"], 1)
        self.assertEqual(report["repeats"][0]["index"], 2)

    def test_an_identical_retransmission_is_none(self):
        report = verdict([rtp(1), rtp(2), rtp(1), rtp(2)])
        self.assertEqual(report["nonce_repeats"], 0)
        self.assertEqual(report["recipients"][0]["identical_retransmissions"], 2)

    def test_a_changed_header_alone_is_a_repeat(self):
        changed = bytearray(rtp(7))
        changed[1] ^= 0x80
        self.assertEqual(verdict([rtp(7), bytes(changed)])["nonce_repeats"], 1)

    def test_sequence_numbers_may_wrap_many_times(self):
        sent = [rtp(number, struct.pack("!I", number)) for number in range(0, 5 * 65536, 100)]
        report = verdict(sent)
        self.assertEqual((report["nonce_repeats"], report["media_packets"]), (0, len(sent)))

    def test_a_repeat_after_a_wrap_is_found(self):
        sent = [rtp(number, struct.pack("!I", number)) for number in range(0, 70000, 10)]
        self.assertEqual(verdict(sent + [rtp(69000, b"other")])["nonce_repeats"], 1)

    def test_a_late_packet_from_before_the_wrap_has_its_own_index(self):
        self.assertEqual(verdict([rtp(65534), rtp(65536), rtp(65535), rtp(65537)])["nonce_repeats"], 0)

    def test_srtcp_indexes_are_compared_as_written(self):
        self.assertEqual(verdict([srtcp(1), srtcp(2), srtcp(1, b"other body")])["nonce_repeats"], 1)

    def test_rtp_and_srtcp_have_different_keys(self):
        self.assertEqual(verdict([rtp(5), srtcp(5)])["nonce_repeats"], 0)

    def test_each_ssrc_has_its_own_indexes(self):
        self.assertEqual(verdict([rtp(5), rtp(5, b"other", ssrc=2)])["nonce_repeats"], 0)

    def test_each_recipient_has_its_own_key(self):
        audit = wire_audit.Audit(MDD)
        audit.datagram(MDD, ALICE, rtp(5))
        audit.datagram(MDD, BOB, rtp(5, b"other"))
        self.assertEqual(audit.report()["nonce_repeats"], 0)

    def test_only_what_mdd_sends_counts(self):
        audit = wire_audit.Audit(MDD)
        audit.datagram(ALICE, MDD, rtp(5))
        audit.datagram(ALICE, MDD, rtp(5, b"other"))
        self.assertEqual(audit.report()["media_packets"], 0)


class KeyEpochs(unittest.TestCase):
    def test_a_restart_under_new_keys_is_no_repeat(self):
        report = verdict([server_hello(1), FINISHED, rtp(1), rtp(2), server_hello(2), FINISHED, rtp(1, b"new"),
                          rtp(2, b"new")])
        self.assertEqual((report["nonce_repeats"], report["recipients"][0]["key_epochs"]), (0, 2))

    def test_the_first_handshake_excuses_nothing(self):
        report = verdict([server_hello(1), rtp(1), FINISHED, rtp(1, b"other")])
        self.assertEqual(report["nonce_repeats"], 1)

    def test_one_handshake_excuses_one_restart_only(self):
        report = verdict([rtp(1), server_hello(2), FINISHED, rtp(1, b"new"), rtp(1, b"newer")])
        self.assertEqual(report["nonce_repeats"], 1)

    def test_a_retransmitted_finished_excuses_nothing_more(self):
        report = verdict([rtp(1), server_hello(2), FINISHED, rtp(1, b"new"), FINISHED, rtp(1, b"newer")])
        self.assertEqual(report["nonce_repeats"], 1)

    def test_an_unfinished_handshake_excuses_nothing(self):
        self.assertEqual(verdict([rtp(1), server_hello(2), rtp(1, b"other")])["nonce_repeats"], 1)

    def test_a_rekey_that_continues_opens_no_epoch(self):
        report = verdict([rtp(1), server_hello(2), FINISHED, rtp(2), rtp(3)])
        self.assertEqual((report["nonce_repeats"], report["recipients"][0]["key_epochs"]), (0, 1))

    def test_a_low_start_without_a_collision_opens_the_epoch(self):
        first = [rtp(number, struct.pack("!I", number)) for number in range(5000, 9000)]
        again = [rtp(number, b"new" + struct.pack("!I", number)) for number in range(3, 6000)]
        report = verdict(first + [server_hello(2), FINISHED] + again)
        self.assertEqual((report["nonce_repeats"], report["recipients"][0]["key_epochs"]), (0, 2))


class CaptureFiles(unittest.TestCase):
    def write(self, header, frames):
        file = tempfile.NamedTemporaryFile(suffix=".pcap", delete=False)
        self.addCleanup(os.unlink, file.name)
        with file:
            file.write(header)
            for frame in frames:
                file.write(struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame)
        return file.name

    @staticmethod
    def frame(payload, source=MDD, target=ALICE, tag=b"", more_fragments=False):
        address = [bytes(map(int, one[0].split("."))) for one in (source, target)]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(payload), 0, 0x2000 if more_fragments else 0, 64, 17, 0)
        udp = struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0)
        return bytes(12) + tag + b"\x08\x00" + ip + address[0] + address[1] + udp + payload

    HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)

    def test_a_planted_repeat_is_found_in_a_file(self):
        path = self.write(self.HEADER, [self.frame(rtp(1)), self.frame(rtp(1, b"other"), tag=b"\x81\x00\x00\x05")])
        self.assertEqual(wire_audit.audit_pcap(path, MDD)["nonce_repeats"], 1)

    def test_ethernet_padding_is_no_part_of_the_datagram(self):
        path = self.write(self.HEADER, [self.frame(rtp(1)), self.frame(rtp(1)) + bytes(9)])
        self.assertEqual(wire_audit.audit_pcap(path, MDD)["nonce_repeats"], 0)

    def test_what_is_no_pcap_is_refused(self):
        path = self.write(b"\x0a\x0d\x0d\x0a" + bytes(20), [])
        with self.assertRaises(wire_audit.CaptureError):
            wire_audit.audit_pcap(path, MDD)

    def test_a_capture_of_cut_packets_is_refused(self):
        path = self.write(self.HEADER, [])
        with open(path, "ab") as file:
            file.write(struct.pack("<IIII", 1, 0, 4, 60) + bytes(4))
        with self.assertRaises(wire_audit.CaptureError):
            wire_audit.audit_pcap(path, MDD)

    def test_fragments_are_not_mistaken_for_datagrams(self):
        path = self.write(self.HEADER, [self.frame(rtp(1), more_fragments=True)])
        self.assertEqual(wire_audit.audit_pcap(path, MDD)["media_packets"], 0)


if __name__ == "__main__":
    unittest.main()
