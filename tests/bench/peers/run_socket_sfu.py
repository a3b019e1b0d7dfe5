#!/usr/bin/env python3
"""Runs socket_sfu between two network namespaces of its own, joined by a cable; it measures nothing itself.

usage: run_socket_sfu.py PROGRAM [ARGUMENT...]    the arguments go to the program
exit: that of the program, 64 usage, 77 cannot run here (the reason is printed)
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..", "..")
sys.path[:0] = [os.path.join(ROOT, "tests", "functional"), os.path.join(ROOT, "tools", "demo.d")]
from bed import Bed, entered, run  # noqa: E402
from run import CANNOT_RUN, NAMESPACES  # noqa: E402

INSIDE = "MDD_BENCH_INSIDE"
WORLD = "world"
CABLE = "media"
SFU_ADDRESS, WORLD_ADDRESS = "10.8.0.1", "10.8.0.2"
# Nobody has the Ethernet address of the second way, so that the far side drops what comes on it unread.
NOBODY = "10.8.0.3"
SFU_MAC, WORLD_MAC, NOBODYS_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
WAYS = {"10.64.0.0/10": WORLD_ADDRESS, "10.128.0.0/10": NOBODY}


def why_it_cannot_run():
    """The reason why the program cannot run on this machine, or None."""
    for tool in ("unshare", "nsenter", "ip"):
        if shutil.which(tool) is None:
            return f"the command {tool} is missing"
    if len(os.sched_getaffinity(0)) < 2:
        return "the SFU and its load need two CPUs, and this process may use one"
    tried = subprocess.run([*NAMESPACES, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        return f"no user and network namespaces may be made: {tried.stderr.strip().splitlines()[-1:]}"
    return None


def lay_out():
    """Joins the namespaces; whatever goes to 10.64.0.0/10 arrives in the world, what goes to 10.128.0.0/10 is lost."""
    # Before the neighbours: a new address makes the kernel forget them.
    for namespace, address in (("sfu", SFU_MAC), (WORLD, WORLD_MAC)):
        run("ip", "link", "set", CABLE, "address", address, namespace=namespace)
    for namespace, neighbour, address in (("sfu", WORLD_ADDRESS, WORLD_MAC), ("sfu", NOBODY, NOBODYS_MAC),
                                          (WORLD, SFU_ADDRESS, SFU_MAC)):
        run("ip", "neigh", "add", neighbour, "lladdr", address, "dev", CABLE, namespace=namespace)
    for network, way in WAYS.items():
        run("ip", "route", "add", network, "via", way, namespace="sfu")
    run("ip", "route", "add", "local", "10.64.0.0/10", "dev", "lo", namespace=WORLD)


def run_inside(program):
    """Runs the program, in namespaces already."""
    with tempfile.TemporaryDirectory() as folder, Bed(folder) as bed:
        for name in ("sfu", WORLD):
            bed.namespace(name)
        bed.wire("sfu", f"{SFU_ADDRESS}/24", WORLD, f"{WORLD_ADDRESS}/24", CABLE)
        lay_out()
        command = entered("sfu", [*program, "--world", f"/run/netns/{WORLD}"])
        return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


def main():
    program = sys.argv[1:]
    if not program or program[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 64
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if INSIDE in os.environ:
        return run_inside(program)
    reason = why_it_cannot_run()
    if reason:
        print(f"The SFU on kernel sockets cannot run here: {reason}.")
        return CANNOT_RUN
    return subprocess.run([*NAMESPACES, sys.executable, os.path.abspath(__file__), *program],
                          env={**os.environ, INSIDE: "1"}, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
