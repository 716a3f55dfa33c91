"""A month's bill beside ours, on the real engine."""

from datetime import date
from decimal import Decimal

import pytest

from collector.billing import runs
from collector.billing.month_list import list_months
from collector.billing.reconcile import Bill, reconcile
from collector.billing.reprice import activate, prepare
from collector.billing.rows import read_facts
from collector.billing.runs import RepricingError
from collector.core.facts.bills import Period
from collector.reports.report import Report
from collector.store.clickhouse import Store
from tests.billing.stored import a_past, a_preparation, changed, write_all
from tests.core.cost.charged import shipped

NOVEMBER = 20758
ONE = Decimal("0.0013468")
"""A pod's 70 s on ECI."""


def reconciled(store: Store, shared: str = "0", tolerance: str = "1", **billed: str) -> Report:
    """November against a bill, in December."""
    amounts = {name.replace("_", "-").removeprefix("all"): Decimal(cost) for name, cost in billed.items()}
    bill = Bill(billed=amounts, shared=Decimal(shared), currency="USD", tolerance=Decimal(tolerance))
    return reconcile(store, NOVEMBER, bill, today=date(2026, 12, 5), now=9_000)


def test_both_sums_and_what_lies_between(store: Store) -> None:
    """Absolute and in percent of the bill, by product and in all; what was billed stays on record."""
    write_all(store, a_past(3))

    found = reconciled(store, shared="1", all="1.1", alibaba_eci="0.0040404")

    assert found.rows == [
        ("alibaba-eci", 3 * ONE, Decimal("0.0040404"), Decimal(0), Decimal("0.00"), "USD"),
        ("shared costs", 1, None, None, None, "USD"),
        ("all", 1 + 3 * ONE, Decimal("1.1"), 3 * ONE - Decimal("0.1"), Decimal("-8.72"), "USD"),
    ]
    assert len(found.notes) == 1
    assert found.notes[0].startswith(
        "all: ours differs by -0.0959596 USD (-8.72 %) from the bill, more than 1 %: look for"
    )
    [period] = read_facts(store, Period, "FINAL")
    assert (period.state, period.billed) == ("reconciled", {"": "1.10", "alibaba-eci": "0.0040404"})
    assert list_months(store).rows[0][8] == "1.10, alibaba-eci 0.0040404"


@pytest.mark.parametrize(("billed", "notes"), [
    ("0.0041", ["within the tolerance"]), ("0", ["all: ours differs by 0.0040404 USD (the bill is 0) from the bill"]),
])  # fmt: skip
def test_a_difference_beyond_the_tolerance_has_a_note(store: Store, billed: str, notes: list[str]) -> None:
    """As a part of the bill."""
    write_all(store, a_past(3))

    assert [note[: len(notes[0])] for note in reconciled(store, tolerance="2", all=billed).notes] == notes


def test_a_repricing_opens_the_month_again(store: Store) -> None:
    """What was compared is no longer the bill; what was billed still is."""
    write_all(store, a_past(1))
    reconciled(store, all="1")
    work = a_preparation(store, shipped())
    prepare(work)
    activate(work)

    [period] = read_facts(store, Period, "FINAL")
    assert (period.state, period.billed, period.active_run) == ("open", {"": "1"}, 2)


def test_what_cannot_be_reconciled_is_named(store: Store) -> None:
    """A product that the month has nothing of, a month that goes on, one that is locked."""
    write_all(store, a_past(1))
    with pytest.raises(
        RepricingError,
        match="--billed aws-fargate-eks: the month has no charges of this product; its products: alibaba-eci",
    ):
        reconciled(store, aws_fargate_eks="1")
    nothing = Bill(billed={}, shared=Decimal(0), currency="USD", tolerance=Decimal(1))
    with pytest.raises(RepricingError, match="2026-11 has not ended"):
        reconcile(store, NOVEMBER, nothing, today=date(2026, 11, 30), now=1)
    runs.save_periods(store, [changed(runs.default_period(NOVEMBER), state="locked", version=99)])
    with pytest.raises(RepricingError, match="2026-11 is locked"):
        reconciled(store)
