"""Clusters that come and go while the collector runs: real demo API servers, a folder of secrets, and no restart."""

import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from msgspec import structs

from collector.catalog import metrics
from collector.core.facts.watches import WatchGap
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Commit
from collector.core.model import Fact
from collector.demo.fleet import write_kubeconfig
from collector.exposition.prometheus import render
from collector.service import fleet
from collector.service.gap_filler import filling
from collector.settings.load import load_settings
from collector.settings.model import DiscoverySettings, Settings, StoreSettings
from collector.store.spool.spool import Spool
from collector.web.readiness import readiness
from tests.ports import free_port
from tests.running import Running, a_service, running
from tests.service.moving import ObservedServer, serving

WITHIN_S = 10
ALL_ROUNDS = int(os.environ.get("LYNCEUS_FLEET_ROUNDS", "10"))
"""Of the live set; `make soak` has a hundred."""


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> list[Fact]:
    """All facts that any spool takes."""
    taken: list[Fact] = []
    commit = Spool.commit

    def noted(spool: Spool, given: Commit) -> None:
        commit(spool, given)
        taken.extend(given.facts)

    monkeypatch.setattr(Spool, "commit", noted)
    return taken


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    return folder


@pytest.fixture
def chosen(tmp_path: Path, secrets: Path) -> Settings:
    """A collector of a folder of secrets; its store is away, so that all rows stay in the spool."""
    away = StoreSettings(url=f"http://127.0.0.1:{free_port()}", wait_seconds=0)
    return a_service(tmp_path, discovery=DiscoverySettings(argocd_secrets=str(secrets)), store=away)


def ready(collector: Running) -> set[str]:
    return {cluster.name for cluster in collector.runtime.view().clusters if cluster.ready}


def is_whole(collector: Running, name: str) -> bool:
    """Whether also the kinds that a cluster is ready without are watched."""
    (cluster,) = (each for each in collector.runtime.view().clusters if each.name == name)
    return {watch.state for watch in cluster.watches} <= {"watching", "absent"}


async def until(collector: Running, names: set[str]) -> float:
    """Waits until exactly these clusters are watched; returns how long that took."""
    began = time.monotonic()
    await collector.until(
        lambda: ready(collector) == names == set(collector.runtime.pipeline.clusters), within_s=WITHIN_S
    )
    return time.monotonic() - began


def runs(facts: list[Fact], *clusters: str) -> set[str]:
    return {fact.uid for fact in facts if isinstance(fact, WorkflowRun) and fact.cluster in clusters}


async def come_and_go(collector: Running, secrets: Path, moving: ObservedServer, steady: set[str]) -> list[float]:
    """One round: added, renamed, removed; what each took."""
    path = moving.secret(secrets, "comes")
    took = [await until(collector, {*steady, "comes"})]
    moving.secret(secrets, "renamed")
    took.append(await until(collector, {*steady, "renamed"}))
    path.unlink()
    took.append(await until(collector, steady))
    return took


@pytest.mark.parametrize("rounds", [5, pytest.param(ALL_ROUNDS, marks=[pytest.mark.live, pytest.mark.timeout(1500)])])
async def test_a_cluster_that_comes_and_goes_touches_no_other(
    chosen: Settings, secrets: Path, facts: list[Fact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    """Added, renamed and removed within 10 s each; the other's streams stay open, and no end of a workflow is missed."""
    if rounds < ALL_ROUNDS:
        monkeypatch.setattr(fleet, "LOOK_S", 0.2)
    async with serving(tmp_path / "servers", 2) as (steady, moving):
        steady.secret(secrets)
        async with running(chosen) as collector:
            await until(collector, {steady.name})
            await collector.until(lambda: is_whole(collector, steady.name))
            opened = steady.watches.copy()
            steady.closed.clear()
            steady.ended.clear()
            moving.ended.clear()
            took: list[list[float]] = []
            while len(took) < rounds or not (steady.ended and moving.ended):
                took.append(await come_and_go(collector, secrets, moving, {steady.name}))
            moving.secret(secrets, "comes")
            await until(collector, {steady.name, "comes"})
            ended = {*steady.ended}, {*moving.ended}
            await collector.until(lambda: ended[0] <= runs(facts, steady.name), within_s=WITHIN_S)
            await collector.until(lambda: ended[1] <= runs(facts, "comes", "renamed"), within_s=WITHIN_S)
            closed = steady.closed.copy(), moving.closed.copy()
            opened_again = steady.watches - opened

    assert max(max(each) for each in took) < WITHIN_S
    assert closed[0] == {}
    assert closed[1]["workflows"] == 2 * len(took), "one for each name in each round"
    assert opened_again == {} or rounds == ALL_ROUNDS, "the server itself ends a watch after some minutes"
    assert [gap for gap in facts if isinstance(gap, WatchGap) and gap.from_at] == []


async def test_a_removed_cluster_is_reported_for_a_day_and_its_series_end(
    chosen: Settings, secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live page, API and /readyz say so; /metrics shows nothing of it, and its counters go on where they were."""
    monkeypatch.setattr(fleet, "LOOK_S", 0.2)
    async with serving(tmp_path / "servers", 2) as (steady, moving), running(chosen) as collector:
        for server in (steady, moving):
            path = server.secret(secrets)
        await until(collector, {steady.name, moving.name})
        await collector.until(lambda: bool(submitted(collector, moving.name)))
        before = submitted(collector, moving.name)
        path.unlink()
        await until(collector, {steady.name})
        view = collector.runtime.view()
        reported = [p for p in readiness(view, view.at).problems if p.cause == "cluster_removed"]
        shown = render(view, collector.runtime.counters).decode()
        moving.secret(secrets)
        await until(collector, {steady.name, moving.name})
        after, reported_after = submitted(collector, moving.name), collector.runtime.view().removed

    assert [(problem.cluster, problem.blocking) for problem in reported] == [(moving.name, False)]
    assert f'cluster="{moving.name}"' not in shown
    assert f'cluster="{steady.name}"' in shown
    assert before
    assert all(after[labels] >= count for labels, count in before.items())
    assert reported_after == []


async def test_a_cluster_is_started_again_after_an_error(
    chosen: Settings, secrets: Path, facts: list[Fact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that was not foreseen must not leave a cluster unobserved until the next restart."""
    monkeypatch.setattr(fleet, "LOOK_S", 0.1)
    failed = list[bool]()

    def fails_once(filler: Any) -> Any:
        if not failed:
            failed.append(True)
            raise RuntimeError("not foreseen")
        return filling(filler)

    monkeypatch.setattr(fleet, "filling", fails_once)
    async with serving(tmp_path / "servers", 1) as (steady,), running(chosen) as collector:
        steady.secret(secrets)
        await collector.until(lambda: bool(failed), within_s=WITHIN_S)
        steady.ended.clear()
        await collector.until(lambda: bool(steady.ended), within_s=60)
        ended = {*steady.ended}
        await collector.until(lambda: ended <= runs(facts, steady.name), within_s=WITHIN_S)

    assert failed == [True]


def submitted(collector: Running, cluster: str) -> dict[tuple[str, ...], int]:
    series = collector.runtime.counters.series[metrics.SUBMITTED.name]
    return {labels: int(count) for labels, count in series.items() if labels[0] == cluster and count}


async def test_a_place_that_is_in_doubt_removes_nothing(
    chosen: Settings, secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half-written secret, a second one of the same name, a folder that is away: all goes on, and it is reported."""
    monkeypatch.setattr(fleet, "LOOK_S", 0.1)
    async with serving(tmp_path / "servers", 1) as (steady,), running(chosen) as collector:
        path = steady.secret(secrets)
        await until(collector, {steady.name})
        opened, whole = steady.watches.copy(), path.read_text()

        async def reports(reason: str) -> None:
            await collector.until(lambda: reason in str(collector.runtime.view().source_problems), within_s=WITHIN_S)

        path.write_text(whole[:20])
        await reports("cannot be read")
        path.write_text(whole)
        twin = secrets / "twin.json"
        twin.write_text(whole)
        await reports("name the same cluster")
        twin.unlink()
        away = secrets.rename(secrets.with_name("away"))  # noqa: ASYNC240  # a test waits for its disk
        await reports("No such file")
        away.rename(secrets)
        await collector.until(lambda: not collector.runtime.view().source_problems)

        assert ready(collector) == {steady.name}
        assert collector.runtime.view().removed == []
        assert all(steady.watches[kind] == count for kind, count in opened.items())


async def test_two_names_of_one_cluster_give_way_to_each_other(
    chosen: Settings, secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is refused; once the first is removed, the second is watched without a restart."""
    monkeypatch.setattr(fleet, "LOOK_S", 0.2)
    async with serving(tmp_path / "servers", 1) as (server,), running(chosen) as collector:
        first = server.secret(secrets, "first")
        await until(collector, {"first"})
        (secrets / "second.json").write_text(first.read_text().replace('"first"', '"second"'))
        await collector.until(lambda: "second" in collector.runtime.pipeline.identities.refused, within_s=WITHIN_S)
        first.unlink()
        await until(collector, {"second"})


async def test_a_change_of_one_clusters_settings_restarts_that_one(
    chosen: Settings, tmp_path: Path, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ConfigMap is replaced by a link: what it says of clusters is in force at once, and the other's streams stay open."""
    monkeypatch.setattr(fleet, "LOOK_S", 0.2)
    mounted = Mounted(tmp_path / "config", chosen)
    async with serving(tmp_path / "servers", 2) as (steady, moving):
        for server in (steady, moving):
            server.secret(secrets)
        mounted.write("")
        async with running(mounted.settings(), file=mounted.file) as collector:
            await until(collector, {steady.name, moving.name})
            await collector.until(lambda: is_whole(collector, steady.name) and is_whole(collector, moving.name))
            opened = steady.watches.copy(), moving.watches.copy()
            mounted.write(f"match: [{{name: {moving.name}, set: {{region: cn-elsewhere, controller_namespace: wf}}}}]")
            await collector.until(lambda: region_of(collector, moving.name) == "cn-elsewhere", within_s=WITHIN_S)
            await until(collector, {steady.name, moving.name})

            assert collector.runtime.pipeline.clusters[moving.name].rules.controller_namespace == "wf"
            assert collector.runtime.view().removed == []
            assert steady.watches == opened[0]
            assert moving.watches["workflows"] == opened[1]["workflows"] + 1


async def test_an_invalid_file_leaves_the_last_good_one_in_force(
    chosen: Settings, tmp_path: Path, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reported by path and key, in /readyz and a metric, and nothing is removed; any other change waits for a restart."""
    monkeypatch.setattr(fleet, "LOOK_S", 0.1)
    mounted = Mounted(tmp_path / "config", chosen)
    async with serving(tmp_path / "servers", 1) as (steady,):
        steady.secret(secrets)
        mounted.write("")
        async with running(mounted.settings(), file=mounted.file) as collector:
            await until(collector, {steady.name})

            async def reported(words: str) -> list[str]:
                view = collector.runtime.view
                await collector.until(lambda: words in str(view().source_problems), within_s=WITHIN_S)
                problems = [p for p in readiness(view(), view().at).problems if p.cause == "cluster_source"]
                shown = render(view(), collector.runtime.counters).decode()
                valid = "lynceus_settings_last_reload_successful 1" in shown
                assert not any(problem.blocking for problem in problems)
                return [f"{valid} {problem.reason}" for problem in problems]

            mounted.write("cluster_default: {region: r}")
            wrong = await reported("cluster_default")
            mounted.file.unlink()
            gone = await reported("cannot be read")
            mounted.write("reconcile_hours: 1\nstuck_after_minutes: 3")
            later = await reported("reconcile_hours, stuck_after_minutes")
            mounted.write("")
            await collector.until(lambda: not collector.runtime.view().source_problems, within_s=WITHIN_S)

    assert f"False {mounted.file}: cluster_default: no such setting; did you mean `cluster_defaults`?" in wrong
    assert f"False {mounted.file}: cannot be read: No such file or directory" in gone
    assert [line for line in later if "before the next start" in line and line.startswith("True")]


async def test_contexts_come_and_go_and_a_removal_while_nothing_runs_is_reported(
    chosen: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kubeconfig is looked at again as a folder is; the spool knows which clusters were watched."""
    monkeypatch.setattr(fleet, "LOOK_S", 0.2)
    kubeconfig = tmp_path / "kubeconfig.yaml"
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    of_contexts = structs.replace(chosen, discovery=DiscoverySettings())
    async with serving(tmp_path / "servers", 2) as (steady, moving):
        write_kubeconfig(kubeconfig, [steady])
        async with running(of_contexts) as collector:
            await until(collector, {steady.name})
            write_kubeconfig(kubeconfig, [steady, moving])
            await until(collector, {steady.name, moving.name})
        write_kubeconfig(kubeconfig, [steady])
        async with running(of_contexts) as collector:
            await until(collector, {steady.name})
            removed = [cluster.name for cluster in collector.runtime.view().removed]

    assert removed == [moving.name]


def region_of(collector: Running, name: str) -> str:
    return next((info.region for info in collector.runtime.view().infos if info.name == name), "")


class Mounted:
    """A settings file in a mounted ConfigMap: a link to a link to a folder that kubelet swaps."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder, self._settings, self._version = folder, settings, 0
        folder.mkdir()
        self.file = folder / "lynceus.yaml"

    def settings(self) -> Settings:
        return load_settings(self.file)

    def write(self, more: str) -> None:
        """Replaces the content, as kubelet does: a new folder, and one rename of the link to it."""
        self._version += 1
        version = self._folder / f"..{self._version}"
        version.mkdir()
        given = msgspec.to_builtins(self._settings)
        kept = {key: given[key] for key in ("discovery", "store", "data_dir", "http", "embedded")}
        (version / "lynceus.yaml").write_text(f"{yaml.safe_dump(kept)}\n{more}", encoding="utf-8")
        link = self._folder / "..tmp"
        link.symlink_to(version)
        link.rename(self._folder / "..data")
        if not self.file.is_symlink():
            self.file.symlink_to(Path("..data") / "lynceus.yaml")
