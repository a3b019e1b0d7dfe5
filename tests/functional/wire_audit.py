#!/usr/bin/env python3
"""Audits captured traffic of mdd for repeated packet indexes; it sees ciphertext only and knows no key.

One repeat of (key, SSRC, index) with other bytes breaks AES-GCM for the life of the key. Every recipient
has its own key, so the audit works per recipient address: it rebuilds the 48-bit index of each RTP packet
from the order on the wire (RFC 3711 section 3.3.1), reads the explicit index of each SRTCP packet, and
counts each index that was sent twice with different bytes. A retransmission with the same bytes is none.

A new key is seen only as a finished handshake. After one, the next restart or collision opens a new key
epoch of that recipient instead of counting as a repeat, once per handshake, and only where media was sent
to that recipient before the handshake began.

usage: wire_audit.py --mdd ADDRESS:PORT CAPTURE.pcap [--json FILE]
exit: 0 no repeats, 1 repeats or an unreadable capture, 64 usage
"""
import argparse
import hashlib
import ipaddress
import json
import struct
import sys

LINK_ETHERNET, LINK_RAW = 1, 101
ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN = 0x0800, 0x86DD, (0x8100, 0x88A8)
IPPROTO_UDP = 17
DTLS_HANDSHAKE, SERVER_HELLO = 22, 2
# An index this far below the highest one cannot be reordering inside mdd: it is a fresh start.
RESTART_DISTANCE = 1024
DETAILS_KEPT = 20


class CaptureError(Exception):
    """The file is not a capture that this audit can read."""


def read_pcap(path):
    """Yields (seconds, link type, frame bytes) of each whole packet of a classic pcap file."""
    with open(path, "rb") as file:
        header = file.read(24)
        if len(header) < 24:
            raise CaptureError(f"{path}: shorter than a pcap header")
        for order in "<>":
            magic = struct.unpack(order + "I", header[:4])[0]
            if magic in (0xA1B2C3D4, 0xA1B23C4D):
                break
        else:
            raise CaptureError(f"{path}: not a classic pcap file (pcapng is not read)")
        scale = 1e-6 if magic == 0xA1B2C3D4 else 1e-9
        link_type = struct.unpack(order + "I", header[20:24])[0] & 0x0FFFFFFF
        if link_type not in (LINK_ETHERNET, LINK_RAW):
            raise CaptureError(f"{path}: link type {link_type} is not read")
        while True:
            record = file.read(16)
            if len(record) < 16:
                return
            seconds, fraction, kept, original = struct.unpack(order + "IIII", record)
            frame = file.read(kept)
            if len(frame) < kept:
                return
            if kept < original:
                raise CaptureError(f"{path}: packets were cut short when captured; capture whole packets")
            yield seconds + fraction * scale, link_type, frame


def udp_of(link_type, frame):
    """(source, destination, payload) of an unfragmented UDP datagram, addresses as (text, port); else None."""
    offset, ethertype = 0, 0
    if link_type == LINK_ETHERNET:
        if len(frame) < 14:
            return None
        offset, ethertype = 14, struct.unpack_from("!H", frame, 12)[0]
        while ethertype in ETHERTYPE_VLAN and len(frame) >= offset + 4:
            ethertype = struct.unpack_from("!H", frame, offset + 2)[0]
            offset += 4
    elif frame:
        ethertype = ETHERTYPE_IPV6 if frame[0] >> 4 == 6 else ETHERTYPE_IPV4
    packet = frame[offset:]
    if ethertype == ETHERTYPE_IPV4 and len(packet) >= 20:
        size = (packet[0] & 15) * 4
        fragmented = struct.unpack_from("!H", packet, 6)[0] & 0x3FFF
        if packet[9] != IPPROTO_UDP or fragmented:
            return None
        source, target = packet[12:16], packet[16:20]
    elif ethertype == ETHERTYPE_IPV6 and len(packet) >= 40 and packet[6] == IPPROTO_UDP:
        size, source, target = 40, packet[8:24], packet[24:40]
    else:
        return None
    if len(packet) < size + 8:
        return None
    source_port, target_port, length = struct.unpack_from("!HHH", packet, size)
    if length < 8 or len(packet) < size + length:
        return None
    return ((str(ipaddress.ip_address(source)), source_port),
            (str(ipaddress.ip_address(target)), target_port), packet[size + 8:size + length])


def dtls_records(payload):
    """Yields (content type, epoch, fragment) of the DTLS records in one datagram."""
    offset = 0
    while offset + 13 <= len(payload):
        kind, _, epoch = struct.unpack_from("!BHH", payload, offset)
        length = struct.unpack_from("!H", payload, offset + 11)[0]
        yield kind, epoch, payload[offset + 13:offset + 13 + length]
        offset += 13 + length


class Stream:
    """The indexes of one SSRC towards one recipient within one key epoch."""

    def __init__(self):
        self.highest = None
        self.lowest = None
        self.sent = {}

    def rtp_index(self, sequence):
        """The 48-bit index that a receiver would estimate (RFC 3711 section 3.3.1)."""
        if self.highest is None:
            return sequence
        roc, top = self.highest >> 16, self.highest & 0xFFFF
        if top < 0x8000:
            roc -= sequence - top > 0x8000 and roc > 0
        else:
            roc += top - 0x8000 > sequence
        return roc << 16 | sequence

    def is_behind(self, index):
        return self.highest is not None and index + RESTART_DISTANCE < self.highest

    def add(self, index, digest):
        self.sent.setdefault(index, digest)
        self.highest = index if self.highest is None else max(self.highest, index)
        self.lowest = index if self.lowest is None else min(self.lowest, index)


class Recipient:
    """Everything sent from mdd's media address to one endpoint address."""

    def __init__(self):
        self.epochs = 1
        self.rtp = self.srtcp = self.dtls = self.identical = self.repeats = 0
        self.streams = {}
        self.ssrcs = set()
        self.handshake = None
        self.media_before_handshake = False
        self.counted_handshakes = set()
        self.new_keys_possible = 0

    def on_dtls(self, payload):
        self.dtls += 1
        for kind, epoch, fragment in dtls_records(payload):
            if kind != DTLS_HANDSHAKE:
                continue
            if epoch == 0 and len(fragment) >= 46 and fragment[0] == SERVER_HELLO:
                random = bytes(fragment[14:46])
                if random != self.handshake:
                    self.handshake, self.media_before_handshake = random, bool(self.streams)
            elif epoch >= 1 and self.handshake not in self.counted_handshakes:
                self.counted_handshakes.add(self.handshake)
                if self.media_before_handshake:
                    self.new_keys_possible += 1

    def new_epoch(self):
        self.new_keys_possible -= 1
        self.epochs += 1
        self.streams = {}

    def on_media(self, kind, ssrc, number, payload):
        """Counts one RTP (number = SEQ) or SRTCP (number = index) packet; returns a repeated index or None."""
        digest = hashlib.blake2b(payload, digest_size=16).digest()
        self.ssrcs.add(ssrc)
        for _ in range(2):
            stream = self.streams.setdefault((kind, ssrc), Stream())
            index = stream.rtp_index(number) if kind == "rtp" else number
            known = stream.sent.get(index)
            fresh_start = stream.is_behind(index) or (known is not None and known != digest)
            if not (fresh_start and self.new_keys_possible):
                break
            self.new_epoch()
        if known == digest:
            self.identical += 1
            return None
        stream.add(index, digest)
        if known is None:
            return None
        self.repeats += 1
        return index


class Audit:
    """Feed it datagrams in wire order with `datagram`, then read `report()`."""

    def __init__(self, mdd):
        self.mdd = mdd
        self.recipients = {}
        self.repeats = []
        self.unknown = 0

    def datagram(self, source, target, payload):
        if source != self.mdd or not payload:
            return
        recipient = self.recipients.setdefault(target, Recipient())
        first = payload[0]
        if 20 <= first <= 63:
            recipient.on_dtls(payload)
        elif 128 <= first <= 191 and len(payload) >= 12:
            self._media(target, recipient, payload)
        else:
            self.unknown += 1

    def _media(self, target, recipient, payload):
        if 192 <= payload[1] <= 223:
            kind, ssrc = "srtcp", struct.unpack_from("!I", payload, 4)[0]
            number = struct.unpack_from("!I", payload, len(payload) - 4)[0] & 0x7FFFFFFF
            recipient.srtcp += 1
        else:
            kind, ssrc = "rtp", struct.unpack_from("!I", payload, 8)[0]
            number = struct.unpack_from("!H", payload, 2)[0]
            recipient.rtp += 1
        repeated = recipient.on_media(kind, ssrc, number, payload)
        if repeated is not None and len(self.repeats) < DETAILS_KEPT:
            self.repeats.append({"recipient": f"{target[0]}:{target[1]}", "kind": kind,
                                 "ssrc": ssrc, "index": repeated, "epoch": recipient.epochs})

    def report(self):
        """The findings as a JSON-ready dict; `nonce_repeats` is the verdict, `media_packets` its weight."""
        rows = [{"recipient": f"{address}:{port}", "key_epochs": one.epochs, "rtp": one.rtp,
                 "srtcp": one.srtcp, "dtls": one.dtls, "ssrcs": len(one.ssrcs),
                 "identical_retransmissions": one.identical, "repeats": one.repeats}
                for (address, port), one in sorted(self.recipients.items())]
        return {"mdd": f"{self.mdd[0]}:{self.mdd[1]}",
                "media_packets": sum(row["rtp"] + row["srtcp"] for row in rows),
                "nonce_repeats": sum(row["repeats"] for row in rows),
                "unknown_datagrams": self.unknown, "recipients": rows, "repeats": self.repeats}


def audit_pcap(path, mdd):
    """Audits the capture at `path`; `mdd` is (address text, port) of the media socket. Raises CaptureError."""
    audit = Audit((str(ipaddress.ip_address(mdd[0])), mdd[1]))
    for _, link_type, frame in read_pcap(path):
        datagram = udp_of(link_type, frame)
        if datagram:
            audit.datagram(*datagram)
    return audit.report()


def address_and_port(text):
    """'192.0.2.1:5004' or '[2001:db8::1]:5004' as (address, port)."""
    address, _, port = text.rpartition(":")
    return str(ipaddress.ip_address(address.strip("[]"))), int(port)


class Arguments(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(64, f"{self.prog}: {message}\n")


def main():
    parser = Arguments(description="Audits a capture of mdd's traffic for repeated packet indexes.")
    parser.add_argument("capture")
    parser.add_argument("--mdd", type=address_and_port, required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    try:
        report = audit_pcap(arguments.capture, arguments.mdd)
    except (CaptureError, OSError) as error:
        print(f"wire_audit: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
    print(f"{report['media_packets']} media packets to {len(report['recipients'])} recipients, "
          f"{report['nonce_repeats']} repeated indexes")
    for repeat in report["repeats"]:
        print(f"  {repeat}")
    return 1 if report["nonce_repeats"] else 0


if __name__ == "__main__":
    sys.exit(main())
