"""No key appears in anything that a program writes or shows."""
import os
import re
import time

from lab import PLACES, LabTest, stream

# What may look like a key and is a name: association ids, fingerprints, and in audit builds hashes of keys.
NAMES = re.compile(r"(?:association[= ]|fingerprint_sha256=|keys_sha256=|its certificate is \S+ \()[0-9a-f]+")
LONG_HEX = re.compile(r"[0-9a-fA-F]{32,}")


class Secrets(LabTest):
    def outputs(self):
        """(name, text) of everything that the programs wrote to people or machines."""
        for name in sorted(os.listdir(self.folder)):
            if name.endswith((".out", ".err", ".json", ".trace")):
                with open(self.scene.path(name), encoding="utf-8", errors="replace") as file:
                    yield name, file.read()

    def test_no_key_is_in_any_log_report_or_command_line(self):
        self.start_servers()
        first = self.join("A", stream("A"))
        self.join("B", stream("B"))
        first.rekey()
        time.sleep(0.5)
        shown = []
        for child in self.bed.children:
            with open(f"/proc/{child.process.pid}/cmdline", "rb") as file:
                shown.append((f"the command line of {child.name}", file.read().decode(errors="replace")))
        self.assertIn("mdd-kmf", shown[0][1])
        self.end()
        with open(self.scene.path("kmf.key"), encoding="utf-8") as file:
            state_key = file.read().strip()
        self.assertEqual(len(state_key), 64)
        outputs = list(self.outputs())
        self.assertLessEqual({"mdd.err", "mdd.json", "kmf.err", "kmf.json", "A.out", "A.json", "A.trace"},
                             {name for name, _ in outputs})
        for name, text in outputs + shown:
            self.assertNotIn(state_key, text.lower(), name)
            for known in (self.scene.pki.fingerprint("kmf-endpoints"), self.scene.kmf_tls_id, PLACES["A"].tls_id,
                          PLACES["B"].tls_id):
                text = text.replace(known, "")
            self.assertIsNone(LONG_HEX.search(NAMES.sub("", text)), f"{name} holds hex of unknown meaning")
