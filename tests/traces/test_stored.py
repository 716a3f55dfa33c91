"""Attempts as they are read from a real store: their steps, pods and charges, and no more than a trace has room for."""

from collections.abc import Sequence

from msgspec.structs import replace

from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import WorkflowRun
from collector.store.clickhouse import Store
from collector.traces import stored
from collector.traces.attempt import Cost, StoredAttempt
from collector.traces.attempt_spans import spans
from collector.traces.feed import key_of
from tests.billing.stored import charges_of, write_all
from tests.builders import NOON, SECOND, a_pod_run, version
from tests.reports.stored import a_run, a_step_run


def read(store: Store, runs: Sequence[WorkflowRun], most: int = 5000) -> list[StoredAttempt]:
    found = stored.read_runs(store, [key_of(run) for run in runs])
    return [each for group in stored.groups(found, most) for each in stored.read_attempts(store, group, most)]


def a_pod(uid: str, run: WorkflowRun, **changes: object) -> PodRun:
    values = {"uid": uid, "workflow_uid": run.uid, "node_id": uid, "attempt": run.attempt, "cluster": run.cluster}
    return a_pod_run(**values | changes)


def test_an_attempt_is_read_with_its_steps_pods_and_charges(store: Store) -> None:
    """Its own only: not those of another attempt, workflow or cluster; of each row the newest version."""
    run, other = a_run("w1", pods=2), a_run("w2", cluster="c2", namespace="ops", created_at=NOON - 7_000)
    again = replace(run, attempt=2, version=version(200))
    first, second = a_pod("p1", run), a_pod("p2", again)
    foreign = a_pod("p3", other, namespace="ops", created_at=NOON - 6_000)
    steps = [
        a_step_run("p1", pod_uid="p1"),
        a_step_run("p1", pod_uid="p1", phase="Failed", version=version(101)),
        a_step_run("p2", pod_uid="p2", attempt=2),
        a_step_run("p3", pod_uid="p3", workflow="w2", cluster="c2", namespace="ops", workflow_created_at=NOON - 7_000),
    ]
    charged = {pod.uid: charges_of(pod, run) for pod in (first, second)}
    write_all(store, [run, again, other, first, second, foreign, *steps, *charged["p1"], *charged["p2"]])

    got = {(each.run.uid, each.run.attempt): each for each in read(store, [run, again, other])}

    assert got.keys() == {("w1", 1), ("w1", 2), ("w2", 1)}
    own = got["w1", 1]
    assert own.run == run
    assert [(step.node_id, step.phase) for step in own.steps] == [("p1", "Failed")]
    assert list(own.pods) == [first]
    assert own.costs == [Cost(charged["p1"][0].cost, "USD")]
    assert own.pod_costs == {"p1": Cost(charged["p1"][0].cost, "USD")}
    assert [pod.uid for pod in got["w1", 2].pods] == ["p2"]
    assert [pod.uid for pod in got["w2", 1].pods] == ["p3"]
    assert (got["w2", 1].costs, got["w2", 1].pod_costs) == ([], {})


def test_a_pod_without_a_price_leaves_the_cost_open(store: Store) -> None:
    """Unknown is not 0: the sum of the others stands beside it."""
    run, pods = a_run(pods=2), [a_pod("p1", a_run()), a_pod("p2", a_run(), pricing={}, node_name="", region="")]
    write_all(store, [run, *pods, *(charge for pod in pods for charge in charges_of(pod, run))])
    (got,) = read(store, [run])

    assert None in [cost.amount for cost in got.costs]
    assert got.pod_costs["p2"].amount is None
    assert [c.amount for c in got.costs if c.amount] == [got.pod_costs["p1"].amount]


def test_steps_that_argo_keeps_for_itself_leave_the_pods(store: Store) -> None:
    """Offloaded steps have no rows; pods of Jobs have no step in any case."""
    run, whole = a_run("w1", node_status="offloaded"), a_run("w2")
    pods = [a_pod("p1", run), a_pod("p2", whole), a_pod("job", whole, node_id="", owner_kind="Job")]
    steps = [a_step_run("p2", workflow="w2", pod_uid="p2", finished_at=NOON), a_step_run("long", workflow="w2")]
    write_all(store, [run, whole, *pods, *steps])
    offloaded, stepped = sorted(read(store, [run, whole], most=1), key=lambda each: each.run.uid)

    assert [pod.uid for pod in offloaded.pods] == ["p1"]
    assert [pod.uid for pod in stepped.pods] == ["job"]


def test_rows_that_are_not_there_are_not_made_up(store: Store) -> None:
    """A key without a row gives nothing."""
    assert stored.read_runs(store, []) == []
    assert stored.read_runs(store, [key_of(a_run())]) == []


def test_attempts_are_read_in_groups_of_bounded_size() -> None:
    """By their pods; one that is larger than the bound is alone, since only so much of it is read."""
    runs = [a_run(f"w{i}", pods=pods) for i, pods in enumerate((1, 2, 3, 9, 1))]

    assert [[run.uid for run in group] for group in stored.groups(runs, 8)] == [["w0", "w1"], ["w2"], ["w3"], ["w4"]]
    assert [*stored.groups([], 8)] == []


def test_of_20_000_steps_only_those_are_read_that_fit(store: Store) -> None:
    """The critical path, the failed and the longest, with their pods; the trace says how many are missing."""
    run = a_run(pods=20_000, finished_at=NOON + 100_000 * SECOND)
    steps = [
        a_step_run(
            f"s{i:05}",
            pod_uid=f"p{i:05}",
            finished_at=NOON + i * SECOND,
            critical=i in (3, 7),
            phase="Failed" if i == 5 else "Succeeded",
        )
        for i in range(20_000)
    ]
    pods = [a_pod(f"p{i:05}", run, node_id=f"s{i:05}") for i in range(20_000)]
    write_all(store, [run, *steps])
    for begin in range(0, 20_000, 5000):
        write_all(store, pods[begin : begin + 5000])
    (got,) = read(store, [run], 2000)
    made = spans(got, 2000)

    assert (len(got.steps), len(got.pods), got.step_count) == (2000, 2000, 20_000)
    names = [span.name for span in made if span.name.startswith("s")]
    assert {"s00003", "s00005", "s00007", "s19999"} <= {*names}
    assert 1990 < len(made) <= 2000
    assert made[0].attributes["lynceus.steps.left_out"] == 20_000 - len(names)
    assert {pod.uid for pod in got.pods} >= {"p00003", "p00005", "p19999"}
    assert got.costs == []
    assert len(names) > 600
