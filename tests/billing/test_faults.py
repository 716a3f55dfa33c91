"""What speaks against a lock: all of it at once, each with its remedy, and kept where it was accepted."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.billing import runs
from collector.billing.faults import TOLERANCE, Fault, Judged, find_faults
from collector.billing.month_list import list_months
from collector.billing.rows import read_facts, write_facts
from collector.billing.runs import RepricingError
from collector.billing.shared import StatementTerms
from collector.billing.usage import month_usage
from collector.core.facts.bills import Period, PodCost
from collector.core.facts.watches import WatchGap
from collector.prices import book
from collector.settings.model import Settings
from collector.store.clickhouse import Store
from tests.billing.stored import changed, write_all
from tests.billing.test_lock import OCTOBER, TERMS, THEN, lock_now, october, stated
from tests.builders import DAY, HOUR

BILLED = {"": "0.0023", "alibaba-eci": "0.0023088"}


def a_gap(cluster: str, begin: int, end: int) -> WatchGap:
    """A time that a watch missed; from 0 on: before the cluster was first watched."""
    return WatchGap(
        cluster=cluster, kind="pods", from_at=begin, version=1, to_at=end, cause="a test", objects_unknown=0
    )


def recorded(billed: dict[str, str]) -> Period:
    """October with the provider's bill."""
    period: Period = changed(runs.default_period(OCTOBER), version=5, state="reconciled", billed=billed)
    return period


def faults(store: Store, terms: StatementTerms = TERMS) -> list[Fault]:
    """What speaks against locking October."""
    [period] = runs.periods_of(store, [OCTOBER])
    usage = month_usage(store, OCTOBER, period.active_run, rolled_up=False)
    return find_faults(store, Judged(period, usage, terms, TOLERANCE))


def test_everything_that_is_wrong_is_named_at_once(store: Store) -> None:
    """Each in a sentence, with its remedy; the month stays open, and nothing was written."""
    facts: list[Any] = [*october(2), *october(1, department="vision"), *october(1, department="sea")]
    *_, unpriced, _, _, accruing = facts
    write_all(store, facts)
    write_facts(store, [changed(unpriced, cost=None, rounded_cost=None, version=unpriced.version + 1)])
    write_facts(store, [changed(accruing, status="accruing", version=accruing.version + 1, product="acs")])
    write_facts(store, [a_gap("c1", THEN, THEN + HOUR), a_gap("c2", 0, THEN), a_gap("c3", THEN, THEN + 60 * DAY)])
    write_facts(store, [recorded({"alibaba-eci": "0.0030", "sls": "1"})])

    with pytest.raises(RepricingError) as refused:
        lock_now(store)

    assert str(refused.value).splitlines() == [
        "2026-10 is not locked:",
        "- 1 gaps in the watches of c1; add what the archive has with `lynceus backfill`",
        "- c2 was not watched before 2026-10-23 12:00 UTC; add what the archive has with `lynceus backfill`",
        "- 1 gaps in the watches of c3; add what the archive has with `lynceus backfill`",
        (
            "- 1 charges have no price; `lynceus report cost --month 2026-10 --by product,purchase` shows which: add prices "
            "and reprice"
        ),
        "- 1 charges are of pods that still run; wait for their end, or reprice the month",
        "- it has no statement; start a collector, which writes it within minutes, or reprice the month",
        (
            "- the recorded bill has no acs; record it with `lynceus period reconcile --billed acs=AMOUNT` beside the "
            "others"
        ),
        (
            "- alibaba-eci: ours differs by -0.0006912 USD (-23.04 %) from the bill, more than 1 %; correct the prices and "
            "reprice, or record the right bill with `lynceus period reconcile`"
        ),
        (
            "- sls: ours differs by -1 USD (-100.00 %) from the bill, more than 1 %; correct the prices and reprice, or "
            "record the right bill with `lynceus period reconcile`"
        ),
        'or lock it as it is: --accept "REASON" keeps the reason beside each of these',
    ]
    assert runs.periods_of(store, [OCTOBER])[0].state == "reconciled"


def test_accepted_faults_are_kept_with_their_reason(store: Store) -> None:
    """And listed, as long as the month is locked; an unlocked month has none."""
    write_all(store, october())
    write_facts(store, [a_gap("c1", THEN, THEN + HOUR)])
    stated(store)

    period = lock_now(store, accept="seen in the provider's console")

    assert period.accepted == {"1 gaps in the watches of c1": "seen in the provider's console"}
    found = list_months(store)
    assert (found.rows[0][7], found.notes) == (
        1,
        ["2026-10: accepted: 1 gaps in the watches of c1: seen in the provider's console"],
    )


def test_a_month_without_faults_has_none(store: Store) -> None:
    """Gaps of other months, a cluster that was added later, and a bill that fits are none."""
    write_all(store, october())
    write_facts(store, [a_gap("c1", THEN - 60 * DAY, THEN - 30 * DAY), a_gap("c2", 0, THEN + 20 * DAY)])
    write_facts(store, [recorded(BILLED)])
    stated(store)

    assert faults(store) == []
    write_facts(store, [changed(recorded({"": "0.0023"}), version=6)])
    assert faults(store) == []


def test_other_books_are_named(store: Store, tmp_path: Path) -> None:
    """The lock would freeze another bill than the one that readers know."""
    text = 'id: ours\nversion: "1"\ncurrency: USD\nsources: {s: contract}\nfees:\n'
    (tmp_path / "ours.yaml").write_text(text + '- {id: nat, amount: "1", per: hour, from: 2026-10-01, source: s}')
    ours = StatementTerms(
        books=book.load([*Settings().prices, "ours.yaml"], tmp_path), zone=ZoneInfo("UTC"), rules="rules"
    )
    write_all(store, october())
    stated(store)

    [fault] = faults(store, ours)

    assert fault.what == "its statement was computed with other price books or bills than yours: ours@1"


def test_shared_costs_are_part_of_the_bill_that_is_compared(store: Store, tmp_path: Path) -> None:
    """The whole bill holds them, and a typed bill may name their sum."""
    text = 'id: ours\nversion: "1"\ncurrency: USD\nsources: {s: contract}\nfees:\n'
    (tmp_path / "ours.yaml").write_text(text + '- {id: nat, amount: "1", per: hour, from: 2026-10-01, source: s}')
    ours = StatementTerms(books=book.load(["alibaba-eci", "ours.yaml"], tmp_path), zone=ZoneInfo("UTC"), rules="rules")
    write_all(store, october())
    stated(store, ours)
    write_facts(store, [recorded({"": "744.0023", "shared costs": "750"})])

    assert [fault.what for fault in faults(store, ours) if "ours differs" in fault.what] == []
    write_facts(store, [changed(recorded({"": "700", "shared costs": "700"}), version=6)])
    assert [fault.what.partition(" USD")[0] for fault in faults(store, ours) if "ours differs" in fault.what] == [
        "shared costs: ours differs by 44.00",
        "all: ours differs by 44.0023088",
    ]


def test_a_fault_that_arrives_during_the_lock_stops_it(store: Store) -> None:
    """The same command, with a reason, finishes it."""
    write_all(store, october())
    stated(store)
    [one, *_] = read_facts(store, PodCost, "FINAL")

    period = changed(runs.default_period(OCTOBER), state="locked", late_run=9, version=2)
    write_facts(store, [period])
    write_facts(store, [changed(one, cost=None, version=one.version + 1)])
    with pytest.raises(RepricingError, match="1 charges have no price"):
        lock_now(store)

    assert lock_now(store, accept="known").accepted == {"1 charges have no price": "known"}
