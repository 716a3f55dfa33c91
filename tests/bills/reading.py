"""Reads bills of tests: the samples, or a text written for one test."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from collector.bills.read import BillReading, read_bill
from collector.core.facts.bill_lines import BillLine

SAMPLES = Path(__file__).parent / "samples"
ZH = SAMPLES / "alibaba-items-zh.csv"
FOCUS_HEADER = "BillingPeriodStart,ChargePeriodStart,ChargeCategory,BilledCost,EffectiveCost,BillingCurrency,ResourceId"


def a_bill(*paths: Path, **how: Any) -> tuple[list[BillLine], BillReading]:
    """The lines of files, and what was noticed."""
    reading = BillReading(load=7, **how)
    return list(read_bill(paths, reading)), reading


def total_of(reading: BillReading) -> dict[str, Decimal]:
    """Sums over all accounts and months, by currency."""
    sums: dict[str, Decimal] = {}
    for tally in reading.bills.values():
        for currency, amount in tally.totals.items():
            sums[currency] = sums.get(currency, Decimal(0)) + amount
    return sums


def focus(folder: Path, *rows: str, header: str = FOCUS_HEADER) -> Path:
    """A FOCUS file of some rows."""
    path = folder / "focus.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path
