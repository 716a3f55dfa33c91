"""A comparison of periods in which no pod of a template was of use."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from collector.core.model import Fact
from collector.reports.questions import compare_cost
from collector.reports.report import Span
from tests.builders import a_pod_run
from tests.core.cost.charged import charge
from tests.reports.engine import holding

NOVEMBER = Span(date(2026, 11, 1), date(2026, 12, 1))


def test_a_template_of_failed_pods_alone_is_waste(tmp_path: Path) -> None:
    """All of its cost is; it had no good run, and cost nothing before."""
    [one] = charge(a_pod_run())
    failed: list[Fact] = [replace(one, class_="failed", template="train", department="maps")]
    with holding(tmp_path, failed) as query:
        report = compare_cost(query, NOVEMBER, "2026-10", "template")

    (row,) = (dict(zip(report.columns, row, strict=True)) for row in report.rows)
    parts = {name: amount for name, amount in row.items() if isinstance(amount, Decimal) and amount}
    assert row["template"] == "train"
    assert row["difference"] == row["after"] > 0 == row["before"]
    assert (
        sum(amount for name, amount in parts.items() if name not in ("before", "after", "difference")) == row["after"]
    )
