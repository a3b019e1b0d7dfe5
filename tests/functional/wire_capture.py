#!/usr/bin/env python3
"""Records every frame on one interface of this network namespace into a classic pcap file; it filters nothing.

Prints one JSON line when it records and one with its counts when it ends: on SIGTERM, or when the interface goes.

usage: wire_capture.py INTERFACE FILE.pcap
"""
import errno
import json
import signal
import socket
import struct
import sys

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("@qq")
PCAP_HEADER = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
INTERFACE_GONE = (errno.ENETDOWN, errno.ENODEV, errno.ENXIO)


class Stop(Exception):
    """SIGTERM came."""


def on_sigterm(*_):
    raise Stop


def record(sock, file):
    """Writes frames until the interface goes or SIGTERM comes; returns how many."""
    frames = 0
    try:
        while True:
            # The kernel's time: this process may get its turn late.
            frame, ancillary, _, _ = sock.recvmsg(65535, 64)
            seconds, nanoseconds = TIMESPEC.unpack(ancillary[0][2])
            file.write(struct.pack("=IIII", seconds, nanoseconds // 1000, len(frame), len(frame)) + frame)
            frames += 1
    except Stop:
        return frames
    except OSError as error:
        if error.errno in INTERFACE_GONE:
            return frames
        raise


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 64
    interface, path = arguments
    signal.signal(signal.SIGTERM, on_sigterm)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as sock, \
            open(path, "wb") as file:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.bind((interface, 0))
        file.write(PCAP_HEADER)
        print(json.dumps({"recording": interface}), flush=True)
        frames = record(sock, file)
        _, missed = struct.unpack("=II", sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    print(json.dumps({"frames": frames, "missed": missed}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
