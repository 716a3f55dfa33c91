"""State that a build before the layout of today saved is taken over exactly (recorded/state-0.1, see its README)."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from collector.core.cluster.state import Cluster
from collector.core.messages import Observation
from collector.core.workflow import layout_1
from collector.core.workflow.lifecycle import NO_DECIDER
from collector.core.workflow.state import Attempt, WorkflowState
from collector.pipeline.pipeline import Pipeline
from collector.store.spool.spool import open_spool
from tests.builders import NOON
from tests.core.cluster.test_laws import retried
from tests.core.settled import Settled, facts_of, settled
from tests.flow import a_pipeline
from tests.replay import RULES, observations, read
from tests.slices import whole

SPOOLS = ("demo", "restart")
CLUSTERS = {"demo": ("gpu-bj", "prod-hz"), "restart": ("basics", "retried")}
RENAMED = {"attempt": "number"}
"""Fields of layout 1 that have another name now."""
DECIDER = {
    "deciding_node": "node_id", "deciding_step": "step", "decider_started": "main_started", "decider_reason": "pod_reason",
}  # fmt: skip
"""Fields of layout 1 that stand in the attempt's decider now."""


def spool_file(name: str, folder: Path) -> Path:
    """A recorded spool as a file that may be written to."""
    file = folder / "spool.sqlite"
    file.write_bytes(read("state-0.1", f"{name}.sqlite"))
    return file


def saved_workflows(name: str, folder: Path) -> list[bytes]:
    """The workflow states of a recorded spool, unpacked."""
    with sqlite3.connect(spool_file(name, folder)) as connection:
        rows = connection.execute(
            "SELECT state FROM checkpoint WHERE kind = 'workflows' AND state IS NOT NULL"
        ).fetchall()
    return [unpacked(state) for (state,) in rows]


def unpacked(state: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(state) if state.startswith(zstandard.FRAME_HEADER) else state


def plain(value: Any) -> Any:
    """A value as msgpack writes it; the order of a set means nothing."""
    return sorted(value) if isinstance(value, frozenset) else msgspec.msgpack.decode(msgspec.msgpack.encode(value))


def different(saved: list[Any], state: WorkflowState, attempt: Attempt) -> Iterator[str]:
    """Fields of layout 1 whose value is another one now."""
    for name, value in zip(layout_1.FlatState.__struct_fields__, saved, strict=True):
        expected = sorted(value) if name == "retried_nodes" and value else value
        if name != "former" and plain(present(name, state, attempt)) != expected:
            yield name


def present(name: str, state: WorkflowState, attempt: Attempt) -> object:
    """The value that a field of layout 1 has now."""
    if name in DECIDER:
        return getattr(attempt.decider or NO_DECIDER, DECIDER[name])
    now = RENAMED.get(name, name)
    return getattr(attempt if now in Attempt.__struct_fields__ else state, now)


@pytest.mark.parametrize("name", SPOOLS)
def test_every_saved_workflow_has_the_same_values_field_by_field(name: str, tmp_path: Path) -> None:
    """Those of its finished attempts too; only what rows of a former attempt rest on includes its last version."""
    saved = saved_workflows(name, tmp_path)
    for each in saved:
        array, state = msgspec.msgpack.decode(each), layout_1.decode(each)

        assert not [*different(array, state, state.attempt)]
        for former, attempt in zip(array[-1], state.former, strict=True):
            apart = {*different(former, state, attempt)} & {*Attempt.__struct_fields__, "attempt"}
            assert apart <= {"pods_version"}
            assert attempt.pods_version == max(former[3], former[34])
    assert len(saved) == {"demo": 189, "restart": 15}[name]


def test_saved_workflows_fill_nearly_every_field(tmp_path: Path) -> None:
    """A comparison of empty fields would prove nothing; the recordings hold no workflow that fills these."""
    saved = [msgspec.msgpack.decode(each) for name in SPOOLS for each in saved_workflows(name, tmp_path)]
    empty = {
        name for name, *values in zip(layout_1.FlatState.__struct_fields__, *saved, strict=True) if not any(values)
    }

    assert empty == {"shutdown", "deleted", "awaits_results", "gone_end_at", "gone_pods"}


def restored(name: str, folder: Path) -> tuple[Pipeline, list[str]]:
    """A pipeline of today that started from a recorded spool, and the clusters whose state was unreadable."""
    flow = a_pipeline(*CLUSTERS[name], rules=RULES)
    spool = open_spool(spool_file(name, folder), 1 << 30, NOON)
    found = spool.load()
    spool.close()
    assert found.damage == ""
    return flow, whole(flow.restore(found.cursors, found.checkpoints))


@pytest.mark.parametrize("name", SPOOLS)
def test_a_spool_of_layout_1_is_opened_without_a_gap(name: str, tmp_path: Path) -> None:
    """No state is unreadable, and each watch goes on from its position with the versions that it had observed."""
    flow, unreadable = restored(name, tmp_path)

    assert unreadable == []
    for cluster in CLUSTERS[name]:
        resume = flow.positions.resume(cluster, "workflows")
        assert resume is not None
        assert resume.resource_version
        assert len(resume.known) == sum(not w.deleted for w in flow.clusters[cluster].workflows.values())
        assert flow.positions.pending_gap(cluster, "workflows") is None


def halves(seen: list[Observation]) -> tuple[list[Observation], list[Observation]]:
    """The recording up to the restart, and after it."""
    watched = [o for o in seen if o.change != "listed"]
    cut = len(watched) // 2
    return [o for o in seen if o.change == "listed"] + watched[:cut], watched[cut:]


def rows_over_a_restart(cluster: Cluster, before: list[Observation], after: list[Observation]) -> Settled:
    """What stays in the store if a restored cluster goes on where an undisturbed one stopped."""
    listed = [o for o in before if o.kind in ("namespaces", "nodes")]  # each start lists these again
    return settled([*facts_of(Cluster(cluster.name, RULES), before), *facts_of(cluster, [*listed, *after])])


def test_state_of_layout_1_changes_nothing_that_is_stored(tmp_path: Path) -> None:
    """Half of a recording was watched by the build before, the rest is watched now: the rows are those of one watch."""
    flow, _ = restored("restart", tmp_path)
    before, after = halves(observations("basics"))
    undisturbed = settled(facts_of(Cluster("basics", RULES), [*before, *after]))

    assert rows_over_a_restart(flow.clusters["basics"], before, after) == undisturbed


def test_former_attempts_of_layout_1_still_take_their_late_pods(tmp_path: Path) -> None:
    """Three attempts were saved, and the pods of two of them arrive after the restart."""
    flow, _ = restored("restart", tmp_path)
    streams = retried()
    before, after = [*streams["workflows"], *streams["pods"][:2]], streams["pods"][2:]
    cluster = flow.clusters["retried"]
    former = [attempt.number for attempt in cluster.workflows["w1"].former]
    undisturbed = settled(facts_of(Cluster("retried", RULES), [*before, *after]))

    assert former == [2, 1]
    assert rows_over_a_restart(cluster, before, after) == undisturbed
