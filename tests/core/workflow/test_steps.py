"""The steps of a finished attempt as rows, and the path that made it as long as it was."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.facts.workflows import StepRun
from collector.core.objects import status_nodes
from collector.core.objects.status_nodes import FINISHED, Node, NodeFlag
from collector.core.workflow.steps import Owner, StepHold, critical_path, step_runs
from tests.builders import NOON, SECOND, a_step, a_workflow, iso, read_nodes

OWNER = Owner(
    cluster="c1", namespace="team", workflow_created_at=NOON - SECOND, workflow_uid="w1", workflow_name="wf", attempt=1,
    started_at=NOON, finished_at=NOON + 100 * SECOND,
)  # fmt: skip
HOOKED: dict[str, Any] = {"nodeFlag": {"hooked": True}}


def steps(**reported: dict[str, Any]) -> dict[str, Node]:
    """Steps by id, as the decoder gives them; `_` stands for the dash."""
    return read_nodes(a_workflow(nodes={k.replace("_", "-"): v for k, v in reported.items()}).status)


def ran(
    start: int, end: int, *children: str, kind: str = "Pod", phase: str = "Succeeded", **more: Any
) -> dict[str, Any]:
    """A step from one second after noon to another."""
    reported = {
        "startedAt": iso(NOON + start * SECOND),
        "finishedAt": iso(NOON + end * SECOND),
        "children": list(children),
    }
    return a_step(phase, kind, **reported, **more)


def rows(reported: dict[str, Node], owner: Owner = OWNER, **more: Any) -> dict[str, StepRun]:
    """The rows of an attempt by node id, each once."""
    made = step_runs(owner, reported, more.get("pods", {}), more.get("holds", {}), version=7)
    assert len({row.node_id for row in made}) == len(made)
    return {row.node_id: row for row in made}


def path(reported: dict[str, Node], until: int = 100) -> dict[str, int]:
    """The critical path in seconds, first step first."""
    parts = critical_path(reported, NOON, NOON + until * SECOND)
    return {key: ms // SECOND for key, ms in reversed(parts.items())}


# Rows.


def test_a_row_states_what_is_known_of_a_step() -> None:
    """Where it stands, when it ran, its pod, its end, and what it waited for."""
    reported = steps(
        a=ran(
            2, 9, displayName="train", templateName="gpu", boundaryID="wf", phase="Failed",
            message="main: Error (exit code 3)", outputs={"exitCode": "3"},
        )
    )  # fmt: skip
    hold = StepHold("step_lock", "team/Mutex/m", 0, 1500)

    assert rows(reported, pods={"a": "p1"}, holds={"a": hold})["a"] == StepRun(
        cluster="c1", namespace="team", workflow_created_at=NOON - SECOND, workflow_uid="w1", attempt=1, node_id="a",
        version=7, workflow_name="wf", step="train", template="gpu", type="Pod", phase="Failed",
        started_at=NOON + 2 * SECOND, finished_at=NOON + 9 * SECOND, pod_uid="p1", message="main: Error (exit code 3)",
        boundary_id="wf", try_number=1, retried=False, hook=False, memoized=False, exit_code=3, critical=True,
        critical_ms=5500, waiting_reason="step_lock", waiting_on="team/Mutex/m", waiting_ms=1500,
    )  # fmt: skip


def test_a_step_that_states_nothing_has_a_row_all_the_same() -> None:
    """An empty name is its id; the rest is empty."""
    row = rows({"a": Node(phase="Omitted")})["a"]

    assert (row.step, row.template, row.type, row.started_at, row.exit_code) == ("a", "", "", None, None)
    assert (row.waiting_reason, row.waiting_on, row.waiting_ms, row.critical) == ("", "", 0, False)


@pytest.mark.parametrize("phase", ["Pending", "Running", "", None, "Weird"])
def test_a_step_that_has_not_finished_has_no_row(phase: str | None) -> None:
    """A workflow may end while some step still runs."""
    assert rows({"a": Node(phase=phase), "b": Node(phase="Skipped")}).keys() == {"b"}


def test_each_step_is_reported_once_however_it_is_nested() -> None:
    """Nested templates, tries, containers and steps that never had a pod, but no frame; only type Pod may have a pod."""
    kinds = [
        "Pod",
        "Container",
        "Steps",
        "StepGroup",
        "DAG",
        "TaskGroup",
        "Retry",
        "Skipped",
        "Suspend",
        "HTTP",
        "Plugin",
    ]
    reported = {kind: Node(type=kind, phase="Succeeded", children=kinds, boundaryID="DAG") for kind in kinds}
    made = rows(reported, pods=dict.fromkeys(kinds, "p1"))

    assert {kind: row.type for kind, row in made.items()} == {
        kind: kind for kind in kinds if kind not in ("StepGroup", "TaskGroup")
    }
    assert [kind for kind, row in made.items() if row.pod_uid] == ["Pod"]


@pytest.mark.parametrize(("kind", "reported"), [("DAG", set()), ("Steps", set()), ("Retry", {"wf"}), ("Pod", {"wf"})])
def test_the_root_of_a_workflow_is_a_step_only_if_it_works_itself(kind: str, reported: set[str]) -> None:
    """A DAG at the root is the workflow, which has a row of its own; its tries or its only pod are steps."""
    assert rows(steps(wf=ran(0, 9, kind=kind))).keys() == reported


def test_tries_are_numbered_and_all_but_the_last_were_retried() -> None:
    """Hooks between them count for nothing; what ran in a try that was repeated was repeated with it."""
    reported = steps(
        r=ran(0, 9, "r-0", "h", "r-1", kind="Retry"), r_0=ran(0, 4, kind="DAG", phase="Failed"), r_1=ran(4, 9),
        h=ran(4, 5, **HOOKED), inner=ran(0, 4, boundaryID="r-0", phase="Failed"), mail=ran(4, 5, boundaryID="h"),
    )  # fmt: skip
    made = rows(reported)

    assert {key: row.try_number for key, row in made.items() if row.try_number > 1} == {"r-1": 2}
    assert {key for key, row in made.items() if row.retried} == {"r-0", "inner"}
    assert {key for key, row in made.items() if row.hook} == {"h", "mail"}


def test_a_hit_in_a_cache_has_no_pod() -> None:
    """Even if one of that node id was seen, as after a retry of the whole workflow."""
    hit = rows(steps(a=ran(0, 0, memoizationStatus={"hit": True})), pods={"a": "p1"})["a"]

    assert (hit.memoized, hit.pod_uid) == (True, "")


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [("0", "Pod", 0), ("137", "Pod", 137), ("-1", "Pod", -1), ("3221225786", "Pod", None), ("x", "Pod", None),
     ("", "Pod", None), ("1" * 5000, "Pod", None), ("1\n", "Pod", None), ("137", "Retry", None), ("1", "Container", 1)],
)  # fmt: skip
def test_an_exit_code_is_a_number_of_32_bits_and_the_steps_own(text: str, kind: str, code: int | None) -> None:
    """Argo writes it as text; a Retry node repeats its last try's."""
    assert rows(steps(a=ran(0, 1, kind=kind, outputs={"exitCode": text})))["a"].exit_code == code


def test_words_of_any_length_are_kept_short() -> None:
    """A message can be a megabyte, the name of a loop's item is its whole value, a quota lists all that it counts."""
    reported = steps(a=ran(0, 1, message="m" * 9999, displayName="n" * 9999))
    row = rows(reported, holds={"a": StepHold("quota", "q" * 9999, 0, 1)})["a"]

    assert (len(row.message), len(row.step), len(row.waiting_on)) == (4096, 4096, 4096)


def test_what_an_earlier_attempt_did_is_not_reported_again() -> None:
    """`argo retry` keeps the steps that went well with their old times."""
    reported = steps(old=ran(-9, -1), new=ran(1, 5), left=a_step("Omitted"))
    second = msgspec.structs.replace(OWNER, attempt=2)

    assert rows(reported, second).keys() == {"new", "left"}
    assert rows(reported).keys() == {"old", "new", "left"}
    assert rows(reported, msgspec.structs.replace(second, started_at=None)).keys() == {"old", "new", "left"}


# The critical path.


def test_nothing_that_finished_has_no_path() -> None:
    """A workflow that was terminated while it waited."""
    assert path({}) == path({"a": Node(type="Pod", phase="Failed", startedAt=iso(NOON))}) == {}


def test_a_diamond_takes_its_longer_side() -> None:
    """The shorter one could have taken longer for nothing; the seconds between two steps are the controller's."""
    reported = steps(
        wf=ran(0, 20, "a", kind="DAG"),
        a=ran(0, 3, "b", "c", boundaryID="wf"),
        b=ran(4, 6, "d", boundaryID="wf"),
        c=ran(4, 15, "d", boundaryID="wf"),
        d=ran(16, 19, boundaryID="wf"),
    )

    assert path(reported) == {"a": 3, "c": 11, "d": 3}


def test_of_two_that_end_in_one_second_the_longer_one_counts() -> None:
    """It explains more of the length; of equal ones always the same."""
    assert path(steps(a=ran(0, 9), b=ran(2, 9), c=ran(3, 9))) == {"a": 9}
    assert path(steps(b=ran(0, 9), a=ran(0, 9))) == path(steps(a=ran(0, 9), b=ran(0, 9))) == {"b": 9}


def test_a_parallel_step_that_ended_just_before_is_not_waited_for() -> None:
    """Time alone would take it: c began when x ended, but by the graph it waited for a."""
    reported = steps(
        wf=ran(0, 9, "a", "x", kind="DAG"), a=ran(0, 2, "c", boundaryID="wf"), x=ran(0, 5, boundaryID="wf"),
        c=ran(5, 9, boundaryID="wf"),
    )  # fmt: skip

    assert path(reported) == {"a": 2, "c": 4}


def test_tries_of_one_step_follow_one_another() -> None:
    """Each is a part of its own, and the first follows what its Retry node does."""
    reported = steps(
        wf=ran(0, 20, "a", kind="DAG"), a=ran(0, 2, "r", boundaryID="wf"),
        r=ran(3, 19, "r-0", "r-1", "r-2", kind="Retry", boundaryID="wf"), r_0=ran(3, 6, phase="Failed", boundaryID="wf"),
        r_1=ran(8, 11, phase="Failed", boundaryID="wf"), r_2=ran(15, 19, boundaryID="wf"),
    )  # fmt: skip

    assert path(reported) == {"a": 2, "r-0": 3, "r-1": 3, "r-2": 4}


def test_a_step_in_a_group_follows_what_its_group_does() -> None:
    """Step groups, a nested Steps template, and a try that is a whole DAG."""
    reported = steps(
        wf=ran(0, 30, "g0", kind="Steps", name="wf"),
        g0=ran(0, 5, "a", kind="StepGroup", name="wf[0]", boundaryID="wf"),
        a=ran(0, 5, "g1", name="wf[0].a", boundaryID="wf"),
        g1=ran(5, 30, "r", kind="StepGroup", name="wf[1]", boundaryID="wf"),
        r=ran(5, 30, "r-0", "r-1", kind="Retry", name="wf[1].r", boundaryID="wf"),
        r_0=ran(5, 15, "x", kind="DAG", phase="Failed", name="wf[1].r(0)", boundaryID="wf"),
        x=ran(6, 15, name="wf[1].r(0).x", phase="Failed", boundaryID="r-0"),
        r_1=ran(16, 30, "y", kind="DAG", name="wf[1].r(1)", boundaryID="wf"),
        y=ran(16, 20, "z", name="wf[1].r(1).y", boundaryID="r-1"),
        z=ran(21, 29, name="wf[1].r(1).z", boundaryID="r-1"),
    )

    assert path(reported) == {"a": 5, "x": 9, "y": 4, "z": 8}


def test_what_was_skipped_or_held_nothing_is_passed_through() -> None:
    """It took no time: a condition that was false, a loop over nothing."""
    reported = steps(
        a=ran(0, 4, "skipped"), skipped=ran(4, 4, "loop", kind="Skipped", phase="Skipped"),
        loop=ran(5, 5, "b", kind="TaskGroup", name="wf.loop"), b=ran(6, 9, name="wf.b"),
    )  # fmt: skip

    assert path(reported) == {"a": 4, "b": 3}


def test_containers_are_a_part_of_their_pod() -> None:
    """What follows a container set is a child of its last container."""
    reported = steps(
        set=ran(0, 6, "c1", boundaryID="wf"), c1=ran(0, 2, "c2", kind="Container", boundaryID="set"),
        c2=ran(2, 6, "next", kind="Container", boundaryID="set"), next=ran(7, 9, boundaryID="wf"), wf=ran(0, 9, kind="DAG"),
        stray=ran(0, 99, kind="Container"),
    )  # fmt: skip

    assert path(reported) == {"set": 6, "next": 2}


def test_a_daemon_counts_until_it_was_up() -> None:
    """Others begin while it runs, and none waits for its end: killed with its group, it would otherwise be the whole path."""
    reported = steps(
        daemon=ran(0, 50, "job"), job=ran(4, 40), early=ran(2, 3, "late"), late=ran(9, 20),
        up=ran(0, 60, daemoned=True),
    )  # fmt: skip

    assert path(reported) == {"daemon": 4, "job": 36}


def test_an_exit_handler_follows_what_ended_last_before_it() -> None:
    """It has no place in the graph; its own steps have."""
    reported = steps(
        a=ran(0, 9), b=ran(0, 5), exit=ran(10, 16, "g", kind="Steps", displayName="wf.onExit", **HOOKED),
        g=ran(10, 16, "mail", kind="StepGroup", boundaryID="exit"), mail=ran(10, 16, boundaryID="exit"),
    )  # fmt: skip

    assert path(reported) == {"a": 9, "mail": 6}


def test_an_exit_handler_alone_follows_nothing() -> None:
    """Nothing ended before it."""
    assert path(steps(a=ran(20, 30), h=ran(10, 40, **HOOKED))) == {"h": 30}


def test_a_hook_of_a_step_follows_its_step() -> None:
    """It is a child of it."""
    reported = steps(
        a=ran(0, 4, "h", boundaryID="wf"), b=ran(0, 5), h=ran(5, 9, boundaryID="wf", **HOOKED), wf=ran(0, 9, kind="DAG")
    )

    assert path(reported) == {"a": 4, "h": 4}


def test_clocks_that_disagree_by_a_second_break_no_path() -> None:
    """A kubelet says the end, the controller the next beginning; the second is counted once."""
    reported = steps(a=ran(0, 6, "c"), b=ran(0, 4, "c"), c=ran(5, 9))

    assert path(reported) == {"a": 5, "c": 4}


def test_what_began_later_was_not_waited_for() -> None:
    """Whatever the graph says: its part would overlap with the next."""
    assert path(steps(x=ran(0, 6, "a"), a=ran(6, 6, "c"), c=ran(5, 9)), until=9) == {"c": 4}


def test_a_part_ends_with_the_attempt() -> None:
    """And what an earlier attempt did accounts for none of it."""
    reported = steps(old=ran(-9, -3, "a"), a=ran(0, 20, "b"), b=ran(20, 120))

    assert path(reported) == {"a": 20, "b": 80}
    assert path(steps(a=ran(-5, 3))) == {"a": 3}
    assert critical_path(reported, None, None) == {"b": 100_000, "a": 20_000, "old": 6000}


def test_an_end_before_its_beginning_is_no_time() -> None:
    """Two clocks wrote them."""
    assert path(steps(a=ran(5, 3))) == {"a": 0}


@pytest.mark.parametrize(
    "reported",
    [
        steps(a=ran(0, 1, "b"), b=ran(0, 1, "a"), c=ran(0, 2, boundaryID="a")),
        steps(
            d=ran(0, 9, "a", kind="DAG", boundaryID="e"),
            e=ran(0, 9, kind="DAG", boundaryID="d"),
            a=ran(0, 2, boundaryID="d"),
        ),
        steps(a=ran(0, 5, "b"), b=ran(5, 6, "g"), g=a_step(kind="DAG", boundaryID="b"), c=ran(6, 9, boundaryID="g")),
        steps(w=a_step("Pending", children=["a"]), a=ran(0, 2)),
    ],
    ids=["a circle of steps", "a circle of groups", "a step that holds another", "a source that never ended"],
)
def test_a_graph_that_cannot_be_has_a_path_of_steps_that_were(reported: dict[str, Node]) -> None:
    """Each is passed once at most."""
    assert path(reported).keys() <= reported.keys()


IDS = st.sampled_from("abcdefgh")
SECONDS = st.integers(0, 40)


@st.composite
def any_node(draw: st.DrawFn) -> Node:
    start = draw(SECONDS)
    return Node(
        type=draw(st.sampled_from(["Pod", "Pod", "Retry", "StepGroup", "DAG", "Container", "Suspend"])),
        phase=draw(st.sampled_from(["Succeeded", "Failed", "Omitted", "Running"])),
        boundaryID=draw(st.none() | IDS),
        children=draw(st.lists(IDS, max_size=4)),
        startedAt=draw(st.sampled_from([iso(NOON + start * SECOND), None, "x"])),
        finishedAt=iso(NOON + draw(SECONDS) * SECOND),
        nodeFlag=draw(st.none() | st.builds(NodeFlag, hooked=st.booleans())),
    )


@given(st.dictionaries(IDS, any_node()), SECONDS, SECONDS)
def test_the_parts_of_any_path_sum_to_the_length_at_most(reported: dict[str, Node], start: int, length: int) -> None:
    """And are of finished steps that hold no others; rows and path agree."""
    owner = msgspec.structs.replace(
        OWNER, started_at=NOON + start * SECOND, finished_at=NOON + (start + length) * SECOND
    )
    parts = critical_path(reported, owner.started_at, owner.finished_at)
    made = rows(reported, owner)

    assert all(ms >= 0 for ms in parts.values())
    assert sum(parts.values()) <= length * SECOND
    assert {key: row.critical_ms for key, row in made.items() if row.critical} == parts
    finished = {key for key, node in reported.items() if node.phase in FINISHED}
    assert made.keys() == {key for key in finished if reported[key].type != "StepGroup"}
    assert not any(reported[key].type in status_nodes.GROUPS | {"Container"} for key in parts)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=12))
def test_a_chain_is_its_own_path(links: list[tuple[int, int]]) -> None:
    """Of steps that wait for one another each counts with all of its own time."""
    reported, clock = {}, 0
    for number, (gap, length) in enumerate(links):
        reported[f"s{number}"] = ran(clock + gap, clock + gap + length, f"s{number + 1}")
        clock += gap + length

    assert path(steps(**reported), until=clock) == {f"s{number}": length for number, (_, length) in enumerate(links)}
