"""Packets from an endpoint's own address that the endpoint did not mean: each counted by its name, none forwarded."""
import time

import frames
import wire_audit
from lab import MDD_MEDIA, PLACES, LabTest, stream

HOME = (PLACES["A"].address, 40000)


class Hostile(LabTest):
    """A has sent some packets, which were seen on its wire, and is silent now."""

    def setUp(self):
        super().setUp()
        self.start_servers()
        with frames.Port("A") as port:
            sender = self.join("A", stream("A", packets_per_second=200))
            self.join("B")
            time.sleep(0.5)
            sender.pause()
            seen = [frame for frame in port.seen(0.3) if wire_audit.udp_of(wire_audit.LINK_ETHERNET, frame)]
        self.port = self.enterContext(frames.Port("A"))
        self.to_mdd = [frame for frame in seen if frame[6:12] == self.port.mac]
        self.mac_of_mdd = self.to_mdd[0][:6]
        datagrams = [wire_audit.udp_of(wire_audit.LINK_ETHERNET, frame)[2] for frame in self.to_mdd]
        self.rtp = [one for one in datagrams if one[0] >> 6 == 2 and not 192 <= one[1] <= 223]
        self.rtcp = [one for one in datagrams if one[0] >> 6 == 2 and 192 <= one[1] <= 223]
        self.assertGreater(len(self.rtp), 50)
        self.assertGreaterEqual(len(self.rtcp), 1)

    def send(self, payload, source=HOME):
        self.port.send(frames.ethernet(self.mac_of_mdd, self.port.mac, frames.ETH_P_IP,
                                       frames.udp(source, MDD_MEDIA, payload)))

    def end_with(self, expected):
        """Ends, and holds mdd to exactly these drops; nothing of it went anywhere, and the endpoint goes on."""
        time.sleep(0.2)
        sender = self.peers[0]
        sender.resume()
        time.sleep(0.2)
        results = self.end()
        # bad_ip: an endpoint's kernel says "port unreachable" when the program has ended just before mdd.
        ignored = {"not_for_us", "rtcp_held", "no_subscriber", "bad_ip"}
        drops = {name: count for name, count in results.totals["drops"].items() if name not in ignored}
        self.assertEqual(drops, expected)
        sent = results.reports["A"]["rtp"]["sent"]
        self.assertEqual(results.totals["rtp"]["received"], sent)
        self.assertEqual(results.totals["rtp"]["forwarded"], results.arrived())
        self.assert_hears_all(results, "A", "B")

    def test_replayed_packets_are_counted_and_reach_nobody(self):
        for packet in self.rtp[-40:]:
            self.send(packet)
        self.send(self.rtcp[-1])
        self.end_with({"replay_dup": 41})

    def test_forged_packets_are_counted_and_reach_nobody(self):
        newest = self.rtp[-1]
        # Further than the sender can have come after what was last seen of it.
        ahead = (int.from_bytes(newest[2:4], "big") + 1000) & 0xFFFF
        # A higher sequence number, another payload bit, another SSRC, another tag bit.
        self.send(newest[:2] + ahead.to_bytes(2, "big") + newest[4:])
        self.send(newest[:2] + ahead.to_bytes(2, "big") + newest[4:40] + bytes([newest[40] ^ 1]) + newest[41:])
        self.send(newest[:2] + ahead.to_bytes(2, "big") + newest[4:8] + b"\xde\xad\xbe\xef" + newest[12:])
        report = self.rtcp[-1]
        index = int.from_bytes(report[-4:], "big") + 9
        self.send(report[:-4] + index.to_bytes(4, "big"))
        self.end_with({"auth_fail": 4})

    def test_truncated_and_strange_packets_are_counted_and_reach_nobody(self):
        packet = self.rtp[-1]
        for size in (2, 8, 11):  # too short for header, tag and EKT
            self.send(packet[:size])
        self.send(b"\x8f" + packet[1:50] + b"\0")  # 15 CSRCs do not fit
        self.send(packet[:40] + b"\xff\xff\x05")  # a long EKT tag of an unknown type, longer than the packet
        self.send(self.rtcp[-1][:8])
        for first in (0x40, 0x7F, 0xC0, 0xFF):  # of no protocol of RFC 7983
            self.send(bytes([first]) + packet[1:])
        self.send(bytes([0, 1]) + bytes(18))  # STUN
        self.send(packet, source=(HOME[0], 40001))
        self.end_with({"rtp_malformed": 2, "ekt_invalid": 4, "demux_unknown": 4, "stun_unknown_ufrag": 1,
                       "unknown_source": 1})

    def test_every_shorter_form_of_a_packet_is_refused(self):
        packet = self.rtp[-1]
        sizes = range(12, len(packet))
        for size in sizes:
            self.send(packet[:size])
            time.sleep(0.001)
        time.sleep(0.2)
        self.peers[0].resume()
        time.sleep(0.2)
        results = self.end()
        refused = {name: results.totals["drops"].get(name, 0)
                   for name in ("rtp_malformed", "auth_fail", "ekt_invalid", "replay_dup")}
        self.assertEqual(sum(refused.values()), len(sizes), refused)
        self.assertEqual(results.totals["rtp"]["received"], results.reports["A"]["rtp"]["sent"])
        self.assert_hears_all(results, "A", "B")
