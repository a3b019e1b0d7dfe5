"""The demo's conference: addresses, configuration files and command lines of KMF, mdd and three endpoints."""
import json
import os
import secrets

import media

CONFERENCE = "c0c1c2c3-c4c5-c6c7-c8c9-cacbcccdcecf"
PROFILE = "DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM"
PROTOCOLS = ("dtls-v1", "rfc9185")
KMF_TUNNEL, MDD_TUNNEL = "10.8.0.1", "10.8.0.2"
MDD_MEDIA = ("10.9.0.2", 5004)
TAP = "dtap0"
ENDPOINT_PORT = 40000
RTP_IN_PORTS = {media.VIDEO: 6000, media.AUDIO: 6002}
RTP_OUT_PORT = 7000


class Endpoint:
    """One participant: A sends, the others receive."""

    def __init__(self, name, address, sends):
        self.name, self.address, self.sends = name, address, sends
        self.tls_id = f"{name}-{secrets.token_hex(16)}"

    @property
    def bind(self):
        return f"{self.address}:{ENDPOINT_PORT}"


ENDPOINTS = (Endpoint("A", "10.9.0.11", True), Endpoint("B", "10.9.0.12", False), Endpoint("C", "10.9.0.13", False))
SENDER, RECEIVERS = ENDPOINTS[0], ENDPOINTS[1:]


class Scene:
    """Files of one run in `folder`; `programs` is the build directory."""

    def __init__(self, folder, programs, pki, profile=PROFILE, workers=1, protocol=PROTOCOLS[0]):
        self.folder, self.programs, self.pki = folder, programs, pki
        self.profile, self.workers, self.protocol = profile, workers, protocol
        self.kmf_tls_id = f"kmf-{secrets.token_hex(16)}"
        for name in ("mdd", "kmf"):
            pki.signed(name)
        for name in ("kmf-endpoints", *(endpoint.name for endpoint in ENDPOINTS)):
            pki.self_signed(name)
        self._write("kmf.key", secrets.token_hex(32) + "\n")
        self._write("kmf.toml", self._kmf_toml())
        self._write("mdd.toml", self._mdd_toml())

    def path(self, name):
        return os.path.join(self.folder, name)

    def _write(self, name, text):
        private = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(private, "w", encoding="utf-8") as file:
            file.write(text)

    def _kmf_toml(self):
        pki = self.pki
        members = ",\n".join(f'  {{ id = "{one.name}", fingerprint_sha256 = "{pki.fingerprint(one.name)}", '
                             f'tls_id = "{one.tls_id}" }}' for one in ENDPOINTS)
        return f"""listen = "{KMF_TUNNEL}:4433"
protocols = ["{self.protocol}"]

[state]
file = "{self.path('kmf.state')}"
key_file = "{self.path('kmf.key')}"

[tunnel_tls]
cert = "{pki.cert('kmf')}"
key = "{pki.key('kmf')}"
ca = "{pki.cert('ca')}"

[endpoint_tls]
cert = "{pki.cert('kmf-endpoints')}"
key = "{pki.key('kmf-endpoints')}"

[[mdd]]
name = "mdd"
fingerprint_sha256 = "{pki.fingerprint('mdd')}"

[[conference]]
id = "{CONFERENCE}"
profile = "{self.profile}"
tls_id = "{self.kmf_tls_id}"
endpoints = [
{members}
]
"""

    def _mdd_toml(self):
        pki = self.pki
        cores = sorted(os.sched_getaffinity(0))
        # A single worker has a core of its own where there is one; two share with control.
        control = cores[0]
        workers = cores[1:2] or cores if self.workers == 1 else cores[:self.workers]
        members = ",\n".join(f'  {{ id = "{one.name}", address = "{one.bind}" }}' for one in ENDPOINTS)
        return f"""[eal]
hugepages_mib = [0]

[cpu]
control = [{control}]
workers = {workers}
allow_shared = {json.dumps(control in workers)}
idle = "adaptive"

[pool]
mbufs_per_numa = 16383

[[port]]
name = "media0"
device = "net_tap0,iface={TAP}"
addresses = ["{MDD_MEDIA[0]}/24"]

[media]
udp_ports = [{MDD_MEDIA[1]}]

[tls.default]
cert = "{pki.cert('mdd')}"
key = "{pki.key('mdd')}"
ca = "{pki.cert('ca')}"

[[kmf]]
name = "kmf"
address = "{KMF_TUNNEL}:4433"
protocol = "{self.protocol}"

[[conference]]
id = "{CONFERENCE}"
audio = [{media.AUDIO.payload_type}]
endpoints = [
{members}
]
"""

    def _program(self, *place):
        return os.path.join(self.programs, *place)

    def kmf_command(self, config="kmf"):
        return [self._program("tools", "mdd-kmf", "mdd-kmf"), "--config", self.path(f"{config}.toml")]

    def mdd_command(self):
        return [self._program("controlplane", "mdd"), "--config", self.path("mdd.toml"),
                "--json", self.path("mdd.json")]

    def client_command(self, endpoint, name, identity):
        """An endpoint without media: its outputs are called `name`, its certificate is that of `identity`."""
        return [self._program("tools", "mdd-endpoint", "mdd-endpoint"), "--mdd", "%s:%d" % MDD_MEDIA,
                "--bind", endpoint.bind, "--cert", self.pki.cert(identity), "--key", self.pki.key(identity),
                "--kmf-fingerprint", self.pki.fingerprint("kmf-endpoints"), "--profile", self.profile,
                "--json", self.path(f"{name}.json"), "--trace", self.path(f"{name}.trace"),
                "--cname", f"{endpoint.name}@demo", "--tls-id", endpoint.tls_id, "--kmf-tls-id", self.kmf_tls_id]

    def endpoint_command(self, endpoint):
        """An endpoint as a gateway for the demo's media."""
        command = self.client_command(endpoint, endpoint.name, endpoint.name)
        for stream in media.STREAMS:
            if endpoint.sends:
                command += ["--rtp-in", f"UDP:{RTP_IN_PORTS[stream]}", "--ssrc", stream.ssrc,
                            "--pt", stream.payload_type]
            else:
                command += ["--expect", f"{stream.ssrc}:{stream.payload_type}:{stream.rtpmap}"]
        if not endpoint.sends:
            command += ["--rtp-out", f"UDP:127.0.0.1:{RTP_OUT_PORT}", "--sdp", self.path(f"{endpoint.name}.sdp")]
        return command
