"""Throw-away certificates for a lab, made by the openssl command; nothing here is fit for anything else."""
import hashlib
import os
import subprocess

from bed import run

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


class Pki:
    """A certificate authority in a folder, and what it signed."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, mode=0o700)
        self._request(["-x509", "-keyout", self.key("ca"), "-out", self.cert("ca"), "-subj", "/CN=demo CA"])

    def cert(self, name):
        return os.path.join(self.folder, f"{name}.pem")

    def key(self, name):
        return os.path.join(self.folder, f"{name}.key")

    @staticmethod
    def _request(arguments):
        run("openssl", "req", *CURVE, *arguments)

    def signed(self, name):
        """A certificate under the authority, for both ends of the tunnel."""
        request, extensions = self.cert(name) + ".csr", self.cert(name) + ".ext"
        with open(extensions, "w", encoding="utf-8") as file:
            file.write(f"subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth,clientAuth\n")
        self._request(["-keyout", self.key(name), "-out", request, "-subj", f"/CN={name}"])
        run("openssl", "x509", "-req", "-in", request, "-CA", self.cert("ca"), "-CAkey", self.key("ca"),
            "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", self.cert(name))

    def self_signed(self, name):
        """A certificate that others know by its fingerprint, as endpoints have."""
        self._request(["-x509", "-keyout", self.key(name), "-out", self.cert(name), "-subj", f"/CN={name}"])

    def fingerprint(self, name):
        """SHA-256 over the DER form, in lower-case hex."""
        der = subprocess.run(["openssl", "x509", "-in", self.cert(name), "-outform", "DER"], check=True,
                             capture_output=True).stdout
        return hashlib.sha256(der).hexdigest()
