"""Who may read, from settings and files of tokens, as both change."""

import asyncio
import logging
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from collector.access.scope import ALL, CERTIFIED, OPEN, Visitor
from collector.access.tokens import TokenEntry, hash_of, write_tokens
from collector.core.access_health import AccessHealth
from collector.service import visitors
from collector.service.visitors import Visitors
from collector.settings.access import AccessSettings, ProxySettings
from collector.settings.model import HttpSettings, Settings, TlsSettings

BEARING = [(b"authorization", b"Bearer t")]


def with_files(*files: Path) -> Settings:
    return Settings(access=AccessSettings(token_files=tuple(map(str, files))))


def write(file: Path, *entries: TokenEntry) -> Path:
    file.write_bytes(write_tokens(entries))
    return file


def an_entry(token: str, name: str = "me", expires: date | None = None) -> TokenEntry:
    return TokenEntry(name, hash_of(token), scope="all", expires=expires)


@pytest.mark.parametrize(
    ("http", "everybody"),
    [
        (HttpSettings(), OPEN),
        (HttpSettings(listen="0.0.0.0:1", open=True), OPEN),
        (HttpSettings(listen="0.0.0.0:1", tls=TlsSettings(cert="c", key="k", client_ca="ca")), CERTIFIED),
        (HttpSettings(listen="0.0.0.0:1"), None),
    ],
)
def test_who_everybody_is_without_access(http: HttpSettings, everybody: Visitor | None) -> None:
    """Beyond loopback a token is needed unless the settings say otherwise; the last of these are refused at the start."""
    made = Visitors(Settings(http=http))

    assert made.entrance.otherwise == everybody
    assert made.health().open_to_all == http.open


def test_with_access_a_token_is_needed(tmp_path: Path) -> None:
    """On loopback too; and the tokens are known before the first request."""
    made = Visitors(with_files(write(tmp_path / "t.yaml", an_entry("t"))))

    assert made.entrance.otherwise is None
    assert made.entrance.signs_in
    assert made.entrance.visitor(BEARING, "127.0.0.1") == Visitor("me", ALL, "token")
    assert made.health() == AccessHealth()


def test_the_proxy_is_that_of_the_settings() -> None:
    """Names of headers are compared in small letters."""
    proxy = ProxySettings(addresses=("10.0.3.1",), groups_header="X-Groups", groups={"ops": ("*",)})
    made = Visitors(Settings(access=AccessSettings(proxy=proxy)))
    headers = [(b"x-forwarded-user", b"ada"), (b"x-groups", b"ops")]

    assert made.entrance.visitor(headers, "10.0.3.1") == Visitor("ada", ALL, "proxy")
    assert not made.entrance.signs_in
    assert made.health().problems == ()


async def test_files_take_effect_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A token that was withdrawn is refused at the next look, and a file that cannot be used is logged once."""
    monkeypatch.setattr(visitors, "LOOK_S", 0.01)
    file = tmp_path / "t.yaml"
    made = Visitors(with_files(file))
    assert "there is no token yet" in made.health().problems[0]
    following = asyncio.create_task(made.follow_forever())

    async def until(known: bool) -> None:
        while (made.entrance.visitor(BEARING, "") == Visitor("me", ALL, "token")) != known:
            await asyncio.sleep(0.005)

    try:
        async with asyncio.timeout(10):
            write(file, an_entry("t"))
            await until(True)
            assert made.health().problems == ()
            file.write_text("tokens: [{name: me}]")
            while not made.health().problems:
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.05)  # some more looks
            write(file, an_entry("other"))
            await until(False)
    finally:
        following.cancel()
    logged = [vars(r)["reason"] for r in caplog.records if r.levelno == logging.WARNING]
    assert ["no token yet" in logged[0], "its last tokens stay in force" in logged[1], len(logged)] == [True, True, 2]


def test_the_end_of_a_name_is_that_of_its_last_token(tmp_path: Path) -> None:
    """While one replaces the other, there is time; one that does not end counts for its name."""
    first, last = date(2030, 1, 1), date(2030, 6, 1)
    entries = [
        an_entry("1", "ci", first),
        an_entry("2", "ci", last),
        an_entry("3", "bi", first),
        an_entry("4", "bi"),
        an_entry("5", "me", last),
        an_entry("6", "me", first),
    ]
    made = Visitors(with_files(write(tmp_path / "t.yaml", *entries)))
    end = round(datetime(2030, 6, 1, tzinfo=UTC).timestamp() * 1000)

    assert made.health().ends == {"ci": end, "me": end}
