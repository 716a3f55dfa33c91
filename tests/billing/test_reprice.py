"""Months priced again on the real engine: what was there, what is computed, and what a reader sees meanwhile."""

import threading
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from collector.billing import evidence, runs
from collector.billing.reprice import Preparation, activate, prepare
from collector.billing.rows import read_facts
from collector.billing.runs import RepricingError
from collector.core.cost.billing_days import date_of
from collector.core.cost.pricing_runs import Runs
from collector.core.facts.bills import PodCost, PricingRun
from collector.core.rules import AttributionRule, Rules
from collector.reports.report import Span
from collector.store.clickhouse import Store
from tests.billing.stored import ZONE, a_past, a_preparation, changed, charges_of, current, dearer, write_all
from tests.builders import DAY, HOUR, NOON, a_pod_run, version
from tests.core.cost.charged import shipped
from tests.reports.stored import a_live_row, a_run, a_step_run
from tests.store.running import Running

OCTOBER_ON = Span(date(2026, 10, 1), date(2026, 12, 1))


def repriced(work: Preparation) -> Preparation:
    """A repricing from its beginning to its end."""
    prepare(work)
    activate(work)
    return work


def total(store: Store, run: int) -> Decimal:
    """What a run sums to."""
    ((cost,),) = store.query_rows("SELECT sum(cost) FROM lynceus.pod_cost FINAL WHERE run = {run:UInt32}", {"run": run})
    return Decimal(cost)


def test_the_same_books_change_nothing(store: Store) -> None:
    """Stored rows are enough: amounts, departments and classes are those that the collector wrote."""
    write_all(
        store, [*a_past(), *a_past(department="vision", instance_created_at=NOON - 2 * DAY, created_at=NOON - 2 * DAY)]
    )
    before = current(store)

    work = repriced(a_preparation(store, shipped()))

    assert work.run == 2
    assert current(store) == before != {}
    assert total(store, 1) == total(store, 2)


def test_repricing_twice_gives_equal_amounts(store: Store, tmp_path: Path) -> None:
    """A run depends on evidence, books and rules alone; each has a number of its own, and the old ones stay."""
    write_all(store, a_past())
    before = total(store, 1)

    first, second = repriced(a_preparation(store, dearer(tmp_path))), repriced(a_preparation(store, dearer(tmp_path)))

    assert (first.run, second.run) == (2, 3)
    assert total(store, 2) == total(store, 3) == 2 * before
    assert total(store, 1) == before


def test_until_the_pointer_turns_the_old_run_is_the_bill(store: Store, tmp_path: Path) -> None:
    """An interrupted repricing leaves rows that are never read, and a number that is never used again."""
    write_all(store, a_past())
    before = current(store)

    prepare(a_preparation(store, dearer(tmp_path)))
    assert current(store) == before

    assert repriced(a_preparation(store, dearer(tmp_path))).run == 3
    assert current(store) != before


def test_a_reader_sees_one_run_or_the_other(store: Store, engine: Running, tmp_path: Path) -> None:
    """Months change in one insert: a reader sees the old sum or the new one, never a mixture."""
    october = {"created_at": NOON - 30 * DAY, "instance_created_at": NOON - 30 * DAY, "scheduled_at": NOON - 30 * DAY,
               "main_started_at": NOON - 30 * DAY, "finished_at": NOON - 30 * DAY + HOUR}  # fmt: skip
    write_all(store, [*a_past(), *a_past(department="october", **october)])
    old, seen, ended = total(store, 1), set[Decimal](), threading.Event()

    def poll() -> None:
        reader = engine.reader()
        while not ended.is_set():
            seen.update(Decimal(cost) for (cost,) in reader.query_rows("SELECT sum(cost) FROM lynceus.cost_current"))
        reader.close()

    readers = [threading.Thread(target=poll) for _ in range(2)]
    for thread in readers:
        thread.start()
    repriced(a_preparation(store, dearer(tmp_path), OCTOBER_ON))
    ended.set()
    for thread in readers:
        thread.join()

    assert seen <= {old, 2 * old}
    assert old in seen


def test_pages_leave_nobody_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However pods fall into pages, each is priced once: also those that were created in the same instant."""
    monkeypatch.setattr(evidence, "PAGE", 2)
    write_all(store, [*a_past(5), *a_past(4, department="vision", namespace="other", created_at=NOON + 1)])
    before, counted = current(store), list[tuple[int, int]]()
    work = a_preparation(store, shipped())
    work.progress = lambda n, of_all: counted.append((n, of_all))

    repriced(work)

    assert current(store) == before
    assert counted[-1] == (9, 9)


def test_only_days_of_the_months_are_written(store: Store) -> None:
    """A pod that ran over the end of a month keeps its other month's charge, which is another run's."""
    end = NOON + 9 * DAY
    pod = a_pod_run(created_at=NOON, finished_at=end)
    write_all(store, [pod, a_run(), *charges_of(pod, a_run())])
    before = current(store)

    repriced(a_preparation(store, shipped()))

    assert current(store) == before
    months = {date_of(charge.day).month for charge in read_facts(store, PodCost, "WHERE run = 2")}
    assert months == {11}


def test_evidence_decides_the_class(store: Store) -> None:
    """A failed attempt's pods, a step that was tried again and a cancelled workflow are distinguished without any object."""
    pods = [a_pod_run(uid="a", node_id="a", workflow_uid="failed"), a_pod_run(uid="b", node_id="b", workflow_uid="failed"),
            a_pod_run(uid="c", node_id="c", workflow_uid="stopped"), a_pod_run(uid="d", workflow_uid=""),
            a_pod_run(uid="e", node_id="e", workflow_uid="again", phase="Failed"),
            a_pod_run(uid="f", node_id="f", workflow_uid="gone"), a_pod_run(uid="g", node_id="g", workflow_uid="again"),
            a_pod_run(uid="h", node_id="h", workflow_uid="again")]  # fmt: skip
    kept = [a_run("failed", outcome="failed"), a_run("stopped", outcome="cancelled"),
            a_run("again", outcome="failed"), a_run("again", attempt=2),
            a_step_run("b", workflow="failed", retried=True), a_step_run("a", workflow="failed", retried=True, version=1),
            a_step_run("a", workflow="failed"), a_step_run("h", workflow="again", attempt=2),
            a_step_run("g", workflow="again", attempt=2, pod_uid="g2")]  # fmt: skip
    write_all(store, [*pods, *kept])

    repriced(a_preparation(store, shipped()))

    classes = {pod: class_ for (pod, _, _), (_, _, class_) in current(store).items()}
    assert classes == {"a": "failed", "b": "retried", "c": "cancelled", "d": "unknown", "e": "retried", "f": "unknown",
                       "g": "retried", "h": "useful"}  # fmt: skip


def test_departments_follow_the_rules_in_force(store: Store) -> None:
    """The first that what the row keeps matches; a rule that is passed over does not keep a later one from its word."""
    write_all(store, [
        a_run("w1", department="unallocated"), a_run("w2", department="unallocated", labels={"team": "sea"}),
        a_run("w3", department="vision"),
        *(a_pod_run(uid=f"p{i}", node_id=f"p{i}", workflow_uid=f"w{i}") for i in (1, 2, 3)),
    ])  # fmt: skip
    rules = Rules(department=(
        AttributionRule("workflow_label", "team"), AttributionRule("namespace_label", "d"),
        AttributionRule("namespace", map={"team": "ground"}),
    ))  # fmt: skip

    repriced(a_preparation(store, shipped(), rules=rules))

    assert [department for _, (_, department, _) in sorted(current(store).items())] == ["ground", "sea", "ground"]


def test_what_still_runs_is_carried_over(store: Store, tmp_path: Path) -> None:
    """A running pod is not evidence yet: its accruing charge goes into the new run as it is, once."""
    running = a_pod_run(uid="r", finished_at=None)
    [accruing] = charges_of(running, None)[:1]
    write_all(store, [*a_past(1), changed(accruing, version=5)])
    cost = current(store)["r", accruing.day, 0][0]

    repriced(a_preparation(store, dearer(tmp_path)))

    assert current(store)["r", accruing.day, 0][0] == cost
    assert len(read_facts(store, PodCost, "FINAL WHERE run = 2 AND status = 'accruing'")) == 1


def test_a_workflow_without_a_row_keeps_its_charges(store: Store) -> None:
    """Before its end only its charges name a workflow's department; the collector will write its end."""
    pod = a_pod_run(workflow_uid="live")
    waits = a_live_row("live", "throttled", "")
    write_all(store, [pod, waits, *charges_of(pod, a_run("live", department="maps"))])
    before = current(store)

    repriced(a_preparation(store, shipped()))

    assert current(store) == before


def test_a_pod_of_an_unseen_workflow_is_paid_by_its_namespace(store: Store) -> None:
    """How it ended is not known. A rule that reads the namespace's name holds; otherwise its earlier charges stand."""
    pods = [a_pod_run(uid=uid, node_id=uid, workflow_uid=f"gone-{uid}", namespace=uid) for uid in ("a", "b")]
    write_all(store, [*pods, *charges_of(pods[0], a_run("gone-a", department="maps"))])
    mapped = (AttributionRule("namespace_label", "d"), AttributionRule("namespace", map={"b": "ground"}))

    repriced(a_preparation(store, shipped(), rules=Rules(department=mapped)))

    assert sorted(row[1:] for row in current(store).values()) == [("ground", "unknown"), ("maps", "unknown")]


def test_what_arrives_meanwhile_is_in_the_new_run(store: Store, tmp_path: Path) -> None:
    """A pod that ends, and a workflow that ends, while others are priced are priced before the pointer turns."""
    write_all(store, a_past(2))
    work = a_preparation(store, dearer(tmp_path))

    def arrive(repriced: int, of_all: int) -> None:
        if repriced == of_all == 2:
            write_all(store, [*a_past(1, department="late"), a_run("maps-0", outcome="failed", version=version(200))])

    work.progress = arrive
    repriced(work)

    shown = current(store)
    assert {department for _, department, _ in shown.values()} == {"maps", "late"}
    assert shown["p-maps-0", 20779, 0][2] == "failed"


def test_a_locked_month_refuses_and_is_named(store: Store) -> None:
    """Its bill is paid."""
    write_all(store, [*a_past(1), changed(runs.default_period(20758), state="locked")])

    with pytest.raises(RepricingError, match="2026-11: locked"):
        prepare(a_preparation(store, shipped(), OCTOBER_ON))
    assert read_facts(store, PricingRun, "FINAL") == []


def test_a_month_that_is_locked_meanwhile_is_not_turned(store: Store) -> None:
    """The earlier change wins; nothing is changed."""
    write_all(store, a_past(1))
    work = a_preparation(store, shipped())
    prepare(work)
    runs.save_periods(store, [changed(work.months[0], state="locked", version=9)])

    with pytest.raises(RepricingError, match="meanwhile"):
        activate(work)


def test_a_run_records_what_it_was_made_of(store: Store) -> None:
    """Books, rules and days; `preparing` until the pointer has turned."""
    write_all(store, a_past(1))
    work = a_preparation(store, shipped())

    prepare(work)
    [preparing] = read_facts(store, PricingRun, "FINAL")
    assert (preparing.run, preparing.state, preparing.rules) == (2, "preparing", "digest")
    assert [p.run for p in runs.current_runs(store).preparing] == [2]

    activate(work)
    [complete] = read_facts(store, PricingRun, "FINAL")
    assert (complete.state, complete.from_day, complete.to_day) == ("", work.first, work.after)
    assert runs.current_runs(store) == Runs({20758: 2}, ())


def test_pods_of_other_months_are_left_alone(store: Store) -> None:
    """They are not even read."""
    write_all(store, a_past(1))
    september = a_preparation(store, shipped(), Span(date(2026, 9, 1), date(2026, 10, 1)))
    days = evidence.BilledDays(first=september.first, after=september.after, zone=ZONE)

    assert evidence.slices(store, days) == []
