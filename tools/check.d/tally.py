#!/usr/bin/env python3
"""Counts single tests out of meson's testlog.json files; it runs nothing.

A meson test is one program that may hold many tests: GoogleTest and unittest programs are counted by their
own words, anything else is one test. A program that fails counts as at least one failure whatever it says.

usage: tally.py STAGE=TESTLOG.json...     prints failures and skips with reasons, then one line of totals
exit: 0 all passed or skipped, 1 something failed or nothing ran
"""
import json
import re
import sys

SKIP_EXIT_CODE = 77
GTEST_TOTAL = re.compile(r"^\[==========\] (\d+) tests? from .* ran\.", re.M)
GTEST_FAILED = re.compile(r"^\[  FAILED  \] (\d+) tests?, listed below", re.M)
GTEST_SKIPPED = re.compile(r"^\[  SKIPPED \] (\d+) tests?, listed below", re.M)
GTEST_SKIP = re.compile(r"^\S+:\d+: Skipped\n(.*)\n(?:.*\n)*?\[  SKIPPED \] (\S+)", re.M)
UNITTEST_TOTAL = re.compile(r"^Ran (\d+) tests? in ", re.M)
UNITTEST_VERDICT = re.compile(r"^(?:OK|FAILED)(?: \((.*)\))?$", re.M)
UNITTEST_SKIP = re.compile(r"^(.*?)(?: \(.*\))? \.\.\. skipped ['\"](.*)['\"]$", re.M)


class Outcome:
    """What one program's run amounts to; `skips` holds (test, reason)."""

    def __init__(self, passed=0, failed=0, skips=()):
        self.passed, self.failed, self.skips = passed, failed, list(skips)


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def sum_of(pattern, text):
    return sum(int(number) for number in pattern.findall(text))


def count_gtest(text):
    """The Outcome of a GoogleTest program's output, or None where it is none."""
    total = sum_of(GTEST_TOTAL, text)
    if not total:
        return None
    failed, skipped = sum_of(GTEST_FAILED, text), sum_of(GTEST_SKIPPED, text)
    skips = [(name, reason) for reason, name in GTEST_SKIP.findall(text)]
    skips += [("a test", "no reason given")] * (skipped - len(skips))
    return Outcome(total - failed - skipped, failed, skips[:skipped])


def count_unittest(text):
    """The Outcome of a Python unittest program's output, or None where it is none."""
    total, verdicts = sum_of(UNITTEST_TOTAL, text), UNITTEST_VERDICT.findall(text)
    if not UNITTEST_TOTAL.search(text) or not verdicts:
        return None
    counts = {}
    for verdict in verdicts:
        for name, number in re.findall(r"([a-z ]+)=(\d+)", verdict):
            counts[name.strip()] = counts.get(name.strip(), 0) + int(number)
    failed = sum(counts.get(name, 0) for name in ("failures", "errors", "unexpected successes"))
    skipped = counts.get("skipped", 0)
    skips = UNITTEST_SKIP.findall(text)
    skips += [("a test", "no reason given")] * (skipped - len(skips))
    return Outcome(max(0, total - failed - skipped), failed, skips[:skipped])


def count(entry):
    """The Outcome of one entry of testlog.json."""
    text = entry.get("stdout", "") + "\n" + entry.get("stderr", "")
    result = entry.get("result")
    if result == "SKIP" or entry.get("returncode") == SKIP_EXIT_CODE:
        return Outcome(skips=[(entry["name"], last_line(text))])
    outcome = count_gtest(text) or count_unittest(text)
    good = result in ("OK", "EXPECTEDFAIL")
    if outcome is None:
        return Outcome(passed=1) if good else Outcome(failed=1)
    if not good and not outcome.failed:
        outcome.failed = 1
    return outcome


def read_log(path):
    """The entries of one testlog.json; one JSON object per line."""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def main(arguments):
    passed = failed = 0
    skips, failures = {}, []
    for argument in arguments:
        stage, _, path = argument.partition("=")
        for entry in read_log(path):
            outcome = count(entry)
            passed += outcome.passed
            failed += outcome.failed
            if outcome.failed:
                failures.append(f"{stage}: {entry['name']} ({outcome.failed} failed)")
            for name, reason in outcome.skips:
                skips.setdefault((name, reason), []).append(stage)
    for (name, reason), stages in sorted(skips.items()):
        print(f"skipped: {name} [{', '.join(dict.fromkeys(stages))}]: {reason}")
    for failure in failures:
        print(f"FAILED: {failure}")
    skipped = sum(map(len, skips.values()))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
