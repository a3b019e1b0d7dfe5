"""What the demo found: joins the endpoints' traces, judges the run, prints it for people; it measures nothing.

Times are microseconds on the machine's monotonic clock, which all endpoints of a lab share. What an endpoint sent
or received is {(ssrc, index): time}, where the index is 65536 * ROC + SEQ as the sender counts.
"""
import math


class Trace:
    """One endpoint's trace file: what it sent, what it received, since when it had keys, and each EKT key's coming."""

    def __init__(self):
        self.sent, self.received, self.keyed, self.ekt = {}, {}, math.inf, {}


def read_trace(path):
    """Reads what `mdd-endpoint --trace` wrote, or has written so far."""
    trace = Trace()
    with open(path, encoding="ascii") as file:
        for line in file:
            if not line.endswith("\n"):
                break  # still being written
            kind, *fields = line.split(",")
            if kind == "tx":
                trace.sent[int(fields[0]), int(fields[1])] = int(fields[2]) / 1000
            elif kind == "rx":
                trace.received[int(fields[0]), int(fields[1])] = int(fields[3]) / 1000
            elif kind == "keyed":
                trace.keyed = min(trace.keyed, int(fields[0]) / 1000)
            elif kind == "ekt":
                trace.ekt.setdefault(int(fields[0]), int(fields[1]) / 1000)
    return trace


def hears_since(sender, receiver):
    """Since when a receiver is to hear a sender: both have changed over to the EKT key that the receiver began with.

    What is sent under earlier keys than those of its time is closed to a joiner.
    """
    changed_over = sender.ekt.get(next(iter(receiver.ekt)), 0) if receiver.ekt else 0
    return max(receiver.keyed, changed_over)


def percentile(values, share):
    """The smallest value that at least `share` of `values` do not exceed; 0 for no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0


def latencies(sent, received):
    """Microseconds from sending to receiving of each packet in both traces."""
    return [at - sent[packet] for packet, at in received.items() if packet in sent]


def lost(sent, received, heard_since):
    """How many packets were sent from some time on and never reached the receiver."""
    return sum(1 for packet, at in sent.items() if at >= heard_since and packet not in received)


def per_second(start, seconds, times):
    """How many of `times` fall into each second after `start`."""
    counts = [0] * seconds
    for at in times:
        second = int((at - start) // 1_000_000)
        if 0 <= second < seconds:
            counts[second] += 1
    return counts


def percentile_per_second(start, seconds, sent, traces, share):
    """A percentile of the delay for each second of sending, None for a second without packets."""
    slots = [[] for _ in range(seconds)]
    for received in traces:
        for packet, at in received.items():
            if packet in sent:
                second = int((sent[packet] - start) // 1_000_000)
                if 0 <= second < seconds:
                    slots[second].append(at - sent[packet])
    return [percentile(slot, share) if slot else None for slot in slots]


def shortfalls(report):
    """What a run must show and this one does not, as sentences; empty when all is well."""
    rtp, media = report["rtp"], report["media"]
    checks = [
        (report["handshakes"] == report["endpoints"],
         f"{report['handshakes']} handshakes instead of {report['endpoints']}"),
        (rtp["sent"] > 0, "no RTP was sent"),
        (rtp["lost"] == 0, f"{rtp['lost']} RTP packets were lost"),
        (rtp["hbh_failed"] == 0, f"{rtp['hbh_failed']} packets failed hop by hop"),
        (rtp["e2e_failed"] == 0, f"{rtp['e2e_failed']} packets failed end to end"),
        (media["frames_identical"], "the frames that came out are not the frames that went in"),
        (report["conservation"], "mdd cannot account for every packet"),
        (report["audited_packets"] > 0, "the capture holds no media packet of mdd to audit"),
        (report["capture_missed"] == 0,
         f"the capture missed {report['capture_missed']} frames, the audit is not complete"),
        (report["nonce_repeats"] == 0, f"{report['nonce_repeats']} packet indexes were used twice"),
    ]
    return [sentence for good, sentence in checks if not good]


def in_words(report, receivers):
    """The report as lines for a person; `receivers` maps an endpoint's name to how many RTP packets it got."""
    rtp, media, delay = report["rtp"], report["media"], report["latency_us"]
    got = " · ".join(f"{name} received {count:,}" for name, count in receivers.items())
    drops = ", ".join(f"{count} {reason}" for reason, count in sorted(report["drops"].items())) or "none"
    same = "identical to those sent" if media["frames_identical"] else "NOT the frames that were sent"
    rows = [
        ("handshakes", f"{report['handshakes']} of {report['endpoints']} through the tunnel, {report['profile']}"),
        ("RTP", f"A sent {rtp['sent']:,} · mdd forwarded {rtp['forwarded']:,} · {got} · {rtp['lost']} lost"),
        ("RTCP", f"{report['rtcp']['sent']} sent · {report['rtcp']['received']} received"),
        ("failures", f"{rtp['hbh_failed']} hop by hop · {rtp['e2e_failed']} end to end · "
                     f"{rtp['e2e_no_key']} before their key had come"),
        ("frames", f"{media['frames_sent']} sent · at least {media['frames_received_min']} received by each, {same}"),
        ("delay", f"p50 {delay['p50']:,} µs · p99 {delay['p99']:,} µs · p99.9 {delay['p999']:,} µs, endpoint to "
                  "endpoint; on a small machine the scheduler makes the tail"),
        ("mdd drops", drops),
        ("conservation", "every packet accounted for" if report["conservation"] else "VIOLATED"),
        ("nonce audit", f"{report['audited_packets']:,} packets captured on the wire, "
                        f"{report['nonce_repeats']} repeated indexes"),
    ]
    return [f"  {name:<13} {words}" for name, words in rows]
