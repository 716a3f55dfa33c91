"""A cloud without a machine left: a reason of its own, also for what an earlier release saved."""

import msgspec

from collector.core.cluster.state import Cluster
from collector.core.facts.workflows import WorkflowLive, WorkflowRun
from collector.core.messages import Observation
from collector.core.model import FIRST_REASONS, REASONS
from collector.core.rules import Rules
from collector.core.workflow import rows
from collector.core.workflow.state import Attempt, WorkflowState, with_added_reasons
from tests.builders import MINUTE, NOON, a_condition, a_pod, a_step, a_workflow, an_observation, running_pod
from tests.core.observed import a_cluster, feed, only, submitted

NO_STOCK = [a_condition("ContainerInstanceCreated", NOON, "False", reason="NoStock", message="out of stock. 2c4g")]


def without_stock(at: int) -> Observation:
    return an_observation(a_pod(conditions=NO_STOCK), when=at)


def ended(at: int) -> Observation:
    done = a_workflow(phase="Succeeded", started=NOON, finished=at, nodes={"w1": a_step()})
    return an_observation(done, when=at)


def upgraded(cluster: Cluster) -> Cluster:
    """A cluster that takes over states as a release without the reason saved them."""
    states = [msgspec.convert(msgspec.to_builtins(state), WorkflowState) for state in cluster.workflows.values()]
    for attempt in [attempt for state in states for attempt in (state.attempt, *state.former)]:
        attempt.spent = attempt.spent and attempt.spent[: len(FIRST_REASONS)]
    after = Cluster("c1", Rules())
    after.adopt(states, cluster.pods.values())
    return after


def test_times_of_a_saved_attempt_go_on_and_still_add_up() -> None:
    """Its account has no place for the reason: the upgrade makes one, whether or not it had an account."""
    before = a_cluster()
    feed(before, submitted(), an_observation(a_pod(), when=NOON + MINUTE))
    after = upgraded(before)
    effects = feed(
        after,
        without_stock(NOON + 2 * MINUTE),
        an_observation(running_pod(), when=NOON + 5 * MINUTE),
        ended(NOON + 6 * MINUTE),
    )
    (run,) = only(WorkflowRun, effects)

    assert run.stock_ms == 3 * MINUTE
    assert sum(getattr(run, f"{reason}_ms") for reason in REASONS) == 6 * MINUTE


def test_a_former_attempt_that_was_saved_still_has_a_row() -> None:
    """Late pods correct it."""
    old = Attempt(spent=[1] * len(FIRST_REASONS))
    after = Cluster("c1", Rules())
    after.adopt(
        [
            WorkflowState(
                uid="w1", namespace="team", name="w1", created_at=NOON, attempt=Attempt(number=2), former=(old,)
            )
        ],
        [],
    )
    (former,) = after.workflows["w1"].former

    assert rows.spent_ms(former) == {f"{reason}_ms": int(reason in FIRST_REASONS) for reason in REASONS}
    assert with_added_reasons(None) is None


def test_rows_of_an_earlier_release_in_the_spool_are_read() -> None:
    """They end before the columns, which were added one after another."""
    cluster = a_cluster()
    effects = feed(cluster, submitted(), ended(NOON + MINUTE))
    (run,) = only(WorkflowRun, effects)
    state = cluster.workflows["w1"]
    live = rows.live_of("c1", state)

    for missing in (1, 2, 3):
        assert msgspec.convert(msgspec.to_builtins(run)[:-missing], WorkflowRun) == run
        read = msgspec.convert(msgspec.to_builtins(live)[:-missing], WorkflowLive)
        assert read == msgspec.structs.replace(live, picked_up_at=None)
