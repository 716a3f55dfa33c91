"""When credentials expire: read off real certificates and tokens, and never anything else of them."""

import base64
import subprocess
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.clock import now_ms
from collector.core.units import DAY_MS, HOUR_MS
from collector.kube import connection as connection_module
from collector.kube import credentials as access_module
from collector.kube.connection import ClusterAddress, Connection
from collector.kube.expiry import Expiry, of_certificate, of_token
from tests.kube.certificates import Certificates
from tests.kube.test_connection import a_plugin, runs
from tests.watch.server import kubeconfig

NOWHERE = "https://127.0.0.1:1"


def jwt(claims: Any) -> str:
    """A token as a service account has it; nothing checks its signature."""
    parts = ({"alg": "RS256"}, claims)
    return ".".join(
        [*(base64.urlsafe_b64encode(msgspec.json.encode(p)).decode().rstrip("=") for p in parts), "c2lnbmVk"]
    )


def openssl_end(file: Path) -> int:
    """The end of a certificate by openssl itself."""
    shown = subprocess.run(["openssl", "x509", "-enddate", "-noout", "-in", file], check=True, capture_output=True)
    text = shown.stdout.decode().strip().removeprefix("notAfter=")
    return int(time.mktime(time.strptime(text, "%b %d %H:%M:%S %Y %Z")) - time.timezone) * 1000


def new_certificate(folder: Path, *arguments: str) -> Path:
    """A certificate made by openssl with these arguments."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(folder / "key")]
    file = folder / "crt"
    command = ["openssl", "req", "-x509", *key, "-out", str(file), "-subj", "/O=a long name/CN=client", *arguments]
    subprocess.run(command, check=True, capture_output=True)
    return file


@pytest.mark.parametrize("days", ["1", "365", "20000"])
def test_the_end_of_a_certificate_is_the_one_that_openssl_shows(tmp_path: Path, days: str) -> None:
    """Also after 2049, when another form of time begins."""
    file = new_certificate(tmp_path, "-days", days)

    assert of_certificate(file.read_bytes()) == Expiry(openssl_end(file), int(days) * DAY_MS)


def test_the_first_certificate_of_a_chain_is_the_clients_own(certificates: Certificates) -> None:
    """The authority behind it lives for longer; text before it is a comment."""
    own, authority = certificates.of("client")[0].read_bytes(), certificates.authority.read_bytes()

    assert of_certificate(b"subject: client\n" + own + authority) == of_certificate(own)


@given(st.data())
def test_a_damaged_certificate_has_no_known_end_or_another(certificates: Certificates, data: st.DataObject) -> None:
    """It never raises: TLS itself refuses it, with a reason."""
    pem = certificates.of("client")[0].read_text().split("\n")
    der = bytearray(base64.b64decode("".join(pem[1:-2])))
    der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    cut = der[: data.draw(st.integers(0, len(der)))]
    text = "\n".join([pem[0], base64.b64encode(cut).decode(), pem[-2]])

    assert isinstance(of_certificate(text.encode()), Expiry | None)
    assert of_certificate(b"no certificate") is None
    assert of_certificate(b"-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----") is None


def test_a_token_that_is_a_jwt_states_its_end() -> None:
    """In seconds; without its issue it is not known how long it lives."""
    assert of_token(jwt({"exp": 2000, "iat": 1000})) == Expiry(2_000_000, 1_000_000)
    assert of_token(jwt({"exp": 2000.5})) == Expiry(2_000_500, None)
    assert of_token(jwt({"exp": 2000, "iat": -1.7e308})) == Expiry(2_000_000, None)
    assert of_token(jwt({"exp": 2000, "iat": 1.7e308})) == Expiry(2_000_000, None)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c.d",
        "a.!.c",
        "a.e30.c",
        jwt([]),
        jwt({"exp": "soon"}),
        jwt({"exp": -1}),
        jwt({"exp": 1e300}),
    ],
)
def test_another_token_has_no_known_end(token: str) -> None:
    """It may be opaque, or a JWT without an end."""
    assert of_token(token) is None


@given(st.text())
def test_no_token_breaks_the_reader(text: str) -> None:
    """Whatever stands in a kubeconfig."""
    assert isinstance(of_token(text), Expiry | None)
    assert isinstance(
        of_token(f"a.{base64.urlsafe_b64encode(text.encode('utf-8', 'replace')).decode()}.c"), Expiry | None
    )


async def expires_at(address: ClusterAddress) -> int | None:
    """What a connection states of its credentials, once they are read."""
    async with Connection(address) as connection:
        assert connection.expires_at is None
        await connection.access()
        return connection.expires_at


LASTS = {"exp": now_ms() // 1000 + 10 * 86_400, "iat": now_ms() // 1000 - 86_400}


async def test_the_earliest_of_certificate_authority_and_token_counts(
    tmp_path: Path, certificates: Certificates
) -> None:
    """Each of them alone closes the cluster. Of several authorities the last counts: a rotation has the old and the new one."""
    first = min(openssl_end(certificates.of("client")[0]), openssl_end(certificates.authority))
    long = new_certificate(tmp_path, "-days", "3650").read_bytes()
    pair = {
        "client-certificate-data": certificates.data("client.crt"),
        "client-key-data": certificates.data("client.key"),
    }
    both, token = {**pair, "token": jwt(LASTS)}, {"token": jwt(LASTS)}
    ca = {"certificate-authority-data": certificates.data("ca.crt")}

    assert await expires_at(kubeconfig(tmp_path, NOWHERE, user=both, **ca)) == first
    assert await expires_at(kubeconfig(tmp_path, NOWHERE, user={"token": "opaque"}, **ca)) == openssl_end(
        certificates.authority
    )
    ca = {"certificate-authority-data": base64.b64encode(certificates.authority.read_bytes() + long).decode()}
    assert await expires_at(kubeconfig(tmp_path, NOWHERE, user=token, **ca)) == LASTS["exp"] * 1000
    assert await expires_at(kubeconfig(tmp_path, NOWHERE, user={"token": "opaque"}, **ca)) == openssl_end(
        tmp_path / "crt"
    )
    assert await expires_at(kubeconfig(tmp_path, "http://127.0.0.1:1", user={"token": "opaque"})) is None
    assert await expires_at(kubeconfig(tmp_path, "http://127.0.0.1:1", user=pair)) is None


@pytest.mark.parametrize(("left_s", "shown"), [(3600, False), (20, True), (-60, True)])
async def test_a_token_that_something_renews_counts_only_when_it_is_overdue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificates: Certificates, left_s: int, shown: bool
) -> None:
    """A mounted account's, whose token may live for a year, and a file's with a token of an hour."""
    end = now_ms() // 1000 + left_s
    monkeypatch.setattr(access_module, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    (tmp_path / "ca.crt").write_bytes(certificates.authority.read_bytes())
    (tmp_path / "token").write_text(jwt({"exp": end, "iat": end - 365 * 86_400}))
    mounted = await expires_at(ClusterAddress("here", in_cluster=True))
    (tmp_path / "token").write_text(jwt({"exp": end, "iat": end - 3600}))
    of_file = await expires_at(kubeconfig(tmp_path, NOWHERE, user={"tokenFile": "token"}))

    assert [mounted, of_file] == [end * 1000 if shown else None] * 2


async def test_a_plugin_that_renews_nothing_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first credential is replaced in time; then it fails, and what is used expires."""
    monkeypatch.setattr(connection_module, "PLUGIN_REST_S", 0.0)
    ends = [now_ms() + HOUR_MS, now_ms() + 10_000]
    script = """
number = run_number()
if number > 2: sys.exit(1)
end = [%d, %d][number - 1] / 1000
report(token="t", expirationTimestamp=time.strftime("%%Y-%%m-%%dT%%H:%%M:%%SZ", time.gmtime(end)))
"""
    user = a_plugin(tmp_path, script % (ends[0], ends[1]))
    async with Connection(kubeconfig(tmp_path, "http://127.0.0.1:1", user=user)) as connection:
        await connection.access()
        first = connection.expires_at
        await connection.refresh(connection._access)
        await connection.access()

    assert (first, runs(tmp_path)) == (None, 3)
    assert connection.expires_at == ends[1] // 1000 * 1000


async def test_nothing_of_a_credential_is_in_what_is_shown(tmp_path: Path) -> None:
    """Its end alone."""
    async with Connection(kubeconfig(tmp_path, "http://127.0.0.1:1", user={"token": jwt(LASTS)})) as connection:
        shown = repr((await connection.access()).expiry)

    assert shown == f"Expiry(at={LASTS['exp'] * 1000}, life_ms={11 * DAY_MS})"
