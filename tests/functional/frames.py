"""Ethernet frames by hand, and sockets in the lab's namespaces to send and see them; no protocol lives here."""
import socket
import struct
import time

from lab import socket_in

ETH_P_ALL, ETH_P_IP, ETH_P_ARP = 0x0003, 0x0800, 0x0806
ARP_REQUEST, ARP_REPLY = 1, 2


def checksum(data):
    """The Internet checksum of RFC 1071."""
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(protocol, source, target, payload):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0,
                         socket.inet_aton(source), socket.inet_aton(target))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def udp(source, target, payload):
    """An IPv4 packet; addresses are (text, port). Without UDP checksum, as IPv4 allows."""
    return ipv4(17, source[0], target[0], struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0) + payload)


def ethernet(target, source, ethertype, payload):
    return target + source + struct.pack("!H", ethertype) + payload


def echo_request(identifier, sequence, payload):
    body = struct.pack("!BBHHH", 8, 0, 0, identifier, sequence) + payload
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def arp(operation, sender_mac, sender_ip, target_mac, target_ip):
    return struct.pack("!HHBBH", 1, ETH_P_IP, 6, 4, operation) + sender_mac + socket.inet_aton(sender_ip) + \
        target_mac + socket.inet_aton(target_ip)


class Port:
    """The interface eth0 of an endpoint's namespace, frame by frame."""

    def __init__(self, namespace):
        self.socket = socket_in(namespace, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.bind(("eth0", ETH_P_ALL))
        self.mac = self.socket.getsockname()[4]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, frame):
        self.socket.send(frame)

    def seen(self, seconds):
        """Yields the frames, of both directions, that pass within so many seconds."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                yield self.socket.recv(65535)
            except TimeoutError:
                return
