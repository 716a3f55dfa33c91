"""Whose unallocated cost probably is: guessed by what the same people, namespaces and templates have elsewhere, else not."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import replace

from collector.core.cost.attribution import UNALLOCATED, AttributionInput, owner
from collector.core.facts.bills import PodCost
from collector.core.facts.workflows import WorkflowRun
from collector.core.model import Fact
from collector.core.rules import CREATOR_LABEL
from collector.reports.cost import cost
from collector.reports.cost_columns import COLUMNS
from collector.reports.filters import parse_filters
from collector.reports.likely_owner import (
    UnallocatedCost,
    UnallocatedRow,
    as_settings,
    likely_owners,
    report,
    unallocated_cost,
)
from collector.reports.report import Query, Span
from collector.settings.attribution import rule_of
from collector.settings.load import parse_settings
from tests.builders import DAY, NOON, a_pod_run
from tests.core.cost.charged import charge
from tests.reports.engine import holding
from tests.reports.stored import a_run

NOVEMBER = Span(date(2026, 11, 1), date(2026, 12, 1))
[ONE] = charge(a_pod_run())
KEPT = {"ann": {CREATOR_LABEL: "ann"}, "bob": {"annotation:example.com/who": "bob"}}


def spent(
    name: str, amount: str, *, creator: str, namespace: str = "sandbox", template: str = "notebook"
) -> list[Fact]:
    """An unallocated workflow and its charge."""
    place = {"creator": creator, "namespace": namespace, "template": template, "department": UNALLOCATED}
    money = {"cost": Decimal(amount), "rounded_cost": Decimal(amount), "cost_pending": Decimal(0)}
    charged: PodCost = replace(ONE, pod_uid=name, workflow_uid=name, workflow_name=name, cluster="c1", **place, **money)
    return [charged, a_run(name, labels=KEPT.get(creator, {}), **place)]


def allocated(department: str, number: int, *, days_before: int = 0, **place: str) -> list[WorkflowRun]:
    """Runs that a rule allocated."""
    where = {"namespace": "elsewhere", "template": "other", "creator": "none"} | place
    names = (f"{department}-{'-'.join(place.values())}-{days_before}-{i}" for i in range(number))
    return [a_run(name, department=department, created_at=NOON - days_before * DAY, **where) for name in names]


def facts() -> list[Fact]:
    return [
        *spent("a1", "8", creator="ann"),
        *spent("b1", "7", creator="bob"),
        *spent("c1", "6", creator="carl"),
        *spent("d1", "5", creator="dora"),
        *spent("e1", "4", creator="eve"),
        *spent("f1", "3", creator=""),
        *spent("g1", "2", creator="ann", namespace="mapping"),
        *spent("h1", "1", creator="hal", namespace="mapping", template="tile"),
        *allocated("maps", 9, creator="ann"),
        *allocated("quant", 1, creator="ann"),
        *allocated("quant", 5, creator="bob"),
        *allocated("maps", 4, creator="carl"),
        *allocated("maps", 6, creator="dora"),
        *allocated("quant", 4, creator="dora"),
        *allocated("sre", 1, creator="eve"),
        *allocated("quant", 30, creator="eve", days_before=40),
        *allocated("maps", 900, creator="eve", days_before=120),
        *allocated("hd-maps", 7, namespace="mapping"),
    ]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    with holding(tmp_path_factory.mktemp("engine"), facts()) as query:
        yield query


@pytest.fixture(scope="module")
def cost_found(ask: Query) -> UnallocatedCost:
    return unallocated_cost(ask, NOVEMBER)


def row_of(found: UnallocatedCost, creator: str, namespace: str = "sandbox") -> UnallocatedRow:
    [row] = [row for row in found.rows if (row.creator, row.namespace) == (creator, namespace)]
    return row


def test_the_amounts_are_those_of_the_cost_report(ask: Query, cost_found: UnallocatedCost) -> None:
    """Of the same rows, the dearest first."""
    same = cost(ask, NOVEMBER, "cluster,namespace,creator,template", filters=parse_filters(["department="], COLUMNS))

    assert [(row.cluster, row.namespace, row.creator, row.template, row.to_pay) for row in cost_found.rows] == [
        row[:5] for row in same.rows
    ]
    assert [row.to_pay for row in cost_found.totals] == [36]


def test_a_clear_majority_is_a_guess(cost_found: UnallocatedCost) -> None:
    """9 of 10 other workflows of the same creator are allocated to one department."""
    row = row_of(cost_found, "ann")

    assert row.guess == "maps"
    assert row.because is not None
    assert (row.because.trait, row.because.workflows, row.because.of) == ("creator", 9, 10)


@pytest.mark.parametrize("creator", ["carl", "dora", "unallocated"], ids=["few", "divided", "without a name"])
def test_thin_evidence_is_no_guess(cost_found: UnallocatedCost, creator: str) -> None:
    """It is shown all the same; what has no creator has nothing in common with others that have none."""
    row = row_of(cost_found, creator)

    assert (row.guess, row.because, row.rule) == ("", None, None)
    assert [one.of for one in row.evidence] == {"carl": [4], "dora": [10], "unallocated": []}[creator]


def test_where_the_month_has_few_the_time_before_it_counts(cost_found: UnallocatedCost) -> None:
    """But not that of a year ago, when people did other things."""
    row = row_of(cost_found, "eve")

    assert row.guess == "quant"
    assert row.because is not None
    assert (row.because.workflows, row.because.of) == (30, 31)


def test_what_speaks_for_two_departments_is_no_guess(cost_found: UnallocatedCost) -> None:
    """The namespace is one's, and the creator another's."""
    row = row_of(cost_found, "ann", "mapping")

    assert {one.department for one in row.evidence if one.is_clear} == {"maps", "hd-maps"}
    assert row.guess == ""


def test_the_rule_would_have_allocated_the_row(cost_found: UnallocatedCost) -> None:
    """The settings read it, and the first rule that matches the kept row gives the guess."""
    text = as_settings(cost_found.rules)
    settings = msgspec.yaml.decode(text)["attribution"]["department"]
    rules = tuple(
        rule_of(rule, ZoneInfo("UTC")) for rule in parse_settings(text.encode(), "s.yaml").attribution.department
    )

    assert len(settings) == len(cost_found.rules) == 3
    for creator, namespace in (("ann", "sandbox"), ("bob", "sandbox"), ("hal", "mapping")):
        row = row_of(cost_found, creator, namespace)
        kept = AttributionInput(KEPT.get(creator, {}), namespace, row.template, "", NOON)
        assert owner(rules, kept) == row.guess != UNALLOCATED


def test_without_a_kept_label_there_is_no_rule(cost_found: UnallocatedCost) -> None:
    """A rule that reads nothing would allocate nothing."""
    assert row_of(cost_found, "eve").rule is None


def test_the_table_names_guess_and_evidence(cost_found: UnallocatedCost) -> None:
    """For programs and spreadsheets."""
    [row] = [row for row in report(cost_found, NOVEMBER).rows if row[2] == "hal"]

    assert row[-3:-1] == ("hd-maps", "7 of 7 allocated workflows of namespace mapping are hd-maps's")
    assert msgspec.yaml.decode(row[-1]) == {"namespace": {"mapping": "hd-maps"}}
    assert as_settings([]) == ""


def test_rows_beyond_the_most_are_one(ask: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the rows of the table sum to its total."""
    monkeypatch.setattr("collector.reports.likely_owner.MOST_ROWS", 3)
    made = report(unallocated_cost(ask, NOVEMBER), NOVEMBER)

    assert [row[0] for row in made.rows] == ["c1", "c1", "c1", "others"]
    assert sum(row[4] for row in made.rows) == made.totals[0][4] == 36


def test_likely_owners_are_sums_of_rows(cost_found: UnallocatedCost) -> None:
    """In one currency, the one with most first, with the evidence of its dearest row."""
    currency = cost_found.rows[0].currency
    owners = likely_owners(cost_found, currency)

    assert [(one.department, one.to_pay, one.parts, one.because.value) for one in owners] == [
        ("quant", Decimal(11), 2, "bob"),
        ("maps", Decimal(8), 1, "ann"),
        ("hd-maps", Decimal(1), 1, "mapping"),
    ]
    assert likely_owners(cost_found, "XXX") == []


def test_nothing_unallocated_has_no_rows(ask: Query) -> None:
    """And asks for no evidence."""
    found = unallocated_cost(ask, Span(date(2026, 10, 1), date(2026, 11, 1)))

    assert (found.rows, found.totals, found.rules) == ([], [], [])
