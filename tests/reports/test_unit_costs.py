"""The cost a unit, on workflows and charges in the real engine."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from collector.core.cost.meters import CONTEXT, total
from collector.core.facts.bills import PodCost
from collector.reports.filters import parse_filters
from collector.reports.report import Query, Report, ReportError, Span
from collector.reports.unit_costs import COLUMNS, check_unit, refuse_beside_unit, unit_costs
from tests.billing.stored import charges_of
from tests.builders import DAY, NOON, SECOND, a_pod_run
from tests.reports.engine import holding
from tests.reports.stored import a_run

D = Decimal
ROOT = Path(__file__).parents[2]
SPAN = Span(date(2026, 11, 1), date(2027, 1, 1), "Asia/Shanghai")
LATE = NOON + 8 * DAY + 5 * 3600 * SECOND
"""In Shanghai it is December by then."""


def charged(workflow: str, cost: str | None, *, uid: str = "", **changes: Any) -> PodCost:
    """A charge of a workflow's pod."""
    [charge] = charges_of(a_pod_run(uid=uid or f"p-{workflow}", workflow_uid=workflow, workflow_name=workflow), None)
    amounts = {"cost": cost and D(cost), "cost_pending": cost and D("0.25")}
    return replace(charge, **{"template": "train", "department": "maps", "class_": "useful", **amounts, **changes})


FACTS = [
    a_run("w1", made={"km": D("3.5"), "frames": D(7)}, units=D("3.5")),
    charged("w1", "1"),
    charged("w1", "0.5", uid="p-retried", class_="retried"),
    # Retried: the number counts once, by the last attempt.
    a_run("w2", made={"km": D(1)}, outcome="failed"),
    a_run("w2", attempt=2, finished_at=NOON + DAY, made={"km": D("5")}),
    charged("w2", "2.000000000000000001"),
    charged("w2", "1", uid="p-again", attempt=2),
    # Its last attempt has no number.
    a_run("w3", made={"km": D(9)}),
    a_run("w3", attempt=2, finished_at=NOON + DAY),
    charged("w3", "4"),
    a_run("w4", outcome="failed", reason="error"),
    charged("w4", "8", class_="failed"),
    # Nothing ran: all steps were cached.
    a_run("cached", made={"km": D("0.5")}),
    a_run("dear", made={"km": D(2)}, template="unpriced"),
    charged("dear", None, template="unpriced"),
    a_run("none", made={"km": D(0)}, template="idle"),
    charged("none", "3", template="idle"),
    a_run("alone", template="cached", made={"km": D(4)}),
    a_run("old", template="old", units=D(6)),
    charged("old", "3", template="old"),
    a_run("late", finished_at=LATE, made={"km": D(1)}),
    charged("late", "16", department="fleet"),
    a_run("before", created_at=NOON - 40 * DAY, finished_at=NOON - 30 * DAY, made={"km": D(1)}),
    charged("before", "99"),
    a_run("after", finished_at=NOON + 60 * DAY, made={"km": D(1)}),
    charged("after", "99"),
    a_run("lives on", made={"km": D(1)}),
    a_run("lives on", attempt=2, finished_at=NOON + 60 * DAY, made={"km": D(1)}),
]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """Questions to the engine that holds those workflows."""
    with holding(tmp_path_factory.mktemp("engine"), FACTS) as query:
        yield query


def by_key(report: Report) -> dict[tuple[str, ...], dict[str, Any]]:
    """The rows by their keys, each by the columns."""
    names = report.columns[report.keys :]
    return {row[: report.keys]: dict(zip(names, row[report.keys :], strict=True)) for row in report.rows}


def test_a_unit_costs_what_its_workflows_cost(ask: Query) -> None:
    """Exactly, of all attempts; a workflow without a number is beside, and one that cost nothing counts."""
    row = by_key(unit_costs(ask, SPAN, "template", "km"))[("train", "2026-11")]

    assert (row["units"], row["cost"], row["runs"]) == (D("9"), D("4.500000000000000001"), 3)
    assert row["waste"] == D("0.25") * 3 + D("0.5")
    assert row["cost a unit"] == D("0.5")
    assert row["waste a unit"] == CONTEXT.divide(D("1.25"), D(9)).quantize(D("1e-18"))
    assert (row["without number"], row["their cost"], row["currency"]) == (2, D(12), "USD")


def test_what_is_unknown_is_not_0(ask: Query) -> None:
    """No units, no quotient; no price, a note; no number at all, no units."""
    km, frames = (by_key(report) for report in (unit_costs(ask, SPAN, "template", u) for u in ("km", "frames")))

    assert (km[("idle", "2026-11")]["units"], km[("idle", "2026-11")]["cost a unit"]) == (0, None)
    assert (km[("unpriced", "2026-11")]["unpriced pods"], km[("unpriced", "2026-11")]["cost"]) == (1, None)
    assert (km[("unpriced", "2026-11")]["cost a unit"], km[("unpriced", "2026-11")]["units"]) == (None, 2)
    assert (km[("cached", "2026-11")]["cost a unit"], km[("cached", "2026-11")]["currency"]) == (0, "")
    assert (frames[("idle", "2026-11")]["units"], frames[("idle", "2026-11")]["without number"]) == (None, 1)
    assert any("have no known price" in note for note in unit_costs(ask, SPAN, "", "km").notes)
    assert any("no workflow states a number of pages" in note for note in unit_costs(ask, SPAN, "", "pages").notes)
    assert any("state no number of frames" in note for note in unit_costs(ask, SPAN, "", "frames").notes)
    december = Span(date(2026, 12, 1), SPAN.end, SPAN.zone)
    assert not any("number of" in note for note in unit_costs(ask, december, "", "km").notes)


def test_a_workflow_counts_in_the_month_of_its_end(ask: Query) -> None:
    """In the billing time zone, with the charges of any month; those that ended before or after are not in it."""
    rows = by_key(unit_costs(ask, SPAN, "month,template", "km"))

    assert (rows[("train", "2026-12")]["cost"], rows[("train", "2026-12")]["runs"]) == (D(16), 1)
    assert sum(row["runs"] + row["without number"] for row in rows.values()) == 10


def test_rows_of_an_earlier_release_have_their_only_number(ask: Query) -> None:
    """It had no name then: `units` finds it, and no other name does."""
    assert by_key(unit_costs(ask, SPAN, "template", "units"))[("old", "2026-11")]["cost a unit"] == D("0.5")
    assert by_key(unit_costs(ask, SPAN, "template", "units"))[("train", "2026-11")]["runs"] == 0
    assert by_key(unit_costs(ask, SPAN, "template", "km"))[("old", "2026-11")]["runs"] == 0


@pytest.mark.parametrize("name", COLUMNS)
def test_rows_sum_to_the_total_by_every_column(ask: Query, name: str) -> None:
    """And a filter together with its opposite has all."""
    report, plain = unit_costs(ask, SPAN, name, "km"), unit_costs(ask, SPAN, "", "km")
    value = str(report.rows[0][0]) or "unallocated"
    parts = [unit_costs(ask, SPAN, "", "km", parse_filters([f"{name}{op}{value}"], COLUMNS)) for op in ("=", "!=")]

    for column in ("cost", "waste", "their cost", "units", "runs", "without number"):
        whole = _sum(plain, column)
        assert _sum(report, column) == whole
        assert total(_sum(part, column) for part in parts) == whole


def _sum(report: Report, column: str) -> Decimal:
    return total(D(row[report.columns.index(column)] or 0) for row in report.totals)


def test_the_statement_in_the_docs_divides(ask: Query) -> None:
    """It is copied as it stands: over all time, by department, without workflows that made nothing."""
    (sql,) = re.findall(r"```sql\n([^`]*cost_of_a_km[^`]*)```", (ROOT / "docs" / "cost.md").read_text(encoding="utf-8"))

    assert {row[0]: row[1] for row in ask(sql, {})} == {"maps": D("16.2"), "fleet": D(16)}


def test_who_pays_is_what_the_charges_say(ask: Query) -> None:
    """Rules may have changed since the workflow ended, and its month have been priced again."""
    rows = by_key(unit_costs(ask, SPAN, "department", "km"))

    assert rows[("fleet", "2026-12")]["cost"] == D(16)


def test_a_unit_that_nobody_named_is_an_error() -> None:
    """A typing error is not a unit without numbers; a reader without settings may name any."""
    with pytest.raises(ReportError, match=r"--unit kn: no such unit in `attribution\.units`; there are km, frames"):
        check_unit("kn", ["km", "frames"])
    with pytest.raises(ReportError, match="leave out --run, --top and --sort"):
        refuse_beside_unit(other=True)
    check_unit("km", ["km"])
    refuse_beside_unit(other=False)
    check_unit("km", [])
