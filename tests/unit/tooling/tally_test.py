#!/usr/bin/env python3
"""Tests of the tally behind tools/check's last line, on what GoogleTest, unittest and plain programs print."""
import io
import json
import os
import sys
import tempfile
import unittest
from contextlib import redirect_stdout

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../tools/check.d"))
import tally  # noqa: E402

GTEST = """[==========] Running 4 tests from 2 test suites.
[ RUN      ] A.ok
[       OK ] A.ok (0 ms)
[ RUN      ] A.skip
/src/a_test.cpp:2: Skipped
no tun device here
[  SKIPPED ] A.skip (0 ms)
[ RUN      ] B.bad
/src/a_test.cpp:9: Failure
[  FAILED  ] B.bad (0 ms)
[==========] 4 tests from 2 test suites ran. (0 ms total)
[  PASSED  ] 2 tests.
[  SKIPPED ] 1 test, listed below:
[  SKIPPED ] A.skip
[  FAILED  ] 1 test, listed below:
[  FAILED  ] B.bad
"""
UNITTEST = """test_a (__main__.T.test_a) ... ok
test_b (__main__.T.test_b)
what it is about ... skipped 'needs a bridge'
test_c (__main__.T.test_c) ... skipped "it's not there"
test_d (__main__.T.test_d) ... FAIL
----------------------------------------------------------------------
Ran 4 tests in 0.001s

FAILED (failures=1, skipped=2)
"""


def entry(result="OK", returncode=0, stdout="", stderr=""):
    return {"name": "some test", "result": result, "returncode": returncode, "stdout": stdout, "stderr": stderr}


class Count(unittest.TestCase):
    def expect(self, one, passed, failed, skips):
        outcome = tally.count(one)
        self.assertEqual((outcome.passed, outcome.failed, outcome.skips), (passed, failed, skips))

    def test_each_googletest_case_counts(self):
        self.expect(entry("FAIL", 1, GTEST), 2, 1, [("A.skip", "no tun device here")])

    def test_each_unittest_method_counts(self):
        self.expect(entry("FAIL", 1, stderr=UNITTEST), 1, 1,
                    [("what it is about", "needs a bridge"), ("test_c", "it's not there")])

    def test_a_plain_program_is_one_test(self):
        self.expect(entry(stdout="fine"), 1, 0, [])
        self.expect(entry("FAIL", 1), 0, 1, [])

    def test_a_skipped_program_gives_its_last_line_as_reason(self):
        self.expect(entry("SKIP", 77, "one\nno /dev/net/tun\n\n"), 0, 0, [("some test", "no /dev/net/tun")])

    def test_a_crash_after_the_last_case_is_a_failure(self):
        text = "[==========] 3 tests from 1 test suite ran. (0 ms total)\n[  PASSED  ] 3 tests.\n"
        self.expect(entry("FAIL", -11, text), 3, 1, [])

    def test_a_crash_in_the_middle_is_a_failure(self):
        self.expect(entry("FAIL", -6, "[ RUN      ] A.ok\n"), 0, 1, [])

    def test_a_timeout_is_a_failure(self):
        self.expect(entry("TIMEOUT", -15), 0, 1, [])


class Totals(unittest.TestCase):
    def run_on(self, entries):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.writelines(json.dumps(one) + "\n" for one in entries)
            file.flush()
            output = io.StringIO()
            with redirect_stdout(output):
                code = tally.main([f"first={file.name}", f"second={file.name}"])
        return code, output.getvalue().splitlines()

    def test_the_last_line_adds_all_stages_up(self):
        code, lines = self.run_on([entry(), entry(stdout=GTEST, result="FAIL", returncode=1)])
        self.assertEqual((code, lines[-1]), (1, "6 passed, 2 failed, 2 skipped"))

    def test_a_skip_is_told_once_with_its_stages_and_reason(self):
        code, lines = self.run_on([entry(), entry("SKIP", 77, "no bridge")])
        self.assertEqual(lines[0], "skipped: some test [first, second]: no bridge")
        self.assertEqual((code, lines[-1]), (0, "2 passed, 0 failed, 2 skipped"))

    def test_nothing_run_is_no_success(self):
        self.assertEqual(self.run_on([]), (1, ["0 passed, 0 failed, 0 skipped"]))


if __name__ == "__main__":
    unittest.main()
