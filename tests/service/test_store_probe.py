"""When restricted users of the store are looked at; tests/store_cluster/test_probe.py does it on servers."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from collector.connect import ExternalError
from collector.service import store_probe
from collector.service.store_probe import StoreProbe
from collector.settings.access import AccessSettings, StoreUserSettings
from collector.settings.model import Settings, StoreSettings
from collector.store.clickhouse import StoreError, StoreRefusedError, StoreUnreachableError

USERS = (StoreUserSettings("maps", departments=("maps",)), StoreUserSettings("stranger"))
GIVEN = Settings(store=StoreSettings(url=("http://a:1", "http://b:1")), access=AccessSettings(store_users=USERS))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Any]:
    """What each user is found to read on each server, or how that fails; and all of them, in `order`."""
    given: dict[tuple[str, str], Any] = {}

    def leaks_of(_: Settings, user: StoreUserSettings, url: str) -> list[str]:
        given.setdefault(("order", ""), []).append((user.username, url))
        answer = given.get((user.username, url), [])
        if isinstance(answer, StoreError):
            raise answer
        return list(answer)

    monkeypatch.setattr(store_probe, "leaks_of", leaks_of)
    return given


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_without_users_nothing_is_looked_at() -> None:
    """The embedded store has none."""
    async with StoreProbe(Settings()).watching():
        pass


async def test_a_leak_ends_the_start(answers: dict[tuple[str, str], Any]) -> None:
    """With the user, what it reads and the remedy."""
    answers["stranger", "http://b:1"] = ["system.query_log"]

    with pytest.raises(
        ExternalError, match=r"stranger reads system\.query_log on http://b:1; run what `lynceus generate"
    ):
        async with StoreProbe(GIVEN).watching():
            pass


async def test_a_later_leak_is_known_until_it_is_repaired(answers: dict[tuple[str, str], Any]) -> None:
    """A look that fails changes nothing of what is known."""
    probe = StoreProbe(GIVEN, every_s=0.01, retry_s=0.01)

    async with probe.watching():
        assert probe.leaks == []
        answers["maps", "http://a:1"] = ["lynceus.pod_run"]
        await until(lambda: probe.leaks == ["maps reads lynceus.pod_run on http://a:1"])
        answers["maps", "http://a:1"] = StoreRefusedError("overloaded", 202)
        looks = len(answers["order", ""])
        await until(lambda: len(answers["order", ""]) > looks + 8)
        assert probe.leaks
        answers["maps", "http://a:1"] = []
        await until(lambda: not probe.leaks)


def test_a_server_that_is_down_has_one_request(answers: dict[tuple[str, str], Any]) -> None:
    """Each attempt takes seconds, and the collector waits for them at its start; the other servers follow."""
    answers["maps", "http://a:1"] = StoreUnreachableError("down")

    assert not StoreProbe(GIVEN).look()
    assert answers["order", ""] == [("maps", "http://a:1"), ("maps", "http://b:1"), ("stranger", "http://b:1")]
