#!/usr/bin/env python3
"""Runs one conference with real media through KMF, mdd and three endpoints, and reports; started by tools/demo.

Expects to be root of user, network, mount and PID namespaces of its own, and the programs to be built.
"""
import argparse
import json
import os
import shutil
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
AUDIT_FOLDER = os.path.join(HERE, "..", "..", "tests", "functional")
DRAWING_FOLDER = os.path.join(HERE, "..", "drawing.d")
sys.path[:0] = [AUDIT_FOLDER, DRAWING_FOLDER]

import flow  # noqa: E402
import media  # noqa: E402
import picture  # noqa: E402
import report  # noqa: E402
import sequence  # noqa: E402
import wire_audit  # noqa: E402
from bed import Bed, BedError, run, wait_until  # noqa: E402
from pki import Pki  # noqa: E402
from scene import (ENDPOINT_PORT, ENDPOINTS, MDD_MEDIA, PROFILE, PROTOCOLS, RECEIVERS, RTP_IN_PORTS,  # noqa: E402
                   RTP_OUT_PORT, SENDER, TAP, Scene)

# ffmpeg's sinks give up after this long without a packet; also how the end of the clip is noticed.
SILENCE_SECONDS = 2
STARTED = time.monotonic()


def say(words):
    print(f"[{time.monotonic() - STARTED:5.1f}s] {words}", flush=True)


def progress(done, total):
    """A bar on a terminal, nothing otherwise."""
    if sys.stdout.isatty():
        filled = int(30 * min(1, done / total))
        bar = "#" * filled + "." * (30 - filled)
        print(f"\r         [{bar}] {min(done, total):.0f} of {total:g} s", end="", flush=True)


def start_network(bed):
    """mdd and the KMF share a cable of their own for the tunnel; the endpoints share a switch with mdd's tap."""
    for name in ("kmf", "mdd", *(one.name for one in ENDPOINTS)):
        bed.namespace(name)
    bed.wire("kmf", "10.8.0.1/30", "mdd", "10.8.0.2/30", "tunnel")
    for one in ENDPOINTS:
        bed.plug_in(one.name, f"{one.address}/24")


def start_servers(bed, scene):
    """KMF, mdd with its tap on the switch, and the capture; returns (mdd, capture)."""
    say("starting the KMF and mdd")
    kmf = bed.start("kmf", *scene.kmf_command(), "--trace", scene.path("kmf.trace"), namespace="kmf")
    kmf.wait_for_output("listening on", 10)
    mdd = bed.start("mdd", *scene.mdd_command(), namespace="mdd", environment={"RUNTIME_DIRECTORY": scene.folder})
    mdd.wait_for_output("is ready", 20)
    mdd.wait_for_output("is up", 20)
    bed.plug_in_tap("mdd", TAP)
    capture = bed.start("capture", sys.executable, os.path.join(AUDIT_FOLDER, "wire_capture.py"), TAP,
                        scene.path("wire.pcap"))
    capture.wait_for_output("recording", 5)
    return mdd, capture


def start_endpoints(bed, scene):
    """Starts the endpoints one after another, each when the one before it has the conference's EKT key."""
    say("three endpoints shake hands with the KMF, through mdd and the tunnel, one after another")
    children = {}
    for one in ENDPOINTS:
        child = children[one] = bed.start(one.name, *scene.endpoint_command(one), namespace=one.name)
        child.wait_for_output("keyed ", 20)
        child.wait_for_output("ekt spi=", 20)
    return children


def ports_are_bound(child):
    """True when an ffmpeg sink listens on every RTP and RTCP port of its SDP file."""
    child.must_live()
    with open(f"/proc/{child.process.pid}/net/udp", encoding="ascii") as file:
        bound = {line.split()[1].rpartition(":")[2] for line in list(file)[1:]}
    wanted = range(RTP_OUT_PORT, RTP_OUT_PORT + 2 * len(media.STREAMS))
    return all(f"{port:04X}" in bound for port in wanted)


def end(child):
    """Ends a program of ours, which must do so cleanly."""
    code = child.stop()
    if code != 0:
        raise BedError(f"{child.name} ended with code {code}:\n{child.errors()[-1500:]}")


def end_servers(mdd, capture, endpoints):
    """Ends the receiving endpoints, mdd and the capture; returns what the capture counted."""
    for one in RECEIVERS:
        end(endpoints[one])
    end(mdd)
    capture.stop()
    return json.loads(capture.output().splitlines()[-1])


def play(bed, scene, clip, seconds, sender):
    """Plays the clip into A, lets B and C record until it is over, and ends the sender."""
    sinks = [bed.start(f"sink-{one.name}", *media.receive_command(
        scene.path(f"{one.name}.sdp"), scene.path(f"{one.name}.framehash"), scene.path(f"{one.name}.mkv"),
        SILENCE_SECONDS), namespace=one.name) for one in RECEIVERS]
    for sink in sinks:
        wait_until(lambda: ports_are_bound(sink), 10, f"{sink.name} listening")
    say(f"playing {seconds:g} s of VP8 video and Opus sound into A")
    source = bed.start("source", *media.play_command(clip, RTP_IN_PORTS), namespace=SENDER.name)
    began = time.monotonic()
    while source.process.poll() is None:
        if time.monotonic() - began > seconds + 20:
            raise BedError("the source did not come to its end.")
        progress(time.monotonic() - began, seconds)
        time.sleep(0.1)
    progress(seconds, seconds)
    if sys.stdout.isatty():
        print()
    if source.wait(1) != 0:
        raise BedError(f"the source failed: {source.errors()[-500:]}")
    # A's own RTCP reports would keep the sinks waiting; what is still on its way needs far less than this.
    time.sleep(0.5)
    end(sender)
    for sink in sinks:
        sink.wait(SILENCE_SECONDS + 10)


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def judge_media(scene, clip):
    """The report's part on frames: were those that came out those that went in?"""
    media.hash_clip(clip, scene.path("sent.framehash"))
    sent = media.frame_hashes(scene.path("sent.framehash"))
    received = [media.frame_hashes(scene.path(f"{one.name}.framehash")) for one in RECEIVERS]
    return {"source": "VP8 640x360 at 30 frames/s and Opus stereo in 20 ms frames, by ffmpeg",
            "frames_sent": sum(map(len, sent.values())),
            "frames_received_min": min(sum(map(len, one.values())) for one in received),
            "frames_identical": all(one == sent for one in received)}


def make_report(scene, clip, seconds, captured):
    """Joins what every program wrote into (report, traces of the receivers, trace of the sender)."""
    say("comparing frames, joining traces, auditing the wire")
    mdd = read_json(scene.path("mdd.json"))
    own = {one: read_json(scene.path(f"{one.name}.json")) for one in ENDPOINTS}
    traces = {one: report.read_trace(scene.path(f"{one.name}.trace")) for one in ENDPOINTS}
    audit = wire_audit.audit_pcap(scene.path("wire.pcap"), MDD_MEDIA)
    sent = traces[SENDER].sent
    delays = [delay for one in RECEIVERS for delay in report.latencies(sent, traces[one].received)]
    total = {name: sum(each["rtp"][name] for each in own.values())
             for name in ("sent", "received", "hbh_failed", "e2e_failed", "e2e_no_key")}
    found = {
        "mdd_version": mdd["mdd_version"], "seconds": seconds, "conferences": 1, "endpoints": len(ENDPOINTS),
        "handshakes": sum(each["keyed"] for each in own.values()), "profile": PROFILE,
        "rtp": {"sent": total["sent"], "forwarded": mdd["rtp"]["forwarded"], "received": total["received"],
                "lost": sum(report.lost(sent, traces[one].received, report.hears_since(traces[SENDER], traces[one]))
                            for one in RECEIVERS),
                **{name: total[name] for name in ("hbh_failed", "e2e_failed", "e2e_no_key")}},
        "rtcp": {name: sum(each["rtcp"][name] for each in own.values()) for name in ("sent", "received")},
        "media": judge_media(scene, clip),
        "latency_us": {name: round(report.percentile(delays, share))
                       for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))},
        "drops": {reason: count for group in ("drops", "leg_drops") for reason, count in mdd[group].items() if count},
        "conservation": mdd["conservation"], "nonce_repeats": audit["nonce_repeats"],
        "audited_packets": audit["media_packets"], "capture_missed": captured["missed"],
    }
    return found, traces


def payloads_on_the_wire(scene, ssrc, skip):
    """What the wire showed of one stream on its way to B, without RTP headers; from its packet number `skip` on."""
    target = (RECEIVERS[0].address, ENDPOINT_PORT)
    datagrams = (wire_audit.udp_of(link, frame) for _, link, frame in wire_audit.read_pcap(scene.path("wire.pcap")))
    packets = [payload for source, to, payload in filter(None, datagrams)
               if source == MDD_MEDIA and to == target and payload[8:12] == ssrc.to_bytes(4, "big")]
    return b"".join(packet[12:] for packet in packets[skip:])


def steps_of(scene, protocol):
    """Every step of the set-up in the order of time, until the last endpoint has heard the first packet."""
    offset_us = (time.time_ns() - time.monotonic_ns()) / 1000
    media_side = flow.MediaSide(scene.path("wire.pcap"), MDD_MEDIA, ENDPOINTS)
    tunnel = flow.tunnel_steps(scene.path("kmf.trace"), media_side, offset_us, protocol)
    with open(scene.path("mdd.err"), encoding="utf-8") as mdd, open(scene.path("kmf.err"), encoding="utf-8") as kmf:
        steps = media_side.steps + tunnel + flow.mdd_steps(mdd.read(), tunnel)
        steps += flow.announcement_steps(kmf.read(), protocol)
    for one in ENDPOINTS:
        steps += flow.key_steps(scene.path(f"{one.name}.trace"), one.name, offset_us)
    media_steps = flow.media_steps(media_side, {media.VIDEO.ssrc: SENDER.name})
    # What comes behind the first packets to all receivers is no set-up: the endpoints take their leave.
    end_us = max(step.at_us for step in media_steps)
    return sorted((step for step in steps + media_steps if step.at_us <= end_us), key=lambda step: step.at_us)


def draw_sequence(steps, protocol, folder):
    """The set-up as a sequence diagram in `folder`, as SVG and PNG; returns the PNG's path."""
    svg, png = (os.path.join(folder, f"sequence.{ending}") for ending in ("svg", "png"))
    title = f"How three participants get their keys ({protocol} tunnel)"
    sequence.draw(svg, title, (*(one.name for one in ENDPOINTS), flow.MDD, flow.KMF), steps,
                  flow.start_of(steps))
    run(*media.FFMPEG, "-i", svg, png)
    return png


def draw(scene, clip, seconds, found, traces, folder):
    """One picture of the run in `folder`, as SVG and PNG; returns the PNG's path."""
    frame = int(seconds * media.FRAMES_PER_SECOND / 2)
    frames = []
    for caption, video, name in (("what A sent", clip, "sent.png"),
                                 *((f"what {one.name} received", scene.path(f"{one.name}.mkv"), f"{one.name}.png")
                                   for one in RECEIVERS)):
        media.picture_of(video, frame, scene.path(name))
        frames.append((caption, scene.path(name)))
    sent = traces[SENDER].sent
    video_packets = sum(1 for ssrc, _ in sent if ssrc == media.VIDEO.ssrc)
    media.picture_of_bytes(payloads_on_the_wire(scene, media.VIDEO.ssrc, video_packets // 2), scene.path("wire.png"))
    frames.insert(1, ("what the wire shows", scene.path("wire.png")))
    start, whole_seconds = min(sent.values()), max(1, int(seconds))
    packets = [(f"{SENDER.name} sent", report.per_second(start, whole_seconds, sent.values()))]
    packets += [(f"{one.name} received", report.per_second(start, whole_seconds, traces[one].received.values()))
                for one in RECEIVERS]
    received = [traces[one].received for one in RECEIVERS]
    delays = [(name, report.percentile_per_second(start, whole_seconds, sent, received, share))
              for name, share in (("median", 0.5), ("p99", 0.99))]
    title = f"mdd {found['mdd_version']}: {seconds:g} s of sealed video and sound, {found['rtp']['lost']} packets lost"
    svg, png = (os.path.join(folder, f"demo.{ending}") for ending in ("svg", "png"))
    picture.draw(svg, title, frames, packets, delays)
    run(*media.FFMPEG, "-i", svg, png)
    return png


def demo(arguments):
    scene_folder = os.path.join(arguments.folder, "run")
    shutil.rmtree(arguments.folder, ignore_errors=True)
    os.makedirs(scene_folder)
    say("encoding the clip")
    clip = os.path.join(scene_folder, "clip.mkv")
    media.encode_clip(clip, arguments.seconds)
    scene = Scene(scene_folder, arguments.programs, Pki(os.path.join(scene_folder, "pki")),
                  protocol=arguments.protocol)
    with Bed(scene_folder) as bed:
        start_network(bed)
        mdd, capture = start_servers(bed, scene)
        endpoints = start_endpoints(bed, scene)
        play(bed, scene, clip, arguments.seconds, endpoints[SENDER])
        captured = end_servers(mdd, capture, endpoints)
        found, traces = make_report(scene, clip, arguments.seconds, captured)
        steps = steps_of(scene, arguments.protocol)
        found["protocol"] = arguments.protocol
        found["set_up"] = [step.as_dict(flow.start_of(steps)) for step in steps]
        pictures = [draw(scene, clip, arguments.seconds, found, traces, arguments.folder),
                    draw_sequence(steps, arguments.protocol, arguments.folder)]
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=2)
            file.write("\n")
    print(f"\nmdd {found['mdd_version']}: three participants, {arguments.seconds:g} s of real media")
    print("\n".join(report.in_words(found, {one.name: len(traces[one].received) for one in RECEIVERS})))
    for number, line in enumerate(flow.summary(steps, [one.name for one in ENDPOINTS])):
        print(f"  {'keys' if number == 0 else '':<13} {line}")
    for name, path in zip(("picture", "set-up"), pictures):
        print(f"  {name:<13} {os.path.relpath(path, arguments.shown_from)}")
    return report.shortfalls(found)


def parse_arguments():
    parser = wire_audit.Arguments(prog="tools/demo", description="The whole chain with real media, and a report.")
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON")
    parser.add_argument("--seconds", type=float, default=10, metavar="N", help="length of the clip, 2 to 600 (10)")
    parser.add_argument("--protocol", choices=PROTOCOLS, default=PROTOCOLS[0], help="tunnel dialect")
    for name in ("--folder", "--programs", "--shown-from"):
        parser.add_argument(name, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not 2 <= arguments.seconds <= 600:
        parser.error("--seconds must be from 2 to 600")
    return arguments


def end_on_signal(number, _):
    raise SystemExit(128 + number)


def main():
    arguments = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end_on_signal)
    try:
        problems = demo(arguments)
    except (BedError, wire_audit.CaptureError, OSError, KeyError, ValueError) as error:
        print(f"\ntools/demo: {type(error).__name__}: {error}", file=sys.stderr)
        folder = os.path.relpath(arguments.folder, arguments.shown_from)
        print(f"What each program said is in {folder}/run.", file=sys.stderr)
        return 1
    for problem in problems:
        print(f"  NOT AS IT SHOULD BE: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
