"""Reason for which a workflow waits, by the controller's messages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.model import AFTER_WORK, WaitReason
from collector.core.objects import kubernetes
from collector.core.queue import waiting
from collector.core.queue.waiting import Reason
from tests.builders import HOUR, MINUTE, NOON, POSTPONED, a_state, a_step, a_workflow, read_nodes
from tests.replay import observations

LOCK = "team/ConfigMap/locks/gpu"


def why(phase: str, message: str = "", **synchronization: Any) -> Reason:
    status = a_workflow(phase=phase, synchronization=synchronization or None).status
    assert status is not None
    return waiting.before_work(phase, message, status.synchronization)


def semaphore(*names: str | None) -> dict[str, Any]:
    return {"waiting": [{"semaphore": name, "holders": ["team/other"]} for name in names]}


@pytest.mark.parametrize("phase", ["", "Running", "Succeeded", "Weird"])
def test_what_the_controller_has_not_put_off_is_unseen(phase: str) -> None:
    """Only in the phase Pending a workflow waits."""
    assert why(phase, POSTPONED, semaphore=semaphore(LOCK)) == Reason("unseen")


def test_a_postponed_workflow_is_throttled() -> None:
    """The message for the global and the namespace limit is the same, from 3.5 to 4.1."""
    assert why("Pending", POSTPONED) == Reason("throttled", "", POSTPONED)


@pytest.mark.parametrize(
    ("message", "lock", "words"),
    [
        (f"Waiting for {LOCK} lock. Lock status: 0/2", LOCK, "limit 2, held by 2"),
        (f"Waiting for {LOCK} lock. Lock status: 2/2", LOCK, "limit 2, held by 0"),
        (f"Waiting for {LOCK} lock. Lock status: -1/2 ", LOCK, "limit 2, held by 3"),
        ("Waiting for team/Database/db lock (sem/team/db). Lock status: 2/3", "team/Database/db", "limit 3, held by 2"),
        ("Waiting for team/Mutex/a b lock. Lock status: 0/1", "team/Mutex/a b", "limit 1, held by 1"),
    ],
)
def test_what_is_before_the_slash_depends_on_where_the_lock_is_kept(message: str, lock: str, words: str) -> None:
    """In-memory locks print the available number, database locks the held one; the name and the limit are the same."""
    assert why("Pending", message) == Reason("lock", lock, words)


@pytest.mark.parametrize(
    ("message", "lock"),
    [
        (f"Failed to get semaphore limit for {LOCK}", LOCK),
        (f"Waiting to acquire the synchronization lock. failed to initialize semaphore {LOCK} with limit", LOCK),
        ("Waiting to acquire the synchronization lock. timeout", ""),
        ("failed to lock()", ""),
        (f"Waiting for {LOCK}", ""),
    ],
)
def test_an_error_while_locking_keeps_its_message(message: str, lock: str) -> None:
    """It still counts as a wait for the lock."""
    assert why("Pending", message) == Reason("lock", lock, message)


def test_an_error_without_a_name_has_it_from_the_entry() -> None:
    """The entry may exist before the message names the lock."""
    assert why("Pending", "failed to lock()", semaphore=semaphore(LOCK)) == Reason("lock", LOCK, "failed to lock()")


@pytest.mark.parametrize(
    "entries",
    [
        {"semaphore": semaphore(LOCK)},
        {"semaphore": semaphore(None, LOCK)},
        {"mutex": {"waiting": [{"mutex": None}, {"mutex": LOCK, "holder": "team/other"}]}},
        {"semaphore": {"waiting": None}, "mutex": {"waiting": [{"mutex": LOCK, "holder": "team/other"}]}},
    ],
)
@pytest.mark.parametrize(
    ("message", "words"),
    [
        (f"Waiting for {LOCK} lock. Lock status: 0/2", "limit 2, held by 1: team/other"),
        ("", "held by 1: team/other"),
    ],
)
def test_the_lock_entry_names_the_lock_and_its_holders(entries: dict[str, Any], message: str, words: str) -> None:
    """The holders do not include the waiting workflow; the entry counts without a message too."""
    assert why("Pending", message, **entries) == Reason("lock", LOCK, words)


def test_a_few_holders_are_named_and_all_are_counted() -> None:
    """A semaphore may have hundreds."""
    entry = {"waiting": [{"semaphore": LOCK, "holders": [f"team/w{i}" for i in range(7)]}]}
    reason = why("Pending", f"Waiting for {LOCK} lock. Lock status: 0/7", semaphore=entry)

    assert reason.words == "limit 7, held by 7: team/w0, team/w1, team/w2, team/w3, team/w4 and 2 more"


def test_an_entry_without_holders_names_none() -> None:
    """Holders may be an empty list, or missing."""
    assert why("Pending", "", semaphore={"waiting": [{"semaphore": LOCK}]}) == Reason("lock", LOCK)


def test_the_message_goes_before_an_entry_for_another_lock() -> None:
    """The message is current; the entry may be of an earlier lock."""
    other = "team/Mutex/other"
    reason = why("Pending", f"Waiting for {other} lock. Lock status: 0/1", semaphore=semaphore(LOCK))

    assert reason == Reason("lock", other, "limit 1, held by 1")


@pytest.mark.parametrize(
    ("holding", "expected"),
    [([{"semaphore": LOCK, "holders": ["team/w1"]}], "unseen"), ([{"semaphore": LOCK, "holders": []}], "lock")],
)
def test_a_lock_that_is_held_is_not_waited_for(holding: list[Any], expected: str) -> None:
    """In most versions the waiting entry remains; a holding entry without a holder remains too."""
    assert why("Pending", "", semaphore=semaphore(LOCK) | {"holding": holding}).name == expected


@pytest.mark.parametrize("entries", [{}, {"semaphore": None}, {"mutex": {"waiting": []}}, {"semaphore": {}}])
def test_no_lock_entry_is_no_lock(entries: dict[str, Any]) -> None:
    """Pending without a message is a workflow that was just created."""
    assert why("Pending", "", **entries) == Reason("unseen")


def test_a_stale_lock_entry_does_not_overrule_the_throttle() -> None:
    """Entries survive admission and release in most versions."""
    assert why("Pending", POSTPONED, semaphore=semaphore(LOCK)).name == "throttled"


def test_a_volume_that_is_not_there_yet_is_waited_for() -> None:
    """Its message begins like a lock's."""
    message = 'Waiting for a PVC to be created. persistentvolumeclaims "w1-data" is forbidden: exceeded quota: disk'

    assert why("Pending", message) == Reason("volume", "w1-data", message)
    assert why("Pending", "Waiting for a PVC to be created. timeout").on == ""


def test_pending_for_words_nobody_knows_is_throttled() -> None:
    """A later version may use another message; that the workflow is postponed is certain."""
    assert why("Pending", "Workflow  is\nqueued") == Reason("throttled", "", "Workflow is queued")


def test_words_are_one_line_and_bounded() -> None:
    """An error may hold a page of YAML."""
    assert waiting.one_line("a\n\tb  c") == "a b c"
    assert waiting.one_line("x" * 10_000) == "x" * waiting.WORDS_LIMIT
    assert waiting.one_line(None) == ""


ENTRY = st.fixed_dictionaries({
    "semaphore": st.none() | st.text(), "mutex": st.none() | st.text(), "holder": st.none() | st.text(),
    "holders": st.none() | st.lists(st.text()),
})  # fmt: skip
SIDES = st.fixed_dictionaries({"holding": st.none() | st.lists(ENTRY), "waiting": st.none() | st.lists(ENTRY)})
WORD = st.sampled_from(["Waiting for ", " lock", " (sem/a)", ". Lock status: ", "-1/2", "9/", "\n"]) | st.text()


@given(st.lists(WORD).map("".join), st.none() | SIDES, st.none() | SIDES)
def test_whatever_stands_in_an_object_has_a_reason(message: str, semaphores: Any, mutexes: Any) -> None:
    """Messages and entries come from other programs and users: none may raise an error or be kept without bound."""
    reason = why("Pending", message, semaphore=semaphores, mutex=mutexes)

    assert reason.name in ("unseen", "throttled", "lock", "volume")
    assert len(reason.words) <= waiting.WORDS_LIMIT


# Messages of a real controller; counted on the raw JSON by a separate script.


def reasons(folder: str) -> set[tuple[str, Reason]]:
    """Name and reason of every observation of a pending workflow."""
    sights = (o.object for o in observations(folder) if isinstance(o.object, kubernetes.Workflow))
    held = ((w.metadata.name or "", w.status) for w in sights if w.status and w.status.phase == "Pending")
    return {(n, waiting.before_work("Pending", s.message or "", s.synchronization)) for n, s in held}


def test_recorded_lock_waiters_say_lock_limit_and_holders() -> None:
    """A semaphore of two and a mutex, both full."""
    gpu, tile = "perception/ConfigMap/locks/gpu", "mapping/Mutex/tile-7"

    assert reasons("basics") == {
        ("gpu-3", Reason("lock", gpu, "limit 2, held by 2: perception/gpu-1, perception/gpu-2")),
        ("mutex-2", Reason("lock", tile, "limit 1, held by 1: mapping/mutex-1")),
    }


def test_recorded_postponed_workflows_are_throttled() -> None:
    """60 of a burst of 110."""
    found = reasons("throttled")

    assert (len(found), {reason for _, reason in found}) == (60, {Reason("throttled", "", POSTPONED)})


# After work began.


@pytest.mark.parametrize(
    ("pods", "holds", "expected"),
    [
        ((1, 3), ("suspended", "image"), "running"),
        ((0, 0), AFTER_WORK, "suspended"),
        ((0, 2), ("step_lock", "volume"), "volume"),
        ((0, 2), ("step_lock",), "step_lock"),
        ((0, 2), (), "starting"),
        ((0, 0), (), "advancing"),
    ],
)
def test_the_first_reason_that_holds_wins(pods: tuple[int, int], holds: tuple[WaitReason, ...], expected: str) -> None:
    """One reason at a time, in the order of the model."""
    assert waiting.after_work(*pods, holding(holds)).name == expected


def holding(names: tuple[WaitReason, ...]) -> dict[WaitReason, Reason]:
    return {name: Reason(name, "thing", "words") for name in names}


def test_a_reason_after_work_began_keeps_its_name_and_message() -> None:
    """They are those of the pod or step that waits."""
    assert waiting.after_work(0, 1, holding(("image",))) == Reason("image", "thing", "words")


@pytest.mark.parametrize("order", [(a, b) for i, a in enumerate(AFTER_WORK) for b in AFTER_WORK[i + 1 :]])
def test_the_order_of_the_reasons_is_the_models(order: tuple[WaitReason, WaitReason]) -> None:
    """Of two reasons the earlier one in the list is used."""
    assert waiting.after_work(0, 0, holding(order)).name == order[0]


QUOTA = 'pods "b" is forbidden: exceeded quota: team, requested: pods=1, used: pods=10, limited: pods=10'
WAITS = f"Waiting for {LOCK} lock. Lock status: 0/1"
NODES = {
    "a": a_step("Running", kind="Suspend", displayName="approve"),
    "b": a_step("Pending", message=QUOTA),
    "c": a_step("Pending", message=WAITS, synchronizationStatus={"waiting": LOCK}),
    "d": a_step("Running", kind="DAG"),
    "e": a_step("Pending", synchronizationStatus={"waiting": ""}),
    "f": a_step("Succeeded", kind="Suspend"),
    "g": a_step("Failed", synchronizationStatus={"waiting": LOCK}),
    "h": a_step("Pending", message='pods "h" is forbidden: exceeded quota: other, requested: pods=1'),
    "i": a_step("Pending", kind="Suspend", message=WAITS, synchronizationStatus={"waiting": LOCK}),
}


def test_a_held_step_has_a_reason() -> None:
    """Steps without a pod wait to be resumed, for a quota or for a lock; the first step of each reason is used."""
    holds = waiting.waits_by_reason(read_nodes(a_workflow(nodes=NODES).status))

    assert holds == {
        "suspended": Reason("suspended", "approve"),
        "quota": Reason("quota", "team", QUOTA),
        "step_lock": Reason("step_lock", LOCK, "limit 1, held by 1"),
    }


def test_every_held_step_is_listed_by_its_node() -> None:
    """A step that ended no longer waits, whatever its entry contains."""
    held = waiting.waits_by_step(read_nodes(a_workflow(nodes=NODES).status))

    assert {key: (reason.name, reason.on) for key, reason in held.items()} == {
        "a": ("suspended", "approve"), "b": ("quota", "team"), "c": ("step_lock", LOCK), "h": ("quota", "other"),
        "i": ("step_lock", LOCK),
    }  # fmt: skip


def test_held_steps_are_bounded() -> None:
    """A fan-out of ten thousand may wait for one lock."""
    step = a_step("Pending", synchronizationStatus={"waiting": LOCK})
    nodes = read_nodes(a_workflow(nodes={str(i): step for i in range(waiting.HELD_STEPS_LIMIT + 5)}).status)

    assert len(waiting.waits_by_step(nodes)) == waiting.HELD_STEPS_LIMIT


def test_a_held_step_names_the_holders_by_its_workflows_entry() -> None:
    """Steps have no entry of their own; the first sight of three steps that wait for a fourth, as recorded."""
    sights = (o.object for o in observations("basics") if isinstance(o.object, kubernetes.Workflow))
    status = next(w.status for w in sights if w.status and b'"waiting":"' in bytes(w.status.nodes).replace(b": ", b":"))
    held = waiting.waits_by_step(read_nodes(status), status.synchronization)
    words = "limit 1, held by 1: mapping/template-lock/template-lock-2114759838"

    assert held == {
        f"template-lock-{n}": Reason("step_lock", "mapping/ConfigMap/locks/db", words)
        for n in (176390478, 2831866370, 2950717818)
    }


def test_a_held_step_shows_in_the_bytes() -> None:
    """Steps are parsed only if one of these byte strings is present; a held step without one would be overlooked."""
    held = [
        a_step("Running", kind="Suspend"),
        a_step("Pending", message="exceeded quota"),
        a_step("Pending", synchronizationStatus={"waiting": LOCK}),
    ]
    raw = [bytes(status.nodes) for step in held if (status := a_workflow(nodes={"a": step}).status)]

    assert [[sign in one for sign in waiting.HOLD_SIGNS] for one in raw] == [
        [True, False, False],
        [False, False, True],
        [False, True, False],
    ]


@pytest.mark.parametrize(
    ("changes", "since"),
    [
        ({"picked_up_at": None}, NOON),
        ({"picked_up_at": None, "number": 2, "first_seen_at": NOON + HOUR}, NOON + HOUR),
        ({"reason_since": NOON + MINUTE}, NOON + MINUTE),
    ],
)
def test_a_wait_begins_with_its_creation_its_reopening_or_its_reason(changes: dict[str, Any], since: int) -> None:
    """An attempt of today has not waited since last week."""
    state = a_state(**changes)

    assert waiting.waited_since(state.created_at, state.attempt) == since
