"""The wall clock is set while workflows wait: no latency holds the step, and no time that they wait for is lost."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from collector.catalog import metrics
from collector.clock import WallClockSteps
from collector.core.cluster.owners import Owners
from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Observation, Outcome
from collector.core.model import REASONS, Instant
from collector.pipeline.pipeline import Pipeline
from collector.service.recovery import restore
from tests.builders import HOUR, MINUTE, NOON, SECOND, a_pod, a_step, a_workflow, an_observation, ended_pod, running_pod
from tests.core.observed import finished, submitted
from tests.flow import BEGUN, DONE, ENDED_POD, HEALTHY, STARTED_POD, SUBMITTED, a_pipeline, drained, only, position
from tests.slices import whole

NEW_POD = an_observation(a_pod(), "added", when=NOON + 2 * SECOND)
LIFE: Sequence[Observation] = (SUBMITTED, BEGUN, NEW_POD, STARTED_POD, ENDED_POD, DONE)
HISTOGRAMS = (metrics.QUEUE_LATENCY, metrics.START_LATENCY, metrics.POD_START_LATENCY)


class Clocks:
    """A wall clock that can be set beside a monotonic one."""

    def __init__(self) -> None:
        self.set_ms = 0

    def steps(self) -> WallClockSteps:
        return WallClockSteps(lambda: 10**18 + self.set_ms * 10**6, lambda: 0)


def lived(step_ms: int, after: int, life: Sequence[Observation] = LIFE) -> tuple[Pipeline, list[object]]:
    """A workflow's life, one sight at a time, with a clock that is set after some of them."""
    clocks, flow = Clocks(), a_pipeline()
    flow._clock = clocks.steps()
    for number, seen in enumerate(life):
        clocks.set_ms = step_ms if number >= after else 0
        moved = replace(seen, at=seen.at + clocks.set_ms)
        flow.take("c1", [moved])
    return flow, list(drained(flow, NOON + HOUR).facts)


def run_of(facts: Sequence[object]) -> WorkflowRun:
    return only(WorkflowRun, facts)[-1]


def sums(flow: Pipeline) -> dict[str, float]:
    """The sum of each histogram of latencies."""
    return {m.name: sum(b.sum for b in flow.counters.histograms.get(m.name, {}).values()) for m in HISTOGRAMS}


@pytest.mark.parametrize("step_ms", [HOUR, -2 * HOUR, 7 * SECOND, -SECOND])
@pytest.mark.parametrize("after", range(1, len(LIFE)))
def test_no_exact_latency_holds_a_step_of_the_clock(step_ms: int, after: int) -> None:
    """What was live is taken from the object's instants; what both ends were seen of before or after the step is exact."""
    flow, facts = lived(step_ms, after)
    run, pod = run_of(facts), only(PodRun, facts)[-1]

    assert 0 <= (run.queue_latency_ms or 0) <= 2 * SECOND
    assert 10 * SECOND <= (run.start_latency_ms or 0) <= 11 * SECOND
    assert 8 * SECOND <= (pod.start_latency_ms or 0) <= 11 * SECOND
    assert run.latency_source == ("object" if after == 1 else "watch")
    assert run.start_latency_source == ("object" if after <= 3 else "watch")
    assert pod.start_latency_source == ("object" if after in (2, 3) else "watch")
    assert all(0 <= seconds <= 11 for seconds in sums(flow).values())


@pytest.mark.parametrize("step_ms", [HOUR, -2 * HOUR])
@pytest.mark.parametrize("after", range(1, len(LIFE)))
def test_the_reasons_of_a_wait_count_the_time_that_passed(step_ms: int, after: int) -> None:
    """To the millisecond of the arrival clock, though it was set; the first sight here is on a whole second."""
    life = [replace(o, at=o.at + 7) for o in LIFE]
    steady, moved = run_of(lived(0, 0, life)[1]), run_of(lived(step_ms, after, life)[1])

    assert [getattr(moved, f"{r}_ms") for r in REASONS] == [getattr(steady, f"{r}_ms") for r in REASONS]


def test_a_workflow_that_arrived_with_the_step_is_not_exact() -> None:
    """Its arrival was stamped before the step or after it, which is not known."""
    flow, facts = lived(HOUR, 0)

    assert run_of(facts).latency_source == "object"
    assert sums(flow)[metrics.QUEUE_LATENCY.name] == 0


def test_a_step_that_is_noticed_between_two_sights_counts_too() -> None:
    """A clock may be set and set back while nothing arrives."""
    clocks, flow = Clocks(), a_pipeline()
    flow._clock = clocks.steps()
    flow.take("c1", [SUBMITTED])
    clocks.set_ms = HOUR
    whole(flow.tick(NOON + HOUR, ()))
    clocks.set_ms = 0
    whole(flow.tick(NOON, ()))
    flow.take("c1", [BEGUN, STARTED_POD, ENDED_POD, DONE])

    assert run_of(drained(flow).facts).latency_source == "object"


def test_a_workflow_is_not_stuck_because_the_clock_was_set() -> None:
    """Its last progress is as long ago as before."""
    clocks, flow = Clocks(), a_pipeline()
    flow._clock = clocks.steps()
    flow.take("c1", [SUBMITTED, BEGUN])
    before = flow.clusters["c1"].workflows["w1"].moved_at or 0
    clocks.set_ms = HOUR
    whole(flow.tick(NOON + HOUR, ()))

    assert flow.clusters["c1"].workflows["w1"].moved_at == before + HOUR


def test_the_wait_of_a_step_for_a_lock_counts_the_time_that_passed() -> None:
    """It is by the arrival clock too."""
    clocks, flow = Clocks(), a_pipeline()
    flow._clock = clocks.steps()
    held = a_workflow(
        phase="Running",
        started=NOON,
        nodes={"s1": a_step("Pending", synchronizationStatus={"waiting": "team/Mutex/m"})},
    )
    free = a_workflow(phase="Running", started=NOON, nodes={"s1": a_step("Running")})
    flow.take("c1", [SUBMITTED, an_observation(held, when=NOON + SECOND)])
    clocks.set_ms = HOUR
    flow.take("c1", [an_observation(free, when=NOON + HOUR + MINUTE)])
    holds = flow.clusters["c1"].workflows["w1"].attempt.step_holds or {}

    assert [(hold.since, hold.spent_ms) for hold in holds.values()] == [(0, 59 * SECOND)]


def test_the_age_of_a_held_lock_counts_the_time_that_passed() -> None:
    """It is by the arrival clock too, from the first sight of the hold to the end of the attempt."""
    clocks, flow = Clocks(), a_pipeline()
    flow._clock = clocks.steps()
    held = {"mutex": {"holding": [{"mutex": "team/Mutex/m", "holder": "team/w1"}]}}
    seen = an_observation(a_workflow(phase="Running", started=NOON, synchronization=held), when=NOON + SECOND)
    flow.take("c1", [SUBMITTED, seen])
    clocks.set_ms = HOUR
    whole(flow.tick(NOON + HOUR, ()))
    (lock,) = flow.view(NOON + HOUR + MINUTE, {}, HEALTHY).locks
    flow.take("c1", [finished()])

    assert lock.held_since == NOON + HOUR + SECOND
    assert flow.clusters["c1"].workflows["w1"].attempt.held_since is None


def test_a_pod_that_is_parked_for_its_owner_is_not_exact_either() -> None:
    """It arrived before the step, and its owner after it."""
    owners = Owners()
    owners.park("job", NEW_POD)
    owners.distrust_arrivals()

    assert [seen.live for seen in owners.release_waiting("job")] == [False]


def test_a_pod_without_a_known_workflow_may_not_begin_its_work_exactly() -> None:
    """The watch of pods was ahead, and the workflow arrives after the step."""
    life = (NEW_POD, STARTED_POD, submitted(), BEGUN, ENDED_POD, finished())
    flow, facts = lived(HOUR, 2, life)

    assert run_of(facts).latency_source != "watch"
    assert all(seconds <= 11 for seconds in sums(flow).values())


def test_a_pod_that_is_seen_after_its_workflow_ended_is_not_exact_either() -> None:
    """The watch of pods was behind; what the ended workflow waited for is over and is not moved."""
    life = (SUBMITTED, BEGUN, DONE, NEW_POD, STARTED_POD, ENDED_POD)
    flow, facts = lived(HOUR, 3, life)
    run = run_of(facts)

    assert (run.latency_source, run.start_latency_ms, run.start_latency_source) == ("watch", 10 * SECOND, "object")
    assert sum(getattr(run, f"{r}_ms") for r in REASONS) == 72 * SECOND
    assert all(seconds <= 11 for seconds in sums(flow).values())


def test_a_main_container_without_a_start_has_no_latency_over_a_step() -> None:
    """There is no instant of the object's to take."""
    nameless = running_pod(containers=[{"name": "main", "state": {"running": {}}}])
    life = (SUBMITTED, BEGUN, NEW_POD, an_observation(nameless, when=NOON + 10 * SECOND), finished())
    _, facts = lived(HOUR, 3, life)

    assert (run_of(facts).start_latency_ms, run_of(facts).start_latency_source) == (None, "")


@pytest.mark.parametrize(("saved_at", "source"), [(NOON + MINUTE, "watch"), (NOON + HOUR, "object")])
def test_a_clock_that_was_set_back_while_no_process_ran_is_noticed(saved_at: Instant, source: str) -> None:
    """What was saved is of the future."""
    before, after = a_pipeline(), a_pipeline()
    lists: list[Outcome] = [position("workflows"), position("pods"), SUBMITTED]
    before.take("c1", lists)
    commit = drained(before, saved_at)
    states = [(s.cluster, s.kind, s.uid, s.state) for s in commit.upserts]
    whole(restore(after, commit.cursors, states, NOON + MINUTE))
    after.take("c1", [BEGUN, an_observation(ended_pod(), when=NOON + MINUTE), DONE])

    assert run_of(drained(after).facts).latency_source == source


def test_a_step_is_what_the_wall_clock_left_the_monotonic_one_by() -> None:
    """Not what a process that is held up between two readings sees, nor less than half a second."""
    walls = iter([1000, 1000, 1400, 9000, 1400, 9000, 9000, 9100])
    steps = WallClockSteps(lambda: next(walls) * 10**6, lambda: 0)

    assert [steps.step_ms() for _ in range(5)] == [0, 0, 0, 8000, 0]


@pytest.mark.parametrize("how", ["event", "pack", "tick", "commit"])
def test_each_cluster_takes_a_step_by_itself(how: str) -> None:
    """All at once would hold the event loop; none has an event, a judgement or a commit before it has taken the step."""
    clocks, flow = Clocks(), a_pipeline("c1", "c2", "c3")
    flow._clock = clocks.steps()
    for name in flow.clusters:
        flow.take(name, [SUBMITTED])
    drained(flow)
    clocks.set_ms = HOUR
    flow.take("c1", [])
    stepped = [cluster.workflows["w1"].attempt.clock_stepped for cluster in flow.clusters.values()]
    if how == "event":
        flow.take("c2", [])
        flow.take("c3", [])
    elif how == "commit":
        drained(flow)
    else:
        slices = flow.pack() if how == "pack" else flow.tick(NOON + HOUR, ())
        next(slices)
        one_more = [cluster.workflows["w1"].attempt.clock_stepped for cluster in flow.clusters.values()]
        whole(slices)
        assert sum(one_more) == (2 if how == "pack" else 1)
    flow.remove_cluster("c3", NOON + HOUR)

    assert stepped == [True, False, False]
    assert all(cluster.workflows["w1"].attempt.clock_stepped for cluster in flow.clusters.values())
    assert len(only_changed(flow, how)) == len(flow.clusters)


def only_changed(flow: Pipeline, how: str) -> set[str]:
    """The clusters whose stepped state is in a commit; the drain of this test took them already."""
    return {*flow.clusters} if how == "commit" else {change.cluster for change in drained(flow).upserts} - {"c3"}
