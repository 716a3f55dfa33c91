"""A standby goes on where the other replica was: from the store, from its own disk if that is further, and else with a gap."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collector.catalog.retention import retention_days
from collector.core.messages import Outcome
from collector.kube import lease
from collector.kube.lease_requests import LeaseFailedError, LeaseRequests, in_own_cluster
from collector.pipeline.pipeline import Pipeline
from collector.service import fleet as fleet_module
from collector.service import shards as module
from collector.service.recovery import BLIND_MS, UNANSWERED, Found, take_over
from collector.settings.model import DiscoverySettings, Settings, StoreSettings
from collector.store.schema.migrate import migrate
from collector.store.schema.retention import apply_retention
from collector.store.spool.snapshot import Copy
from collector.store.spool.spool import Loaded
from tests.builders import HOUR, NOON
from tests.flow import BEGUN, STARTED_POD, SUBMITTED, a_pipeline, drained, identity, position
from tests.kube.lease_api import LeaseApi
from tests.running import Running, a_service, running
from tests.service.moving import serving
from tests.slices import whole
from tests.store.running import Running as RunningStore
from tests.store.running import start

NOTHING = Loaded([], [], "", (), frozenset())


def saved(number: int, *seen: Outcome) -> Copy:
    """Positions and states of a collector that has come so far."""
    flow = a_pipeline("c1")
    flow.take("c1", [*identity("k1"), *seen, position("workflows", str(number)), position("pods", str(number))])
    commit = drained(flow)
    return Copy([*commit.cursors], [(c.cluster, c.kind, c.uid, c.state) for c in commit.upserts])


def on_disk(copy: Copy) -> Loaded:
    return Loaded(copy.cursors, copy.states, "", (), frozenset())


def resumed(flow: Pipeline) -> tuple[str, set[str]] | None:
    """Where the watch of workflows and pods begins, and what it knows."""
    at = flow.positions.resume("c1", "workflows"), flow.positions.resume("c1", "pods")
    return (at[0].resource_version, {*at[0].known, *at[1].known}) if at[0] and at[1] else None


def test_the_store_counts_where_another_replica_has_been_further() -> None:
    """What this disk knew and the store does not is forgotten on the disk too."""
    flow, ours, theirs = a_pipeline("c1"), saved(7, SUBMITTED, STARTED_POD), saved(9, SUBMITTED, BEGUN)
    commit = whole(take_over(flow, "c1", Found(theirs, None), on_disk(ours), NOON + HOUR))

    assert resumed(flow) == ("9", {"w1"})
    assert commit is not None
    assert {cursor.resource_version for cursor in commit.cursors} == {"9"}
    assert {(gone.kind, gone.uid) for gone in commit.deletes} == {("pods", "p1")}
    assert flow.positions.pending_gap("c1", "workflows") is None


@pytest.mark.parametrize("theirs", [saved(7, SUBMITTED), saved(9, SUBMITTED), None])
def test_this_disk_counts_where_it_is_as_far(theirs: Copy | None) -> None:
    """It holds what the store has not acknowledged; also when the store does not answer."""
    flow, ours = a_pipeline("c1"), saved(9, SUBMITTED, STARTED_POD)
    found = Found(theirs, None) if theirs else None

    assert whole(take_over(flow, "c1", found, on_disk(ours), NOON + HOUR)) is None
    assert resumed(flow) == ("9", {"w1", "p1"})
    assert flow.positions.pending_gap("c1", "workflows") is None


def test_a_store_that_does_not_answer_makes_a_gap_that_is_counted() -> None:
    """It begins before the other replica can have ended; a first start would be no gap at all."""
    flow = a_pipeline("c1")

    assert whole(take_over(flow, "c1", None, NOTHING, NOON)) is None
    assert flow.positions.pending_gap("c1", "workflows") == (NOON - BLIND_MS, UNANSWERED)


def test_a_cluster_that_no_replica_ever_watched_starts_from_lists() -> None:
    """The store has answered that it knows nothing."""
    flow = a_pipeline("c1")

    assert whole(take_over(flow, "c1", Found(None, None), NOTHING, NOON)) is None
    assert flow.positions.pending_gap("c1", "workflows") == (0, "first start")


# Two whole collectors before one store.


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunningStore]:
    """A store with its tables."""
    process, settings = start(tmp_path), Settings()
    writer = process.writer()
    migrate(writer)
    apply_retention(writer, retention_days(settings.retention), settings.store.cluster)
    writer.close()
    yield process
    process.stop()


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LeaseApi]:
    """Leases of a quarter of their usual times."""
    for name in ("DEADLINE_S", "RENEW_S", "LOOK_S"):
        monkeypatch.setattr(lease, name, getattr(lease, name) / 4)
    for place in (lease, module):
        monkeypatch.setattr(place, "LEASE_S", 2)
    (tmp_path / "api").mkdir()
    with LeaseApi(tmp_path / "api").serving() as api:
        monkeypatch.setattr(
            module, "in_own_cluster", lambda namespace: in_own_cluster(namespace, api.account, api.environment)
        )
        yield api


def beside(folder: Path, store: RunningStore, secrets: Path) -> Settings:
    outside = StoreSettings(url=f"{store.url}/lynceus", username="lynceus", password_file=str(store.token_file))
    return a_service(folder, store=outside, discovery=DiscoverySettings(argocd_secrets=str(secrets)))


def watches(collector: Running) -> bool:
    return [cluster.ready for cluster in collector.runtime.view().clusters] == [True]


def stands_by(collector: Running) -> bool:
    return collector.runtime.view().clusters == []


def cut_off(monkeypatch: pytest.MonkeyPatch, collector: Running) -> Callable[[], None]:
    """Lets one replica's requests for Leases fail; returns what ends that."""
    own = {id(leased._requests) for leased in collector.runtime.shards._leases}
    real: dict[str, Callable[..., object]] = {"read": LeaseRequests.read, "write": LeaseRequests.write}

    def failing(name: str) -> Callable[..., object]:
        def request(self: LeaseRequests, *arguments: object) -> object:
            if id(self) in own:
                raise LeaseFailedError("cut off")
            return real[name](self, *arguments)

        return request

    for name in real:
        monkeypatch.setattr(LeaseRequests, name, failing(name))
    return own.clear


async def test_the_standby_goes_on_and_the_one_that_was_cut_off_stops(
    tmp_path: Path, store: RunningStore, api: LeaseApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No workflow's end is missed and none is a gap, there and back; the cut-off one watches nothing meanwhile."""
    monkeypatch.setattr(fleet_module, "LOOK_S", 60.0)  # what is held changes what is watched, not a look now and then
    async with serving(tmp_path / "servers", 1) as (server,):
        (tmp_path / "secrets").mkdir()
        server.secret(tmp_path / "secrets")
        one, other = (beside(tmp_path / name, store, tmp_path / "secrets") for name in "ab")
        async with running(one) as a, running(other) as b:
            await a.until(lambda: (watches(a) and stands_by(b)) or (watches(b) and stands_by(a)))
            active, standby = (a, b) if watches(a) else (b, a)
            await active.until("SELECT count() > 0 FROM workflow_run")
            await active.until("SELECT count() > 0 FROM live_state WHERE kind = 'cursor'")
            heal = cut_off(monkeypatch, active)
            await active.until(lambda: stands_by(active) and watches(standby))
            assert standby.runtime.pipeline.positions.resume(server.name, "workflows") is not None
            heal()
            await active.until(lambda: active.runtime.shards.replica().detail == "")
            assert stands_by(active)
            before = len(server.ended)
            await standby.until(lambda: len(server.ended) > before)
            ended = {*server.ended}
            async with asyncio.timeout(60):
                while ended - {uid for (uid,) in await standby.rows("SELECT uid FROM workflow_run")}:
                    await asyncio.sleep(0.1)
            gaps = await standby.rows("SELECT kind FROM watch_gap FINAL WHERE from_at > toDateTime64(0, 3)")
            counted = await standby.rows("SELECT count(), uniqExact(cluster, uid, attempt) FROM workflow_run FINAL")
    assert gaps == []
    assert counted[0][0] == counted[0][1]
