"""How the programs begin and end: exit codes, and one sentence for what is wrong."""
import json
import os
import subprocess

from bed import entered
from lab import BUILD, LabTest

PROGRAMS = {"mdd": "controlplane/mdd", "mdd-kmf": "tools/mdd-kmf/mdd-kmf",
            "mdd-endpoint": "tools/mdd-endpoint/mdd-endpoint"}


class Programs(LabTest):
    def run_program(self, name, *arguments, namespace="mdd"):
        """Runs a program that is to end by itself."""
        command = entered(namespace, [os.path.join(BUILD, PROGRAMS[name]), *arguments])
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20,
                              stdin=subprocess.DEVNULL, env={**os.environ, "RUNTIME_DIRECTORY": self.folder})

    def fails_with(self, code, sentence, result):
        self.assertEqual(result.returncode, code, result.stderr)
        lines = [line for line in result.stderr.splitlines() if sentence in line]
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertNotIn("terminate called", result.stderr)

    def test_sigterm_ends_every_program_cleanly_with_its_totals(self):
        self.start_servers()
        self.join("A")
        results = self.end()  # which insists on exit code 0 of each
        self.assertEqual(results.totals["handshakes"], 1)
        self.assertEqual(results.kmf["handshakes"]["completed"], 1)
        self.assertTrue(results.reports["A"]["keyed"])
        self.assertIn("conservation", self.mdd.output())
        self.assertEqual(json.loads(self.kmf.errors().rpartition("stopped: ")[2]), results.kmf)

    def test_a_device_that_does_not_exist_is_named_in_one_sentence(self):
        self.edit("mdd.toml", "net_tap0,iface=dtap0", "0000:ff:1f.7")
        self.fails_with(1, "no PCI device has the address 0000:ff:1f.7",
                        self.run_program("mdd", "--config", self.scene.path("mdd.toml")))

    def test_a_driver_that_does_not_exist_is_named_in_one_sentence(self):
        self.edit("mdd.toml", "net_tap0,iface=dtap0", "net_nonsense0")
        result = self.run_program("mdd", "--config", self.scene.path("mdd.toml"))
        self.assertEqual(result.returncode, 1, result.stderr)
        last = result.stderr.splitlines()[-1]
        self.assertTrue(last.startswith("mdd: ") and last.endswith("."), result.stderr)
        self.assertIn("net_nonsense0", last)

    def test_a_tap_name_that_is_taken_is_an_error_in_one_sentence(self):
        self.start_kmf()
        self.edit("mdd.toml", "iface=dtap0", "iface=tunnel")
        result = self.run_program("mdd", "--config", self.scene.path("mdd.toml"))
        self.assertEqual(result.returncode, 1, result.stderr)
        last = result.stderr.splitlines()[-1]
        self.assertTrue(last.startswith("mdd: ") and last.endswith("."), result.stderr)
        self.assertIn("net_tap0,iface=tunnel", last)

    def test_an_unknown_flag_is_wrong_usage_for_each(self):
        for name in PROGRAMS:
            with self.subTest(name):
                result = self.run_program(name, "--nonsense")
                self.assertEqual(result.returncode, 64)
                self.assertIn("--", result.stderr)

    def test_a_bad_configuration_is_told_with_its_place_and_a_fix(self):
        self.edit("mdd.toml", "udp_ports", "udp_portss")
        self.edit("mdd.toml", 'idle = "adaptive"', 'idle = "sometimes"')
        for options in ([], ["--check-config"]):
            result = self.run_program("mdd", "--config", self.scene.path("mdd.toml"), *options)
            self.assertEqual(result.returncode, 78)
            self.assertRegex(result.stderr, r"mdd\.toml:\d+:\d+")
            self.assertIn('unknown key "udp_portss" in [media]', result.stderr)
            self.assertIn("help: rename it to udp_ports", result.stderr)
            self.assertIn("sometimes", result.stderr)
        self.edit("kmf.toml", "[[mdd]]", "[[mddd]]")
        result = self.run_program("mdd-kmf", "--config", self.scene.path("kmf.toml"))
        self.assertEqual(result.returncode, 78)
        self.assertIn("mddd", result.stderr)

    def test_good_configurations_pass_their_check(self):
        self.assertEqual(self.run_program("mdd", "--check-config", "--config",
                                          self.scene.path("mdd.toml")).returncode, 0)
        self.assertEqual(self.run_program("mdd-kmf", "--check-config", "--config",
                                          self.scene.path("kmf.toml")).returncode, 0)
