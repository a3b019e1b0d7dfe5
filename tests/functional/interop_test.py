"""DTLS clients that are not ours, through mdd and the tunnel: their exported keys are those that mdd was given."""
import hashlib
import os
import re
import shutil
import subprocess
import unittest

from lab import BUILD, HERE, MDD_MEDIA, PLACES, LabTest

GO_SOURCES = "/usr/share/gocode"
PION = os.path.join(GO_SOURCES, "src/github.com/pion/dtls/v2")
KEYS_BYTES = 56  # two 16-byte keys, two 12-byte salts
KEYS_LOGGED = re.compile(r"keys_sha256=([0-9a-f]{64})")


class ForeignClient(LabTest):
    profile = "SRTP_AEAD_AES_128_GCM"

    def setUp(self):
        super().setUp()
        self.edit("kmf.toml", f'profile = "{self.profile}"', f'profile = "{self.profile}"\nallow_plain = true')
        self.edit("mdd.toml", "[media]\n", "[media]\nallow_plain = true\n")
        self.start_servers()

    def files(self):
        return self.scene.pki.cert("A"), self.scene.pki.key("A")

    def judge(self, exported):
        """Ends; holds the exported bytes against the hashes that audit builds log, and looks for them elsewhere."""
        self.assertEqual(len(exported), KEYS_BYTES)
        results = self.end()
        self.assertEqual(results.totals["handshakes"], 1)
        self.assertEqual(results.kmf["handshakes"]["completed"], 1)
        self.assertIn(f"endpoint A keyed with {self.profile}", self.log_of_mdd())
        for program in (self.mdd, self.kmf):
            said = (program.output() + program.errors()).lower()
            for key in (exported[:16], exported[16:32], exported[32:44], exported[44:]):
                self.assertNotIn(key.hex(), said)
        logged = [KEYS_LOGGED.findall(program.errors()) for program in (self.mdd, self.kmf)]
        if not any(logged):
            self.skipTest("the handshake passed; hashes of keys to compare are only logged by builds with -Daudit=true")
        digest = hashlib.sha256(exported).hexdigest()
        self.assertEqual(logged, [[digest], [digest]])

    def test_an_openssl_client_exports_the_keys_that_the_tunnel_carried(self):
        cert, key = self.files()
        client = self.bed.start(
            "s_client", "openssl", "s_client", "-dtls1_2", "-connect", "%s:%d" % MDD_MEDIA, "-bind", PLACES["A"].bind,
            "-use_srtp", self.profile, "-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", KEYS_BYTES,
            "-cert", cert, "-key", key, namespace="A")
        self.assertEqual(client.wait(20), 0, client.errors())
        said = client.output()
        self.assertIn(f"SRTP Extension negotiated, profile={self.profile}", said)
        self.judge(bytes.fromhex(re.search(r"Keying material: ([0-9A-F]+)", said)[1]))

    @unittest.skipUnless(shutil.which("go"), "the Go compiler is missing (Debian package golang-go)")
    @unittest.skipUnless(os.path.isdir(PION), "Pion DTLS is missing (Debian package golang-github-pion-dtls.v2-dev)")
    def test_a_pion_client_exports_the_keys_that_the_tunnel_carried(self):
        program = os.path.join(BUILD, "pion_client")
        built = subprocess.run(
            ["go", "build", "-o", program, os.path.join(HERE, "pion_client", "main.go")], capture_output=True,
            text=True, check=False, env={**os.environ, "GO111MODULE": "off", "GOPATH": GO_SOURCES, "CGO_ENABLED": "0",
                                         "GOFLAGS": "", "GOCACHE": os.path.join(BUILD, "go-cache")})
        self.assertEqual(built.returncode, 0, built.stderr)
        client = self.bed.start("pion", program, "%s:%d" % MDD_MEDIA, PLACES["A"].bind, *self.files(),
                                self.scene.pki.fingerprint("kmf-endpoints"), namespace="A")
        self.assertEqual(client.wait(20), 0, client.errors())
        self.judge(bytes.fromhex(client.output().strip()))
