"""One workflow for people: its sentence, its times that sum to its life, its steps with waits, its pods and money."""

from typing import Any

from msgspec.structs import replace

from collector.core.history.workflow import OtherAttempt, OtherRun, StoredWorkflow
from collector.core.live_view import ClusterInfo
from collector.core.queue.managers.queues import QueuePosition
from collector.language.language import ENGLISH
from collector.web.api_workflow import WorkflowDetail
from collector.web.workflow import workflow_page
from collector.web.workflow_view import first_steps, view
from tests.builders import NOON, SECOND, a_pod_run
from tests.reports.stored import a_live_row, a_run, a_step_run
from tests.web.history import END, a_charge, a_class_cost, a_workflow, another

ARGO = [ClusterInfo("c1", "https://argo", "", ""), ClusterInfo("c2", "", "", "")]


def page(stored: StoredWorkflow | None = None, now: int = END) -> WorkflowDetail:
    """A workflow as page and API show it."""
    return workflow_page(stored or a_workflow(), ARGO, now)


def of_run(**changes: Any) -> WorkflowDetail:
    """The same of a finished attempt with these changes."""
    stored = a_workflow()
    return page(replace(stored, shown=replace(stored.shown, **changes)))


def test_the_sentence_has_what_how_long_and_how_much() -> None:
    """One sentence, before any table."""
    assert page(a_workflow(costs=[a_class_cost("0.1250")])).sentence == (
        "w1, a run of train, succeeded after 1 m 40 s: 1 m 10 s running, 30 s waiting, most of it throttled (20 s); "
        "it cost 0.12 USD."
    )
    failed = of_run(outcome="failed", reason="exit_1", deciding_step="fit", template="", waited_on={"throttled": "p"})
    assert failed.sentence == (
        "w1, a workflow without a template, failed (exit 1) after 1 m 40 s, decided by step fit: 1 m 10 s running, 30 s "
        "waiting, most of it throttled (20 s, p); nothing was charged for it."
    )
    assert "disappeared unobserved" in of_run(outcome="unknown").sentence
    assert "w1, a run of train, ended after" in of_run(outcome="").sentence
    assert "succeeded after 1 m 40 s: 1 m 10 s running, 0 s waiting;" in of_run(throttled_ms=0, starting_ms=0).sentence


def test_a_price_that_is_not_known_is_named_and_is_not_zero() -> None:
    """NULL: the price is unknown; currencies are never added."""
    costs = [
        a_class_cost("1"),
        a_class_cost(None, "", unpriced_pods=2),
        a_class_cost("3", "CNY", unpriced_pods=1, money_class="failed"),
    ]
    shown = page(a_workflow(costs=costs))

    assert shown.sentence.endswith(
        "it cost 2 pods without a known price and 3.00 CNY and 1 pod without a known price and 1.00 USD."
    )
    assert [(one.currency, one.cost) for one in shown.cost] == [("", None), ("CNY", "3"), ("USD", "1")]
    assert [(one.use, one.cost) for one in shown.costs] == [("useful", "1"), ("useful", None), ("failed", "3")]


def test_the_cost_is_that_of_the_shown_attempt() -> None:
    """The table below has all of them."""
    shown = page(a_workflow(costs=[a_class_cost("1"), a_class_cost("2", attempt=2)]))

    assert [one.cost for one in shown.cost] == ["1"]
    assert [(one.attempt, one.cost) for one in shown.costs] == [(1, "1"), (2, "2")]


def test_times_sum_to_its_life() -> None:
    """In the usual order of reasons; what was not recorded is a part of its own, less than a second is not."""
    whole, part = of_run(running_ms=69_500), of_run(running_ms=50_000, waited_on={"throttled": "limit"})

    assert [(time.reason, time.ms) for time in whole.times] == [
        ("throttled", 20_000),
        ("starting", 10_000),
        ("running", 69_500),
    ]
    assert (part.times[-1].reason, part.times[-1].ms) == ("not_recorded", 20_000)
    assert sum(time.ms for time in part.times) == part.length_ms == 100_000
    assert sum(time.share for time in part.times) == 1
    assert part.times[0].on == "limit"
    assert (part.waited_ms, part.running_ms) == (30_000, 50_000)


def test_a_held_workflow_names_its_place_in_the_queue_of_its_manager() -> None:
    """Where it stands, of how many, and what the queue borrows; a finished one stands nowhere."""
    place = QueuePosition("kueue", "team-a", 3, 12, "2 nvidia.com/gpu")
    row = replace(a_live_row("l1", "queued", "team-a"), waiting_since=NOON)
    held = StoredWorkflow(shown=row, live_attempt=1)
    shown = workflow_page(held, ARGO, NOON + SECOND, place)

    assert ", position 3 of 12 in the queue team-a of kueue, which borrows 2 nvidia.com/gpu)" in shown.sentence
    assert shown.place is not None
    assert (shown.place.position, shown.place.waiting) == (3, 12)
    alone = workflow_page(held, ARGO, NOON + SECOND, replace(place, borrowed=""))
    assert ", position 3 of 12 in the queue team-a of kueue), now" in alone.sentence
    assert workflow_page(a_workflow(), ARGO, END, place).place is None


def test_a_retry_lives_from_its_own_begin() -> None:
    """Not from the submission of the workflow, which may be days ago."""
    again = of_run(
        attempt=2,
        started_at=NOON + 50 * SECOND,
        first_seen_at=NOON + 50 * SECOND,
        throttled_ms=0,
        starting_ms=0,
        running_ms=50_000,
        picked_up_at=NOON + 50 * SECOND,
    )

    assert again.length_ms == 50_000


def test_an_attempt_without_a_seen_end_is_as_long_as_its_times() -> None:
    """Its object disappeared."""
    assert of_run(finished_at=None).length_ms == 100_000


def test_a_live_workflow_names_what_it_waits_for_now() -> None:
    """Its present reason counts until now."""
    row = replace(
        a_live_row("l1", "lock", "team/Mutex/gpu"),
        waiting_since=NOON + 10 * SECOND,
        throttled_ms=10_000,
        waiting_words="limit 1, held by 1: team/other",
    )
    shown = page(StoredWorkflow(shown=row, live_attempt=1), NOON + 30 * SECOND)

    assert shown.sentence == (
        "l1, a run of train, has waited for 20 s (lock: another workflow holds the mutex or semaphore it needs, "
        "team/Mutex/gpu), now 30 s after its submission; nothing was charged yet: a pod is charged when it ends, and each hour."
    )
    assert (shown.live, shown.outcome, shown.finished_at, shown.length_ms) == (True, "", None, 30_000)
    assert [(time.reason, time.ms, time.on) for time in shown.times] == [
        ("throttled", 10_000, ""),
        ("lock", 20_000, "team/Mutex/gpu"),
    ]
    assert shown.attempts[-1].outcome == ""
    assert "Steps are recorded when" in shown.steps_note


def test_a_live_workflow_may_run() -> None:
    """It has cost something so far if pods of it ended."""
    row = replace(a_live_row("l1", "running", ""), attempt=2, first_seen_at=NOON)
    stored = StoredWorkflow(
        shown=row,
        live_attempt=2,
        attempts=[OtherAttempt(1, "failed", "oom", NOON, END)],
        costs=[a_class_cost("2", attempt=2)],
        pod_count=4,
    )
    shown = page(stored)

    assert "has run for 1 m 40 s, now 1 m 40 s after its submission; so far it cost 2.00 USD." in shown.sentence
    assert [(a.attempt, a.outcome) for a in shown.attempts] == [(1, "failed"), (2, "")]
    assert shown.pod_count == 4


def test_steps_have_their_waits_and_their_run() -> None:
    """By the conditions of the pod; without a pod by what the step's row says."""
    pod = a_pod_run(uid="p1", node_id="load", created_at=NOON + SECOND, scheduled_at=NOON + 3 * SECOND)
    steps = [
        a_step_run("load", pod_uid="p1", waiting_reason="quota", waiting_on="gpus", waiting_ms=1000),
        a_step_run("held", waiting_reason="step_lock", waiting_ms=4000, started_at=NOON + 1),
        a_step_run("quick", started_at=NOON + 2),
        a_step_run("pause", type="Suspend", waiting_reason="suspended", waiting_ms=9000, started_at=NOON + 3),
        a_step_run("cached", memoized=True, started_at=NOON + 4, finished_at=None),
        a_step_run("never", started_at=None, finished_at=None, waiting_ms=5),
        a_step_run("odd", started_at=NOON + 5, waiting_ms=1, waiting_reason=""),
    ]
    shown = {one.node_id: one for one in page(a_workflow(steps=steps, pods=[pod], step_count=7)).steps}

    assert [*shown] == ["never", "load", "held", "quick", "pause", "cached", "odd"]
    assert [(w.reason, w.end_at - w.start_at, w.on) for w in shown["load"].waits] == [
        ("quota", 1000, "gpus"),
        ("unschedulable", 2000, ""),
        ("starting", 7000, ""),
    ]
    assert (shown["load"].running_from, shown["load"].running_ms, shown["load"].waited_ms) == (
        NOON + 10 * SECOND,
        60_000,
        10_000,
    )
    assert shown["held"].running_ms == 25_999
    assert shown["quick"].running_ms == 29_998
    assert (shown["pause"].running_ms, shown["pause"].waited_ms) == (None, 9000)
    assert (shown["cached"].running_ms, shown["cached"].length_ms) == (None, None)
    assert shown["never"].waits == []
    assert shown["odd"].waits[0].reason == "step_lock"


def test_the_step_that_decided_is_marked() -> None:
    """A reader of a failed workflow looks for it first."""
    stored = a_workflow(steps=[a_step_run("fit"), a_step_run("load")])
    shown = page(replace(stored, shown=replace(stored.shown, deciding_node="fit", outcome="failed")))

    assert [step.decided for step in shown.steps] == [True, False]


def test_why_there_are_no_steps_is_shown() -> None:
    """Offloaded, unreadable, none at all, or lost."""
    notes = [of_run(node_status=status).steps_note for status in ("offloaded", "unreadable", "", "plain")]

    assert [note.split()[0] for note in notes] == ["Its", "Its", "It", "None"]
    assert page(a_workflow(steps=[a_step_run("fit")])).steps_note == ""


def test_pods_that_failed_are_first_then_the_dearest() -> None:
    """One without a price is last, one with two currencies has no amount, one without a charge says so."""
    pods = [a_pod_run(uid=uid, name=uid, node_id=f"{uid}-node") for uid in ("free", "cheap", "dear", "both", "lost")]
    pods.append(a_pod_run(uid="bad", name="bad", node_id="fit", phase="Failed"))
    charges = [
        a_charge("cheap", "1"),
        a_charge("dear", "2"),
        a_charge("free", None),
        a_charge("bad", "0.1"),
        a_charge("both", "1"),
        a_charge("both", "7", "CNY"),
    ]
    shown = page(a_workflow(pods=pods, charges=charges, steps=[a_step_run("fit", step="the fit")], pod_count=6)).pods

    assert [pod.uid for pod in shown] == ["bad", "dear", "cheap", "both", "free", "lost"]
    assert [(pod.cost, pod.currency, pod.billed_seconds) for pod in shown[1:]] == [
        ("2", "USD", 60),
        ("1", "USD", 60),
        (None, "", 60),
        (None, "USD", 60),
        (None, "", None),
    ]
    assert [shown[0].step, shown[1].step] == ["the fit", "p1"]
    assert shown[4].price_rule == "a rule"


def test_argo_is_linked_where_its_address_is_set() -> None:
    """With the namespace, the name and the uid."""
    assert page().argo_url == "https://argo/workflows/team/w1?uid=w1"
    assert of_run(cluster="c2").argo_url == of_run(cluster="c3").argo_url == ""
    assert of_run(name="a/b c").argo_url == "https://argo/workflows/team/a%2Fb%20c?uid=w1"


def usual(*others: OtherRun, **changes: Any) -> str:
    stored = a_workflow(others=[another("w1", 100), *others])
    return str(view(page(replace(stored, shown=replace(stored.shown, **changes))), 10, ENGLISH)["usual"])


def test_other_runs_say_whether_this_one_is_unusual() -> None:
    """By the lengths of those that succeeded, this one excluded."""
    three = [another("a", 90), another("b", 110), another("c", 200), another("d", 5, "failed"), another("e", None)]

    assert usual() == ""
    assert usual(another("a", 5)) == "Of the 1 run of train before it 1 succeeded: too few for a usual length."
    assert usual(*three) == (
        "Of the 5 runs of train before it 4 succeeded; they took 1 m 50 s in the median, from 1 m 30 s to 3 m 20 s. "
        "This one took 1 m 40 s, as usual."
    )
    assert usual(*three, finished_at=NOON + 9000 * SECOND).endswith("This one took 2 h 30 m: longer than each of them.")
    assert usual(*three, finished_at=NOON + SECOND).endswith("This one took 1.0 s: shorter than each of them.")


def test_a_live_run_is_not_called_short() -> None:
    """It has not ended."""
    row = a_live_row("l1", "running", "")
    others = [another(uid, 100) for uid in "abc"]

    assert str(
        view(page(StoredWorkflow(shown=row, live_attempt=1, others=others), NOON + SECOND), 9, ENGLISH)["usual"]
    ).endswith("This one has taken 1.0 s so far.")


def test_a_page_shows_the_critical_path_failed_steps_and_the_longest() -> None:
    """In the order of time, whichever fit."""
    steps = [
        a_step_run("long", finished_at=NOON + 90 * SECOND),
        a_step_run("short", started_at=NOON + 1),
        a_step_run("bad", started_at=NOON + 2, phase="Failed", finished_at=NOON + 3),
        a_step_run("path", started_at=NOON + 3, critical=True, finished_at=None),
    ]
    shown = page(a_workflow(steps=steps)).steps

    assert [step.node_id for step in first_steps(shown, 3)] == ["long", "bad", "path"]
    assert [step.node_id for step in first_steps(shown, 2)] == ["bad", "path"]


def test_the_timeline_begins_with_the_first_step() -> None:
    """Hours of waiting before it would press the steps into a line."""
    late = a_step_run("fit", started_at=NOON + 80 * SECOND, finished_at=NOON + 90 * SECOND)
    drawn = view(page(a_workflow(steps=[late])), 10, ENGLISH)
    empty = view(page(), 10, ENGLISH)

    assert (drawn["begin"], drawn["end"]) == (NOON + 80 * SECOND, NOON + 90 * SECOND)
    assert drawn["reasons"] == ["running"]
    assert (empty["begin"], empty["end"]) == (NOON, NOON + SECOND)


def test_a_retry_of_a_run_is_another_run() -> None:
    """Of the same workflow, with a number of its own."""
    stored = a_workflow(others=[another("w1", 100), replace(another("w1", 5), attempt=2)])
    shown = page(stored)

    assert shown.usual is not None
    assert shown.usual.runs == 1
    assert a_run().attempt == 1
