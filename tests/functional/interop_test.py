"""DTLS clients that are not ours, through mdd and both tunnels: their exported keys are those that mdd was given."""
import hashlib
import os
import re
import shutil
import subprocess
import unittest

from lab import BUILD, HERE, MDD_MEDIA, PLACES, LabTest
from scene import PROFILE, PROTOCOLS

GO_SOURCES = "/usr/share/gocode"
PION = os.path.join(GO_SOURCES, "src/github.com/pion/dtls/v2")
WERIFT = os.path.join(HERE, "werift_client")
PLAIN, DOUBLE = "SRTP_AEAD_AES_128_GCM", PROFILE
NUMBERS = {PLAIN: 7, DOUBLE: 9}
# Where mdd's share lies in the exported bytes: client key, server key, client salt, server salt. Of a double profile
# it is the second half of each (RFC 8723 section 3).
HOP_PARTS = {PLAIN: ((0, 16), (16, 32), (32, 44), (44, 56)), DOUBLE: ((16, 32), (48, 64), (76, 88), (100, 112))}
KEYS_LOGGED = re.compile(r"keys_sha256=([0-9a-f]{64})")


class ForeignClient(LabTest):
    """Base: one client, one handshake. None of these clients sends an external_session_id."""

    def setUp(self):
        super().setUp()
        profile = f'profile = "{self.profile}"'
        self.edit("kmf.toml", profile, f"{profile}\nrequire_tls_id = false")
        if self.profile == PLAIN:
            self.edit("kmf.toml", profile, f"{profile}\nallow_plain = true")
            self.edit("mdd.toml", "[media]\n", "[media]\nallow_plain = true\n")
        self.start_servers()

    def files(self):
        return self.scene.pki.cert("A"), self.scene.pki.key("A")

    def judge(self, exported):
        """Ends; holds the exported bytes against the hashes that audit builds log, and looks for them elsewhere."""
        parts = HOP_PARTS[self.profile]
        self.assertEqual(len(exported), parts[-1][1])
        results = self.end()
        self.assertEqual(results.totals["handshakes"], 1)
        self.assertEqual(results.kmf["handshakes"]["completed"], 1)
        self.assertIn(f"endpoint A keyed with {self.profile}", self.log_of_mdd())
        hop = [exported[start:end] for start, end in parts]
        for program in (self.mdd, self.kmf):
            said = (program.output() + program.errors()).lower()
            for key in hop:
                self.assertNotIn(key.hex(), said)
        logged = [KEYS_LOGGED.findall(program.errors()) for program in (self.mdd, self.kmf)]
        if not any(logged):
            self.skipTest("the handshake passed; hashes of keys to compare are only logged by builds with -Daudit=true")
        digest = hashlib.sha256(b"".join(hop)).hexdigest()
        self.assertEqual(logged, [[digest], [digest]])

    def run_client(self, name, command, *more):
        """A client that prints the exported bytes in hex and ends."""
        client = self.bed.start(name, *command, "%s:%d" % MDD_MEDIA, PLACES["A"].bind, *self.files(),
                                self.scene.pki.fingerprint("kmf-endpoints"), *more, namespace="A")
        self.assertEqual(client.wait(20), 0, client.errors())
        return bytes.fromhex(client.output().strip())


class Werift(ForeignClient):
    """A client that shares no code with ours and speaks Double's DTLS part."""

    profile = DOUBLE

    @unittest.skipUnless(shutil.which("node"), "Node.js is missing (Debian package nodejs)")
    @unittest.skipUnless(os.path.isdir(os.path.join(WERIFT, "node_modules")),
                         "werift is missing (tools/setup check brings it where npm is installed)")
    def test_a_werift_client_exports_the_keys_that_the_tunnel_carried(self):
        self.judge(self.run_client("werift", ("node", os.path.join(WERIFT, "main.js")), NUMBERS[self.profile]))


class Plain(Werift):
    profile = PLAIN

    def test_an_openssl_client_exports_the_keys_that_the_tunnel_carried(self):
        cert, key = self.files()
        client = self.bed.start(
            "s_client", "openssl", "s_client", "-dtls1_2", "-connect", "%s:%d" % MDD_MEDIA, "-bind", PLACES["A"].bind,
            "-use_srtp", self.profile, "-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen",
            HOP_PARTS[PLAIN][-1][1], "-cert", cert, "-key", key, namespace="A")
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
        self.judge(self.run_client("pion", [program]))


class WeriftRfc9185(Werift):
    protocol = PROTOCOLS[1]


class PlainRfc9185(Plain):
    protocol = PROTOCOLS[1]
