"""mdd as a neighbour on its Ethernet: ARP and ICMP echo."""
import socket
import struct
import time

import frames
import wire_audit
from bed import run
from lab import MDD_MEDIA, LabTest, stream

BROADCAST, NOBODY = b"\xff" * 6, bytes(6)


class Neighbour(LabTest):
    def mac_of_mdd(self):
        line = next(line for line in self.log_of_mdd().splitlines() if "port media0 is " in line)
        return bytes.fromhex(line.partition("port media0 is ")[2].split()[0].replace(":", ""))

    def ask(self, port, target):
        """The answers of mdd to an ARP request for `target` within half a second."""
        port.send(frames.ethernet(BROADCAST, port.mac, frames.ETH_P_ARP, frames.arp(
            frames.ARP_REQUEST, port.mac, "10.9.0.11", NOBODY, target)))
        return [frame for frame in port.seen(0.5)
                if frame[12:14] == struct.pack("!H", frames.ETH_P_ARP) and
                frame[14 + 6:14 + 8] == struct.pack("!H", frames.ARP_REPLY)]

    def test_arp_is_answered_for_the_own_address_and_no_other(self):
        self.start_servers()
        with frames.Port("A") as port:
            answers = self.ask(port, MDD_MEDIA[0])
            self.assertEqual(len(answers), 1)
            mac = self.mac_of_mdd()
            self.assertEqual(answers[0][:42], frames.ethernet(port.mac, mac, frames.ETH_P_ARP, frames.arp(
                frames.ARP_REPLY, mac, MDD_MEDIA[0], port.mac, "10.9.0.11")))
            self.assertEqual(self.ask(port, "10.9.0.77"), [])
        results = self.end()
        self.assertGreaterEqual(results.totals["drops"]["not_for_us"], 1)

    def test_arp_is_asked_for_an_endpoint_that_does_not_ask_itself(self):
        self.start_servers()
        mac = self.mac_of_mdd()
        run("ip", "neigh", "add", MDD_MEDIA[0], "lladdr", mac.hex(":"), "dev", "eth0", namespace="A")
        self.join("A", stream("A"))
        self.end()
        to_a = []
        for _, _, frame in wire_audit.read_pcap(self.scene.path("wire.pcap")):
            if frame[6:12] != mac:
                continue
            if frame[12:14] == struct.pack("!H", frames.ETH_P_ARP):
                to_a.append((struct.unpack("!H", frame[20:22])[0], socket.inet_ntoa(frame[38:42])))
            elif frame[30:34] == socket.inet_aton("10.9.0.11"):
                to_a.append("packet")
        self.assertEqual(to_a[0], (frames.ARP_REQUEST, "10.9.0.11"))
        self.assertIn("packet", to_a)

    def test_an_icmp_echo_is_answered_with_the_same_bytes(self):
        self.start_servers()
        payload = bytes(range(200)) * 5
        with frames.socket_in("B", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as ping:
            ping.settimeout(3)
            ping.sendto(frames.echo_request(0x4D44, 7, payload), (MDD_MEDIA[0], 0))
            packet, peer = ping.recvfrom(2000)
        self.assertEqual(peer[0], MDD_MEDIA[0])
        message = packet[(packet[0] & 15) * 4:]
        self.assertEqual((message[0], message[4:]), (0, struct.pack("!HH", 0x4D44, 7) + payload))
        self.assertEqual(frames.checksum(message), 0)
        self.assertEqual(frames.checksum(packet[:20]), 0)
        time.sleep(0.1)
        self.end()
