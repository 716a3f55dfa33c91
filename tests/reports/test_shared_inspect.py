"""What a department pays of shared costs: each line can be computed again from what stands beside it."""

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from rich.console import Console

from collector.core.cost.billing_days import day_of
from collector.core.cost.meters import total
from collector.core.cost.statement import SHARED_KINDS, Edition, SharedCost, UsageSum, statement_lines
from collector.core.facts.bills import StatementLine
from collector.reports.report import Query
from collector.reports.shared_inspect import OF_OTHERS, inspect_shared, shared_parts
from collector.reports.table import print_table
from tests.core.cost.test_statement import SHARED, USED, fee, used
from tests.reports.engine import holding

NOVEMBER = date(2026, 11, 1)
USAGE = [
    used("3200", department="maps", cluster="prod-hz", product="eci"),
    used("800", department="maps", cluster="prod-sh", product="acs"),
    used("60800", department="perception", cluster="prod-hz", product="eci", seconds=900, pods=3),
    used("10", department="quant", cluster="gpu-bj", product="eci", seconds=50),
]
COSTS = [
    fee("1000", what="argo", clusters=("prod-hz",), rule="1000 a month"),
    fee("40", what="disk", basis="even"),
    fee("67", what="management", clusters=("prod-hz",)),
    fee("67", what="management", clusters=("prod-sh",)),
    fee("12", what="logs", basis="metric", metric="pods"),
    fee("9", what="gone", product="aws-fargate-eks"),
]


def lines_of(usage: Sequence[UsageSum], costs: Sequence[SharedCost]) -> list[StatementLine]:
    return statement_lines(usage, costs, Edition(day_of(NOVEMBER), 1, 7))


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    with holding(tmp_path_factory.mktemp("engine"), lines_of(USAGE, COSTS)) as query:
        yield query


def test_each_part_names_the_weights_and_the_whole(ask: Query) -> None:
    """3,200 of 64,000 spent in the cluster is 5 %, and 5 % of 1,000.00 is 50.00."""
    parts = {(part.what, part.clusters): part for part in shared_parts(ask, NOVEMBER, "maps", of_all=True)}
    argo = parts["argo", ("prod-hz",)]

    assert [argo.weight, argo.weights, argo.whole, argo.amount] == [3200, 64_000, 1000, 50]
    assert argo.share == Decimal("0.05")
    assert argo.rule == "1000 a month"
    assert all(part.recomputed for part in parts.values())


def test_a_fee_of_each_cluster_is_a_cost_of_its_own(ask: Query) -> None:
    """Although both have one name and one amount."""
    parts = [part for part in shared_parts(ask, NOVEMBER, "maps", of_all=True) if part.what == "management"]

    assert {part.clusters: [part.weight, part.weights] for part in parts} == {
        ("prod-hz",): [3200, 64_000],
        ("prod-sh",): [800, 800],
    }


def test_a_part_is_divided_among_clusters_and_products(ask: Query) -> None:
    """In proportion to what the department spent in each; the places sum to the part."""
    [logs] = [part for part in shared_parts(ask, NOVEMBER, "maps", of_all=True) if part.what == "logs"]

    assert [(place.cluster, place.product) for place in logs.places] == [("prod-hz", "eci"), ("prod-sh", "acs")]
    assert total(place.amount for place in logs.places) == logs.amount == 4
    assert logs.weight == 2
    assert logs.weights == 6


def test_what_nobody_used_is_unallocated(ask: Query) -> None:
    """There is no share then, and nothing is divided by 0."""
    [part] = shared_parts(ask, NOVEMBER, "unallocated", of_all=True)

    assert [part.what, part.amount, part.share, part.recomputed] == ["gone", 9, None, None]
    assert part.clusters == part.products == ()


def test_one_who_reads_a_department_learns_nothing_of_others(ask: Query) -> None:
    """Neither the whole, nor the sum of weights, nor a share, from which the others' part follows."""
    parts = shared_parts(ask, NOVEMBER, "maps", of_all=False)
    report = inspect_shared(ask, NOVEMBER, "maps", of_all=False)

    assert {(part.whole, part.weights, part.share, part.recomputed) for part in parts} == {(None, None, None, None)}
    assert not {*OF_OTHERS} & {*report.columns}
    assert "1000" not in {str(value) for row in report.rows for value in row}


def test_the_table_sums_to_what_the_department_pays_of_shared_costs(ask: Query) -> None:
    """One row for each line of the statement."""
    report = inspect_shared(ask, NOVEMBER, "maps", of_all=True)
    own = [line for line in lines_of(USAGE, COSTS) if line.department == "maps" and line.kind in SHARED_KINDS]

    amounts = report.columns.index("amount")
    assert sorted(row[amounts] for row in report.rows) == sorted(line.amount for line in own)
    assert inspect_shared(ask, date(2026, 10, 1), "maps", of_all=True).rows == []


def test_a_person_reads_weights_and_shares_in_few_digits(ask: Query) -> None:
    """All places are for programs, and for `--exact`."""
    report = inspect_shared(ask, NOVEMBER, "maps", of_all=True)
    out = io.StringIO()
    print_table(report, Console(file=out, width=250))
    argo = [line.split() for line in out.getvalue().splitlines() if "argo" in line]

    assert {"3,200.00", "64,000.00", "0.05000", "1,000.00"} <= {*argo[0]}


def stub(lines: Sequence[StatementLine]) -> Query:
    """Answers as the store does."""

    def answer(_: str, bound: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        shared = [line for line in lines if line.kind in SHARED_KINDS]

        def name(line: StatementLine) -> tuple[str, ...]:
            return (line.currency, line.kind, line.what, line.book, line.basis, line.rule)

        wanted = {name(line) for line in shared if line.department == bound["department"]}
        rest = ("department", "cluster", "product", "weight", "amount", "whole")
        return [(*name(line), *(getattr(line, key) for key in rest)) for line in shared if name(line) in wanted]

    return answer


@given(USED, SHARED)
def test_every_cost_can_be_computed_again(usage: list[UsageSum], costs: list[SharedCost]) -> None:
    """Of any single cost and any usage, for each department: whole x weight / weights is what it pays."""
    for cost in costs:
        lines = lines_of(usage, [cost])
        for department in {line.department for line in lines if line.kind in SHARED_KINDS}:
            for part in shared_parts(stub(lines), NOVEMBER, department, of_all=True):
                assert part.recomputed is not False
