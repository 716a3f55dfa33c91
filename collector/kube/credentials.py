"""
From a kubeconfig document to what a request needs: address, headers, TLS. The only user of the kubernetes package's loader.

Blocks (files, sometimes a sign-in over the network), so it runs in a thread. Keys given as data pass through a folder in
memory that only this user can read and that is deleted before `load` returns: OpenSSL reads keys from files only.
"""

import base64
import contextlib
import hashlib
import ipaddress
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

from kubernetes.config.config_exception import ConfigException
from kubernetes.config.incluster_config import InClusterConfigLoader
from kubernetes.config.kube_config import KubeConfigLoader

from collector.kube import expiry
from collector.kube.address import AddressError, ClusterAddress
from collector.kube.expiry import Expiry
from collector.kube.kubeconfig import Document

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
MEMORY = Path("/dev/shm")  # noqa: S108  # a private folder is made in it, mode 0700

MALFORMED = (ConfigException, OSError, ValueError, LookupError, TypeError, AttributeError)
"""Errors of the loader on missing files and malformed entries; the loader checks little itself."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a cluster, from one reading of its files."""

    server: str
    headers: dict[str, str] = field(repr=False)
    tls: ssl.SSLContext | bool
    """True for plain http, where it has no meaning."""
    tls_digest: str
    """Digest of the certificates behind the context: while they do not change, connections may be reused."""
    server_hostname: str | None
    proxy: str | None
    """Address of an http proxy, without user and password: aiohttp's errors quote it."""
    proxy_headers: dict[str, str] = field(default_factory=dict, repr=False)
    """The proxy's own credentials."""
    expiry: Expiry | None = None
    """Of the client certificate, the authority or the token, whichever expires first; None: none does, as far as they state."""


def private_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that this user alone may enter, in memory where the machine has such a place; leaving the block removes it."""
    return tempfile.TemporaryDirectory(prefix="lynceus-", dir=MEMORY if MEMORY.is_dir() else None)


def load(address: ClusterAddress, document: Document | None, before: Access | None) -> Access:
    """Reads the files of a kubeconfig document, or of the mounted service account if there is no document."""
    with private_folder() as private:
        found = SimpleNamespace(api_key={})
        try:
            _run_loader(document, private, found)
        except MALFORMED as error:
            raise AddressError(address, f"its entries cannot be used: {_reason(error)}", _remedy(address)) from None
        server = str(getattr(found, "host", ""))
        verify = bool(getattr(found, "verify_ssl", True))
        proxy = getattr(found, "proxy", None)
        _refuse_unsafe(address, server, verify)
        proxy_url, proxy_headers = _proxy(address, str(proxy)) if proxy else (None, {})
        is_tls = server.startswith("https")
        tls, digest = _tls(address, found, verify, before) if is_tls else (True, "")
        authorization = str(found.api_key.get("BearerToken", ""))
        ends = [expiry.of_token(_secret(authorization)), *(_certificate_ends(found) if is_tls else ())]
    return Access(
        server=server,
        headers=_headers(address, authorization),
        tls=tls,
        tls_digest=digest,
        server_hostname=getattr(found, "tls_server_name", None),
        proxy=proxy_url,
        proxy_headers=proxy_headers,
        expiry=min(filter(None, ends), key=lambda end: end.at, default=None),
    )


def _run_loader(document: Document | None, private: str, found: SimpleNamespace) -> None:
    """Sets the attributes that the package would set on its Configuration."""
    if document is None:
        token, authority = str(SERVICE_ACCOUNT / "token"), str(SERVICE_ACCOUNT / "ca.crt")
        mounted = InClusterConfigLoader(token, authority, try_refresh_token=False)  # type: ignore[no-untyped-call]
        mounted.load_and_set(found)  # type: ignore[no-untyped-call]
        return
    # The loader itself would run a provider's `cmd-path`, past the list of permitted commands.
    if any("auth-provider" in (entry.get("user") or {}) for entry in document["users"]):
        raise ConfigException("auth-provider is no longer supported by Kubernetes; use an exec plugin")
    loader = KubeConfigLoader(document, config_base_path="", temp_file_path=private)  # type: ignore[no-untyped-call]
    loader.load_and_set(found)  # type: ignore[no-untyped-call]


def _reason(error: Exception) -> str:
    """The reason of an error, without the values of entries."""
    if isinstance(error, ConfigException):
        # The other lines of a sign-in command's error are its output.
        return str(error).partition("\n")[0].rstrip(".")
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"a value is malformed ({type(error).__name__})"


def _remedy(address: ClusterAddress) -> str:
    if address.in_cluster:
        return "mount a service account token, or name a kubeconfig"
    return "correct the entry, or the file it names"


def _proxy(address: ClusterAddress, url: str) -> tuple[str, dict[str, str]]:
    """The address of a proxy without user and password, and the header with these."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme == "http" and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise AddressError(address, "its proxy-url is not an http address", "only http proxies are supported")
    user, _, host = parts.netloc.rpartition("@")
    bare = parts._replace(netloc=host).geturl()
    if not user:
        return bare, {}
    name, _, password = user.partition(":")
    basic = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    return bare, {"Proxy-Authorization": f"Basic {basic}"}


def _refuse_unsafe(address: ClusterAddress, server: str, verify: bool) -> None:
    """Refuses addresses that would expose the token to others on the network, or to a cloud's metadata service."""
    try:
        parts = urlsplit(server)
        host, named = parts.hostname or "", parts.username or parts.password
    except ValueError:
        parts, host, named = None, "", None
    if parts is None or parts.scheme not in ("http", "https") or not host:
        raise AddressError(address, "its server is not an http or https address", "correct `server`")
    if named:
        raise AddressError(address, "its server address holds a user name", "move it to the user entry")
    if _is(host, "is_link_local"):
        raise AddressError(address, f"its server {host} is a link-local address", "correct `server`")
    if address.allow_insecure:
        return
    if parts.scheme == "http" and host != "localhost" and not _is(host, "is_loopback"):
        raise AddressError(address, f"plain http to {host} would expose its token", "use https, or set allow_insecure")
    if parts.scheme == "https" and not verify:
        raise AddressError(
            address, "insecure-skip-tls-verify is set", "give its certificate-authority, or set allow_insecure"
        )


def _is(host: str, quality: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(host), quality))
    except ValueError:
        return False


def _tls(
    address: ClusterAddress, found: SimpleNamespace, verify: bool, before: Access | None
) -> tuple[ssl.SSLContext | bool, str]:
    """Makes the TLS context and the digest of its files; returns the previous context if they have not changed."""
    names = [getattr(found, name, None) for name in ("ssl_ca_cert", "cert_file", "key_file")]
    try:
        contents = [Path(name).read_bytes() if name else b"" for name in names]
        digest = hashlib.sha256(b"\0".join((*contents, b"verify" if verify else b""))).hexdigest()
        if before and before.tls_digest == digest:
            return before.tls, digest
        return _context(names, verify), digest
    except ssl.SSLError as error:
        problem = f"its certificates cannot be used: {error.reason or 'no PEM certificate in them'}"
        raise AddressError(address, problem, "check certificate-authority, client-certificate and client-key") from None
    except OSError as error:
        raise AddressError(address, f"cannot read its certificates: {_reason(error)}", _remedy(address)) from None


def _context(names: list[str | None], verify: bool) -> ssl.SSLContext:
    authority, certificate, key = names
    context = ssl.create_default_context(cafile=authority)
    # Python 3.13 requires extensions that the authorities of many clusters lack, for example those of old kubeadm.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def _certificate_ends(found: SimpleNamespace) -> Iterator[Expiry | None]:
    for name, read in (("cert_file", expiry.of_certificate), ("ssl_ca_cert", expiry.of_authorities)):
        # Its file was read a moment ago; one that is gone since then is read again in a minute.
        with contextlib.suppress(OSError):
            yield read(Path(file).read_bytes()) if (file := getattr(found, name, None)) else None


def _secret(authorization: str) -> str:
    return authorization.strip().partition(" ")[2]


def _headers(address: ClusterAddress, authorization: str) -> dict[str, str]:
    headers = {"Accept": "application/json", "User-Agent": "lynceus"}
    kind, _, secret = authorization.strip().partition(" ")
    if not kind:
        return headers
    if not secret or not secret.isprintable():
        raise AddressError(address, "its token is empty or contains line breaks", "write the bare token into the file")
    return headers | {"Authorization": f"{kind.capitalize()} {secret}"}
