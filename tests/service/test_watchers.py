"""Kinds of other projects that a cluster gets while it is watched."""

from pathlib import Path

import pytest

from collector.catalog.counters import Counters
from collector.service import watchers
from collector.service.watchers import Watchers
from collector.settings.model import ClusterSettings, Settings
from collector.watch.kinds import BY_KIND, RESOURCES
from tests.flow import a_pipeline
from tests.watch.server import ApiServer, body, discovery, eventually, kubeconfig

JOBS, VOLCANO = [row for row in RESOURCES if row.plural == "jobs"]


async def test_a_kind_that_is_installed_later_is_watched_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not installed has no watch at all, and no other stream is opened again when it comes."""
    monkeypatch.setattr(watchers, "LOOK_S", 0.05)
    server, counters = ApiServer(), Counters()
    server.otherwise["/apis"] = body(discovery([JOBS]))
    async with server.serving():
        address = kubeconfig(tmp_path, server.url, user={"token": "t"})
        made = Watchers(Settings(), a_pipeline("prod", counters=counters), counters)

        def watching() -> set[str]:
            return {health.kind for health in made.health().get("prod", []) if health.state == "watching"}

        async with made.watching(address, ClusterSettings(name="prod")):
            core = {row.kind for row in RESOURCES if not row.is_foreign}
            await eventually(lambda: watching() == core | {JOBS.kind})
            assert len(made.health()["prod"]) == len(core) + 1
            opened = len(server.of("watch"))
            server.otherwise["/apis"] = body(discovery([JOBS, VOLCANO]))
            await eventually(lambda: watching() == core | {JOBS.kind, VOLCANO.kind})

    assert [request.path for request in server.of("watch")[opened:]] == [VOLCANO.path]
    assert VOLCANO.path != BY_KIND[JOBS.kind].path
