"""
A certificate authority, a server and a client, made by openssl when a test run needs them; nothing is kept.
"""

import base64
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """PEM files in a folder."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "ca.crt"

    def of(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def data(self, file: str) -> str:
        """As a kubeconfig's `…-data` holds it."""
        return base64.b64encode((self.folder / file).read_bytes()).decode()

    def server(self, *, asks_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.of("server"))
        if asks_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.authority)
        return context


def make(folder: Path) -> Certificates:
    """An authority, and a server for 127.0.0.1 and a client that it vouches for."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    made = Certificates(folder)
    _openssl(folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=lab authority")
    for name, extension in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
        signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", extension, "-subj", f"/CN={name}"]
        _openssl(folder, "req", "-x509", *key, *signed, "-keyout", f"{name}.key", "-out", f"{name}.crt")
    return made


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
