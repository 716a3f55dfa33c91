"""Amount of a fee by hour or month, between its first and last day, at the exchange rate of each day."""

from datetime import datetime, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.core.cost.meters import total
from collector.prices import book, fees
from tests.builders import at

UTC, SHANGHAI = ZoneInfo("UTC"), ZoneInfo("Asia/Shanghai")
FILE = """
id: ours
version: "1"
currency: CNY
sources: {{s: contract}}
fees: [{{id: slb, amount: "{amount}", per: {per}, from: 2026-01-01, source: s{more}}}]
exchange: {exchange}
"""
RATES = """
  - {pair: CNY/USD, rate: "0.14", from: 2026-01-01, to: 2026-11-16, source: s}
  - {pair: CNY/USD, rate: "0.15", from: 2026-11-16, to: 2026-12-01, source: s}
"""


def fee_amount(
    folder: Path, begin: str, end: str, *, per: str = "hour", value: str = "2", currency: str = "CNY",
    exchange: str = "[]", more: str = "", zone: tzinfo = UTC,
) -> Decimal | None:  # fmt: skip
    """Amount of a fee of a user's book."""
    (folder / "ours.yaml").write_text(FILE.format(amount=value, per=per, more=more, exchange=exchange))
    books = book.load(["alibaba-eci", "ours.yaml"], folder, currency)
    (fee,) = books.fees
    return fees.amount(fee, books, at(begin), at(end), zone)


@pytest.mark.parametrize(
    ("begin", "end", "more", "expected"),
    [
        ("2026-11-01", "2026-11-02", {}, "48"),
        ("2026-11-01", "2026-11-02", {"value": "-0.10"}, "-2.4"),
        ("2026-11-01", "2026-11-01T00:00:01", {"value": "1"}, "0.000277777777777778"),
        ("2025-12-31", "2026-01-01T01:00:00", {}, "2"),
        ("2026-11-01", "2026-11-30", {"more": ", to: 2026-11-02"}, "48"),
        ("2026-11-02", "2026-11-01", {}, "0"),
        ("2026-11-01", "2026-12-01", {"per": "month", "value": "30"}, "30"),
        ("2026-12-31", "2027-01-02", {"per": "month", "value": "31"}, "2"),
        ("2026-02-01", "2026-02-15", {"per": "month", "value": "1"}, "0.5"),
        ("2026-10-31T16:00:00", "2026-11-30T16:00:00", {"per": "month", "value": "7", "zone": SHANGHAI}, "7"),
        ("2026-11-15", "2026-11-17", {"currency": "USD", "exchange": RATES}, "13.92"),
    ],
)
def test_a_fee_over_a_period(tmp_path: Path, begin: str, end: str, more: dict[str, Any], expected: str) -> None:
    """Expected amounts are computed by hand."""
    assert fee_amount(tmp_path, begin, end, **more) == Decimal(expected)


def test_a_day_without_a_rate_makes_the_fee_unknown(tmp_path: Path) -> None:
    """A partial amount would be read as the total."""
    assert fee_amount(tmp_path, "2026-11-30", "2026-12-02", currency="USD", exchange=RATES) is None


def test_days_of_a_month_sum_to_its_fee(tmp_path: Path) -> None:
    """Each day is quantised once, so the sum of a month differs by at most half an 18th place a day."""
    days = [fee_amount(tmp_path, f"2026-11-{day:02}", f"2026-11-{day + 1:02}", per="month") for day in range(1, 30)]
    last = fee_amount(tmp_path, "2026-11-30", "2026-12-01", per="month")

    assert abs(total(day or Decimal(0) for day in (*days, last)) - 2) <= Decimal("15e-18")


GKE = "gke-autopilot"
OWN_FEES = """
id: own
version: "1"
extends: gke-autopilot
currency: USD
sources: {{s: list}}
fees:
{fees}
"""


def known_fees(folder: Path, *rows: str) -> list[tuple[str, str, str, str | None]]:
    """The fees of GKE with those of a user's file: book, amount, first and last day."""
    listed = "\n".join(f"  - {{id: gke-management, per: hour, source: s, {row}}}" for row in rows)
    (folder / "own.yaml").write_text(OWN_FEES.format(fees=listed))
    found = book.load(["gke-autopilot", "own.yaml"], folder).fees
    return [(f.book.split("@")[0], f"{f.amount}", shown(f.begin) or "", shown(f.end)) for f in found]


def shown(instant: int | None) -> str | None:
    """A day as text; None is open."""
    return None if instant is None else f"{datetime.fromtimestamp(instant / 1000, UTC):%F}"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            ["amount: 0.2, from: 2026-11-01"],
            [("own", "0.2", "2026-11-01", None), (GKE, "0.10", "2025-01-01", "2026-11-01")],
        ),
        (["amount: 0.2, from: 2024-11-01"], [("own", "0.2", "2024-11-01", None)]),
        (
            ["amount: 0.2, from: 2026-11-01, to: 2026-12-01"],
            [
                ("own", "0.2", "2026-11-01", "2026-12-01"),
                (GKE, "0.10", "2025-01-01", "2026-11-01"),
                (GKE, "0.10", "2026-12-01", None),
            ],
        ),
        (
            ["amount: 0.2, from: 2024-01-01, to: 2024-06-01"],
            [("own", "0.2", "2024-01-01", "2024-06-01"), (GKE, "0.10", "2025-01-01", None)],
        ),
        (
            ["amount: 0.2, from: 2026-01-01, to: 2026-06-01", "amount: 0.3, from: 2026-06-01"],
            [
                ("own", "0.2", "2026-01-01", "2026-06-01"),
                ("own", "0.3", "2026-06-01", None),
                (GKE, "0.10", "2025-01-01", "2026-01-01"),
            ],
        ),
        (
            ["amount: 0.2, from: 2026-11-01, clusters: [a]"],
            [("own", "0.2", "2026-11-01", None), (GKE, "0.10", "2025-01-01", None)],
        ),
    ],
)
def test_a_fee_of_the_same_id_replaces_that_of_the_extended_book(
    tmp_path: Path, rows: list[str], expected: list[tuple[str, str, str, str | None]]
) -> None:
    """While it is valid, so that no cluster pays twice and none is free; a fee of some clusters is a further one."""
    assert known_fees(tmp_path, *rows) == expected
