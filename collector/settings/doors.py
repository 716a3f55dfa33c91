"""
Checks that what is served is served to whom the settings mean: addresses, TLS files, tokens.

A setting that protects only together with another is an error without it. Otherwise the operator relies on a lock that
is not there.
"""

import ipaddress
from pathlib import Path

from collector.settings.access import problem as access_problem
from collector.settings.derived import parse_address
from collector.settings.model import (
    ArchiveSettings,
    Settings,
    SettingsError,
    TlsSettings,
)


def check_doors(settings: Settings) -> None:
    """Raises SettingsError for a protection that would not be in force, with the key and the remedy."""
    for key, value in (("http.listen", settings.http.listen), ("embedded.listen", settings.embedded.listen)):
        _check_host(parse_address(value, key)[0], key)
    if problem := access_problem(settings.access):
        raise SettingsError(f"access.{problem}")
    if settings.access.store_users and not settings.store.url:
        raise SettingsError("access.store_users: needs `store.url`; the embedded store has no users of its own")
    if problem := _open_problem(settings):
        raise SettingsError(problem)
    if "" in (words := [entry.strip() for entry in settings.exec_plugins]):
        raise SettingsError(f"exec_plugins[{words.index('')}]: is empty; give a command, like `aws eks get-token`")
    if problem := _tls_problem(settings.http.tls):
        raise SettingsError(f"http.tls.{problem}")
    if problem := _store_problem(settings):
        raise SettingsError(problem)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_host(host: str, key: str) -> None:
    """Refuses a host of digits and dots that is not an address: it would be looked up as a name."""
    if host.replace(".", "").isdigit():
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise SettingsError(
                f"{key}: {host} is not an IP address; use one of this machine, like 127.0.0.1"
            ) from None


def _open_problem(settings: Settings) -> str:
    """The problem with who may read pages, API and metrics, or an empty text."""
    http = settings.http
    host = parse_address(http.listen, "http.listen")[0]
    if settings.access.is_set:
        return "http.open: is set beside `access`, which shuts the door; remove one of them" if http.open else ""
    if is_loopback(host) or http.tls.client_ca or http.open:
        return ""
    return (
        f"http.listen: other hosts reach {host}, and pages, API and metrics ask for no password; set `access.token_files` or "
        "`http.tls.client_ca`, or set `http.open: true` if everyone may read names and costs"
    )


def _tls_problem(tls: TlsSettings) -> str:
    """The problem with TLS settings, or an empty text."""
    if not tls.cert and tls.client_ca:
        return "client_ca: needs `cert` and `key`; without them everyone is served over plain http"
    if not tls.cert and tls.key:
        return "key: needs `cert`; without it everyone is served over plain http"
    return ""


def _store_problem(settings: Settings) -> str:
    """The problem with credentials of the stores, or an empty text."""
    store = settings.store
    if not store.url:
        named = [key for key in ("password_file", "cluster") if getattr(store, key)]
        named += ["username"] if store.username != type(store)().username else []
        if named:
            return f"store.{named[0]}: needs `store.url`; without it the embedded store is used"
        return _reader_problem(settings)
    if store.insert_quorum != "auto" and not store.cluster:
        return "store.insert_quorum: needs `store.cluster`; a single server has no replicas that could wait"
    return ""


def _reader_problem(settings: Settings) -> str:
    embedded, data_dir = settings.embedded, Path(settings.data_dir)
    host = parse_address(embedded.listen, "embedded.listen")[0]
    file = embedded.reader_token_file
    if file and Path(file).expanduser().resolve() == (data_dir.expanduser() / "store.token").resolve():
        return "embedded.reader_token_file: is the file of the writer's token; give readers a file of their own"
    if not file and not settings.access.token_files and not is_loopback(host):
        return (
            f"embedded.listen: other hosts reach {host}, so readers need a token; set `access.token_files`, or listen on "
            "127.0.0.1"
        )
    return ""


def verification_problem(archive: ArchiveSettings) -> str:
    """The problem with how an argo-server is verified, or an empty text."""
    if archive.ca_file and archive.url.startswith("http:"):
        return "ca_file: needs an https url; plain http verifies no certificate"
    if archive.ca_file and archive.allow_insecure:
        return "ca_file: has no effect with `allow_insecure`; remove one of them"
    return ""
