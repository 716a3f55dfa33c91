"""The cost report, on charges in the real engine."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from collector.billing.rows import write_facts
from collector.core.cost.meters import total
from collector.core.facts.bills import PodCost
from collector.reports.cost import cost
from collector.reports.cost_columns import COLUMNS
from collector.reports.cost_figures import CLASSES, FIGURES, Figure
from collector.reports.render import as_csv, as_json
from collector.reports.report import Query, Report, Span, amount
from collector.store.schema.migrate import migrate
from tests.billing.stored import charges_of
from tests.builders import NOON, SECOND, a_pod_run
from tests.reports.stored import a_run
from tests.store.running import start

SPAN = Span(date(2026, 11, 22), date(2026, 11, 23))


def charged(uid: str, workflow: str, **changes: Any) -> PodCost:
    """What a pod of a workflow cost that pulled its image for 10 s and ran for 60."""
    [charge] = charges_of(a_pod_run(uid=uid, node_id=uid, workflow_uid=workflow, workflow_name=workflow), None)
    return replace(charge, **{"template": "train", "department": "maps", "class_": "useful", **changes})


CHARGES = [
    charged("a", "w1"), charged("b", "w1", class_="retried", step="fit"),
    charged("c", "w2", class_="failed"), charged("d", "w3", department="unallocated", class_="reclaimed"),
    charged("e", "w4", class_="cancelled"),
    charged("f", "w5", cost=None, cost_pending=None, list_cost=None, confidence="unpriced", rule="no_price_book"),
]  # fmt: skip
PART = CHARGES[0].cost or Decimal(0)
RUNS = [a_run("w1"), a_run("w1", attempt=2, finished_at=NOON + 99 * SECOND), a_run("w2", outcome="failed"), a_run("w4")]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """Questions to the engine that holds those charges, and others of a run that is not the bill."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    write_facts(writer, CHARGES)
    write_facts(writer, [replace(charge, run=2, cost=charge.cost and 2 * charge.cost) for charge in CHARGES])
    write_facts(writer, RUNS)
    writer.close()
    reader = running.reader()
    yield lambda sql, parameters: reader.query_rows(sql, dict(parameters))
    reader.close()
    running.stop()


def column(report: Report, name: str) -> list[Any]:
    """What stands in one column, from top to bottom."""
    return [row[report.columns.index(name)] for row in report.rows]


@pytest.mark.parametrize("by", COLUMNS)
def test_parts_sum_to_the_total_by_every_column(ask: Query, by: str) -> None:
    """Departments with unallocated, classes, steps: no way of cutting loses or adds anything."""
    report = cost(ask, SPAN, by)

    assert total(c for c in column(report, "exact") if c is not None) == 5 * PART
    assert total(row[report.columns.index("exact")] for row in report.totals) == 5 * PART


def test_a_row_is_split_by_what_it_was_spent_on(ask: Query) -> None:
    """Pending first, the rest by class; the parts sum to the row."""
    report = cost(ask, SPAN, "department")
    [spent] = report.parts

    for row, whole in zip(spent.rows, [c for c in column(report, "to pay") if c is not None], strict=True):
        assert total(row[1:-1]) == whole
    pending = CHARGES[0].cost_pending or Decimal(0)
    assert spent.columns[1:8] == (*CLASSES, "pending")
    assert spent.rows[0][1:8] == (*[PART - pending] * 4, Decimal(0), Decimal(0), 4 * pending)


def test_a_success_costs_all_attempts(ask: Query) -> None:
    """Failed tries and failed workflows are paid by what succeeded; where nothing did the figure is unknown."""
    [whole] = cost(ask, SPAN, "").rows
    assert whole[-2:] == (2, 5 * PART / 2)

    by_workflow = {row[0]: row[-2:] for row in cost(ask, SPAN, "workflow").rows}
    assert by_workflow == {"w1": (1, 2 * PART), "w2": (0, None), "w3": (0, None), "w4": (1, PART), "w5": (0, None)}


def test_any_run_can_be_read(ask: Query) -> None:
    """A run that is not the bill, or was it once."""
    assert total(c for c in column(cost(ask, SPAN, "department", 2), "exact") if c is not None) == 10 * PART
    assert cost(ask, SPAN, "department", 9).rows == []


def test_a_column_of_the_report_is_one_declaration(ask: Query) -> None:
    """One entry is in every form, with a sum that the rollup holds and with one that only rows give."""
    more = (
        Figure(title="list cost", sql="sum(sum_list_cost)"),
        Figure(title="vCPUs", sql="sum(sum_billed_vcpu)"),
    )
    report = cost(ask, SPAN, "department", figures=(*FIGURES, *more))
    whole = cost(ask, SPAN, "department")

    assert report.columns == (*whole.columns, "list cost", "vCPUs")
    assert [row[:-2] for row in report.rows] == whole.rows
    sums = ask("SELECT sum(list_cost), sum(billed_vcpu) FROM cost_current", {})[0]
    assert [total(column(report, figure.title)) for figure in more] == list(sums)
    assert "list cost,vCPUs" in as_csv(report)
    assert json.loads(as_json(report))["rows"][0]["vCPUs"] == amount(report.rows[0][-1])
