"""
Asks the collector of this machine whether it answers, at the address and with the TLS of its settings: the image's HEALTHCHECK.

    python -m collector.service.alive [SETTINGS]

The exit code is 0 if it does. Light, because it runs twice a minute: it loads settings and no part of the collector.
"""

import http.client
import ssl
import sys
from pathlib import Path

from collector.settings.derived import parse_address
from collector.settings.load import load_settings
from collector.settings.model import HttpSettings, SettingsError

SETTINGS = Path("/etc/lynceus/lynceus.yaml")
WITHIN_S = 4.0
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask a server that listens so


def main(arguments: list[str]) -> int:
    """Exit code of a check with the settings file that is named, or that of the image; says on standard error what is wrong."""
    try:
        ask(load_settings(Path(arguments[0]) if arguments else SETTINGS).http)
    except (SettingsError, http.client.HTTPException, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def ask(settings: HttpSettings) -> None:
    """Returns if the pages' server answers; raises OSError or HTTPException otherwise."""
    listen, port = parse_address(settings.listen, "http.listen")
    host = ANY_ADDRESS.get(listen, listen)
    connection = (
        http.client.HTTPSConnection(host, port, timeout=WITHIN_S, context=_unverified())
        if settings.tls.cert
        else http.client.HTTPConnection(host, port, timeout=WITHIN_S)
    )
    try:
        connection.connect()
        if settings.tls.client_ca:
            # Without a certificate of a client there is no answer; that the server shakes hands is what can be seen.
            return
        connection.request("GET", "/healthz")
        if (status := connection.getresponse().status) != http.client.OK:
            raise OSError(f"/healthz answered {status}")
    finally:
        connection.close()


def _unverified() -> ssl.SSLContext:
    """This machine asks itself, and no secret is sent: the certificate carries a name, not this address."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
