"""Joins what the wires and the programs saw of a set-up into one sequence of steps; it draws and judges nothing.

The media side is a capture; the tunnel is sealed, so the KMF's trace stands for it. The same datagram on both has
the same digest: that says whose association it is, and what travels in the tunnel message.
"""
import datetime
import hashlib
import re
import struct

import wire_audit

KMF, MDD = "KMF", "mdd"
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, ACK = 20, 21, 22, 26
HANDSHAKE_NAMES = {1: "ClientHello", 2: "ServerHello", 3: "HelloVerifyRequest", 11: "Cert"}
# Parts of a flight that say nothing to somebody who follows the keys.
UNNAMED = (12, 13, 14, 15, 16)
# A protected Finished: explicit nonce, handshake header, 12 bytes, tag (RFC 5288 section 3, RFC 5246 section 7.4.9).
FINISHED_BYTES = 8 + 12 + 12 + 16
FULL_EKT_TAG = 2
# What a tunnel message of the draft carries beside a datagram, in the words of the KMF's trace.
BESIDE = {"profiles": " + Profiles", "keys": " + Key Info"}
BRINGS_KEYS = ("Tunnel(Finished) + Key Info", "media_keys")


class Step:
    """One message from `source` to `target` at `at_us`, or something that `source` did when `target` is None."""

    def __init__(self, at_us, source, target, what, endpoint):
        self.at_us, self.source, self.target, self.what, self.endpoint = at_us, source, target, what, endpoint

    def as_dict(self, start_us):
        return {"ms": round((self.at_us - start_us) / 1000, 3), "from": self.source, "to": self.target,
                "what": self.what, "endpoint": self.endpoint}


def digest_of(datagram):
    return hashlib.sha256(datagram).hexdigest()[:16]


def name_of_record(kind, epoch, fragment):
    """What one DTLS record of a set-up is, by its clear header."""
    if kind == CHANGE_CIPHER_SPEC:
        return None
    if kind == ACK:
        return "ekt_key ACK"
    if kind == ALERT:
        return "alert"
    if kind != HANDSHAKE:
        return "data"
    if epoch > 0:
        return "Finished" if len(fragment) == FINISHED_BYTES else "ekt_key"
    if fragment[:1] == b"\x01" and len(fragment) > 46:
        # Behind header, version, random and session id: the cookie (RFC 6347 section 4.2.1).
        cookie_at = 47 + fragment[46]
        return "ClientHello with cookie" if fragment[cookie_at:cookie_at + 1] > b"\x00" else "ClientHello"
    if fragment and fragment[0] in UNNAMED:
        return None
    return HANDSHAKE_NAMES.get(fragment[0], "handshake") if fragment else "handshake"


def name_of(datagram):
    """A datagram's records in a few words."""
    names = filter(None, (name_of_record(*one) for one in wire_audit.dtls_records(datagram)))
    return ", ".join(dict.fromkeys(names)) or "rest of a flight"


class MediaSide:
    """The capture between the endpoints and mdd: DTLS steps, and the first packets that bring an E2E key."""

    def __init__(self, path, mdd, endpoints):
        self.steps, self.owners, self.names = [], {}, {}
        self.full_tags = []
        places = {(one.address, one.bind.rpartition(":")[2]): one.name for one in endpoints}
        for seconds, link, frame in wire_audit.read_pcap(path):
            datagram = wire_audit.udp_of(link, frame)
            if not datagram or not datagram[2] or mdd not in datagram[:2]:
                continue
            source, target, payload = datagram
            up = target == mdd
            address, port = source if up else target
            name = places.get((address, str(port)))
            if name:
                self._note(seconds * 1e6, name, up, payload)

    def _note(self, at_us, name, up, payload):
        first = payload[0]
        if 20 <= first <= 63:
            what = name_of(payload)
            self.owners[digest_of(payload)] = name
            self.names[digest_of(payload)] = what
            self.steps.append(Step(at_us, name if up else MDD, MDD if up else name, what, name))
        elif 128 <= first <= 191 and len(payload) > 20 and not 192 <= payload[1] <= 223 and \
                payload[-1] == FULL_EKT_TAG:
            ssrc = struct.unpack_from("!I", payload, 8)[0]
            spi = struct.unpack_from("!H", payload, len(payload) - 7)[0]
            self.full_tags.append((at_us, name, up, ssrc, spi))


def wall_us(line):
    """The time at the beginning of a log's line."""
    return datetime.datetime.fromisoformat(line.split()[0]).timestamp() * 1e6


def tunnel_words(protocol, name, beside):
    """The tunnel messages, by the names of their standard, that carry one datagram and what came `beside` it."""
    if protocol == "rfc9185":
        return (("media_keys",) if beside == "keys" else ()) + (f"tunneled_dtls({name})",)
    return (f"Tunnel({name})" + BESIDE.get(beside, ""),)


def announcement_steps(log, protocol):
    """RFC 9185 names mdd's profiles once, when a tunnel comes up; by the KMF's log."""
    return [Step(wall_us(line), MDD, KMF, "supported_profiles", None) for line in log.splitlines()
            if protocol == "rfc9185" and re.search(r"tunnel \d+ up: ", line)]


def tunnel_steps(path, media_side, offset_us, protocol):
    """The KMF's trace as steps; `offset_us` takes its clock to that of the capture."""
    steps = []
    with open(path, encoding="ascii") as file:
        for line in file:
            direction, at_ns, _, beside, _, digest = line.strip().split(",")
            endpoint = media_side.owners.get(digest)
            if endpoint is None:
                continue
            ends = (MDD, KMF) if direction == "in" else (KMF, MDD)
            steps += [Step(int(at_ns) / 1000 + offset_us, *ends, words, endpoint)
                      for words in tunnel_words(protocol, media_side.names[digest], beside)]
    return steps


def mdd_steps(log, tunnel):
    """When mdd had an endpoint's keys, by its log; to the millisecond, and not before they came by `tunnel`."""
    steps = []
    for line in log.splitlines():
        said = re.search(r"endpoint (\S+) (?:keyed|has new keys) with", line)
        if said:
            at_us = wall_us(line)
            came = [one.at_us for one in tunnel if one.endpoint == said[1] and one.what in BRINGS_KEYS]
            at_us = max([at_us] + [one for one in came if one < at_us + 1000])
            steps.append(Step(at_us, MDD, None, f"stores the HBH keys of {said[1]}", said[1]))
    return steps


def key_steps(path, name, offset_us):
    """What an endpoint did with its keys, from its trace."""
    steps, spis = [], 0
    with open(path, encoding="ascii") as file:
        for line in file:
            kind, *fields = line.strip().split(",")
            if kind == "keyed":
                steps.append(Step(int(fields[0]) / 1000 + offset_us, name, None, "has the HBH keys", name))
            elif kind == "ekt":
                words = "has HBH and E2E keys" if spis == 0 else "changes its E2E key"
                spis += 1
                steps.append(Step(int(fields[1]) / 1000 + offset_us, name, None, words, name))
    return steps


def media_steps(media_side, streams):
    """For each sender and EKT key: the first packet with the sender's E2E key, and its way to each receiver.

    `streams` maps an SSRC to its sender's name; one stream of a sender is enough.
    """
    steps, seen = [], set()
    for at_us, name, up, ssrc, spi in media_side.full_tags:
        sender = streams.get(ssrc)
        if sender is None or (name, ssrc, spi) in seen:
            continue
        seen.add((name, ssrc, spi))
        words = f"SRTP (E2E key of {sender}) + EKT"
        steps.append(Step(at_us, sender, MDD, words, name) if up else Step(at_us, MDD, name, words, name))
    return steps


def start_of(steps):
    """When the set-up begins: with the first ClientHello. A tunnel may have come up before."""
    return min(step.at_us for step in steps if step.what == "ClientHello")


def summary(steps, endpoints):
    """One line for each endpoint: when its keys had come, counted from its first ClientHello."""
    lines = []
    for name in endpoints:
        own = [step for step in steps if step.endpoint == name]
        start = start_of(own)

        def first(what, own=own, start=start):
            return min((step.at_us - start for step in own if step.what == what and step.at_us >= start),
                       default=float("nan")) / 1000
        changes = sum(step.what == "changes its E2E key" for step in own)
        lines.append(f"{name}: hop keys after {first('has the HBH keys'):.1f} ms, EKT key acknowledged "
                     f"after {first('ekt_key ACK'):.1f} ms and in use after {first('has HBH and E2E keys'):.1f} ms"
                     + (f", {changes} later change{'s' if changes > 1 else ''} of its E2E key" if changes else ""))
    return lines
