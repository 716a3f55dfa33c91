"""A month against its imported bill, in place of amounts that a user types."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from collector.billing import runs
from collector.billing.billed_month import BilledMonth, billed_month
from collector.billing.reconcile import SHARED, Bill, reconcile
from collector.billing.rows import read_facts
from collector.billing.runs import RepricingError
from collector.core.facts.bills import Period
from collector.settings.bill import BillRule
from collector.store.clickhouse import Store
from tests.billing.billed import charged, import_items, lines_of, other, pods
from tests.billing.stored import write_all
from tests.billing.test_bill_import import imported
from tests.bills.reading import SAMPLES

NOVEMBER = 20758
NAT = BillRule(what="nat gateway", bill_product="nat_gw")


def test_the_bill_by_product(store: Store, tmp_path: Path) -> None:
    """Of the pods' own products, what rules share, and the whole with what is unexplained."""
    facts = charged(pods(2))
    write_all(store, facts)
    import_items(store, tmp_path, [*lines_of(facts), other("nat_gw", "ngw-1", "3"), other("oss", "x", "4")])
    [period] = runs.periods_of(store, [NOVEMBER])

    found = billed_month(store, period, (NAT,), "USD")

    assert found == BilledMonth(
        {"alibaba-eci": 2 * Decimal("0.069264"), SHARED: Decimal(3), "": 7 + 2 * Decimal("0.069264")}, ""
    )
    bill = Bill(billed=found.amounts, shared=Decimal(3), currency="USD", tolerance=Decimal(1))
    made = reconcile(store, NOVEMBER, bill, today=date(2026, 12, 5), now=9_000)
    assert [row[0] for row in made.rows if row[3]] == ["all"]
    assert read_facts(store, Period, "FINAL")[0].state == "reconciled"


def test_a_provisional_bill_is_recorded_and_leaves_the_month_open(store: Store) -> None:
    """Until the provider does not change it any more."""
    imported(store, SAMPLES / "aws-cur2.csv")
    [period] = runs.periods_of(store, [NOVEMBER])
    found = billed_month(store, period, (), "USD")
    assert found.provisional.startswith("provisional until the provider's invoice")

    bill = Bill(
        billed=found.amounts, shared=Decimal(0), currency="USD", tolerance=Decimal(1), provisional=found.provisional
    )
    made = reconcile(store, NOVEMBER, bill, today=date(2026, 12, 5), now=9_000)

    assert made.title == "2026-11 is compared with a bill that may change"
    assert made.notes[-1] == f"the month stays open: {found.provisional}"
    [period] = read_facts(store, Period, "FINAL")
    assert (period.state, period.billed) == ("open", {"": "0.048556"})


def test_a_month_without_a_bill_in_the_currency_is_named(store: Store, tmp_path: Path) -> None:
    """The remedy is an import, or amounts that the user types."""
    [period] = runs.periods_of(store, [NOVEMBER])
    with pytest.raises(
        RepricingError, match="no bill of 2026-11 is imported; see `lynceus bill import`, or give --billed"
    ):
        billed_month(store, period, (), "USD")
    import_items(store, tmp_path, [other("nat_gw", "ngw-1", "3", Currency="CNY")])
    with pytest.raises(RepricingError, match="the bill of 2026-11 is in CNY, but `currency` is USD; give --billed"):
        billed_month(store, period, (), "USD")
