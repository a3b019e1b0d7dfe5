#!/usr/bin/env python3
"""Runs one file of functional tests, each test method in namespaces of its own; it judges nothing itself.

A fresh set of user, network, mount and PID namespaces per method: no test can disturb another or the machine,
and nothing that it started outlives it.

usage: run.py --build DIRECTORY FILE_test.py [METHOD_PART...]
environment: MDD_BUILD instead of --build; MDD_TEST_WORKERS, how many workers mdd gets (1)
exit: 0 all passed or skipped, 1 something failed, 64 usage, 77 cannot run here (the reason is printed)
"""
import argparse
import os
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
NAMESPACES = ("unshare", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
              "--propagation", "private")
# More for a test that is told to do its thing many times.
SECONDS_PER_TEST = int(os.environ.get("MDD_TEST_SECONDS", "150"))
INSIDE, FOLDER, WORKERS = "MDD_TEST_INSIDE", "MDD_TEST_FOLDER", "MDD_TEST_WORKERS"
CANNOT_RUN = 77


def why_it_cannot_run(workers):
    """The reason why functional tests cannot run on this machine, or None."""
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun, which mdd's tap port needs"
    for tool in ("unshare", "nsenter", "ip", "openssl"):
        if shutil.which(tool) is None:
            return f"the command {tool} is missing"
    if workers > len(os.sched_getaffinity(0)):
        return f"{workers} workers need {workers} CPUs, and this process may use {len(os.sched_getaffinity(0))}"
    tried = subprocess.run([*NAMESPACES, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        return f"no user and network namespaces may be made: {tried.stderr.strip().splitlines()[-1:]}"
    return None


def tests_in(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_in(item)
        else:
            yield item


def run_inside(test_id):
    """Runs one test in this process, which is in the namespaces already."""
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, descriptions=False).run(
        unittest.defaultTestLoader.loadTestsFromName(test_id))
    return 0 if result.wasSuccessful() else 1


def run_each(file, wanted):
    """Runs every test of the file in namespaces of its own; returns whether all went well."""
    name = os.path.splitext(os.path.basename(file))[0]
    good = True
    for test in tests_in(unittest.defaultTestLoader.loadTestsFromName(name)):
        if wanted and not any(part in test.id() for part in wanted):
            continue
        good = run_one(file, test.id()) and good
    return good


def run_one(file, test_id):
    """Runs one test in namespaces of its own; what its programs wrote is kept only when it fails."""
    folder = os.path.join(os.environ["MDD_BUILD"], "functional", f"{test_id}-{os.environ.get(WORKERS, '1')}")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    command = [*NAMESPACES, sys.executable, os.path.abspath(__file__), file]
    try:
        code = subprocess.run(command, env={**os.environ, INSIDE: test_id, FOLDER: folder}, check=False,
                              stdin=subprocess.DEVNULL, timeout=SECONDS_PER_TEST).returncode
    except subprocess.TimeoutExpired:
        print(f"{test_id} ... FAIL: not over after {SECONDS_PER_TEST} s", flush=True)
        code = 1
    if code == 0:
        shutil.rmtree(folder)
    else:
        print(f"What each program said is in {folder}", flush=True)
    return code == 0


def main():
    parser = argparse.ArgumentParser(description="Runs one file of functional tests.")
    parser.add_argument("--build", default=os.environ.get("MDD_BUILD"))
    parser.add_argument("file")
    parser.add_argument("wanted", nargs="*")
    try:
        arguments = parser.parse_args()
    except SystemExit as end:
        return 64 if end.code else 0
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "tools", "demo.d")]
    # The programs forbid to be traced, and the leak check of the sanitizer traces: it would end them with an error.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    if INSIDE in os.environ:
        return run_inside(os.environ[INSIDE])
    if not arguments.build:
        print("run.py: name the build directory with --build or MDD_BUILD", file=sys.stderr)
        return 64
    os.environ["MDD_BUILD"] = os.path.abspath(arguments.build)
    reason = why_it_cannot_run(int(os.environ.get(WORKERS, "1")))
    if reason:
        print(f"functional tests cannot run here: {reason}.")
        return CANNOT_RUN
    return 0 if run_each(os.path.abspath(arguments.file), arguments.wanted) else 1


if __name__ == "__main__":
    sys.exit(main())
