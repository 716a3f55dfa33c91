"""
Compares the provider's bill of a month with our charges, and records the comparison.

The cost of an open month is an estimate. After reconciliation the provider's amounts are recorded beside it, and the
month's state is `reconciled`; after the lock it never changes. Late charges leave a month reconciled, and `lynceus period
list` shows its present sum beside the billed amount. A repricing opens the month again, because the bill is a new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from collector.billing import runs
from collector.billing.queries import charges, run_month
from collector.billing.runs import RepricingError
from collector.core.cost.billing_days import date_of, day_of, month_after
from collector.core.cost.meters import CONTEXT, total
from collector.core.facts.bills import Period
from collector.core.units import ZERO
from collector.reports.report import Report, amount
from collector.store.clickhouse import Store
from collector.store.replicas import wait_for_replicas

WHOLE = ""
"""In place of a product: the whole bill."""
SHARED = "shared costs"
"""In place of a product: what no pod causes."""
COLUMNS = ("product", "ours", "billed", "difference", "%", "currency")
PERCENT = Decimal("0.01")
BY_PRODUCT = f"""
    SELECT product, sum(rounded_cost) FROM {charges("entry = 0 AND currency = {currency:String} AND cost IS NOT NULL")}
    GROUP BY product ORDER BY product
"""
"""As the provider's bill rounds them, without corrections: those belong to other months."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The provider's bill of a month, and what it is compared with."""

    billed: Mapping[str, Decimal]
    """By product; WHOLE is the whole bill."""
    shared: Decimal
    """Our shared costs of the month."""
    currency: str
    tolerance: Decimal
    """In percent of the bill."""
    provisional: str = ""
    """Until when the provider may change the bill; empty: it is final."""


class ComparedProduct(NamedTuple):
    """One product, or the whole bill; the fields are those of COLUMNS."""

    product: str
    ours: Decimal
    billed: Decimal | None
    difference: Decimal | None
    percent: Decimal | None
    currency: str


def reconcile(store: Store, month: int, bill: Bill, *, today: date, now: int) -> Report:
    """Records the provider's bill of a month, and reports the differences from our charges and shared costs."""
    wait_for_replicas(store, "pod_cost")
    [period] = runs.periods_of(store, [month])
    _refuse(period, today)
    ours = charges_by_product(store, period, bill.currency)
    if unknown := sorted(bill.billed.keys() - ours.keys() - {WHOLE, SHARED}):
        raise RepricingError(
            f"--billed {unknown[0]}: the month has no charges of this product; its products: {', '.join(ours) or 'none'}"
        )
    recorded = {product: amount(cost) for product, cost in bill.billed.items()}
    state = period.state if bill.provisional else "reconciled"
    runs.save_periods(store, [replace(period, state=state, version=max(now, period.version + 1), billed=recorded)])
    lines = compare(ours, bill)
    notes = [_note(line, bill.tolerance) for line in lines if is_beyond(line, bill.tolerance)]
    title = f"{date_of(month):%Y-%m} is reconciled"
    notes = notes or ["within the tolerance"]
    if bill.provisional:
        title = f"{date_of(month):%Y-%m} is compared with a bill that may change"
        notes.append(f"the month stays {state}: {bill.provisional}")
    return Report(title, COLUMNS, [tuple(line) for line in lines], notes, nothing="")


def compare(ours: Mapping[str, Decimal], bill: Bill) -> list[ComparedProduct]:
    """Compares each product, the shared costs, and the whole with the bill."""
    products = {product: cost for product, cost in ours.items() if product not in (WHOLE, SHARED)}
    if bill.shared or SHARED in bill.billed:
        products[SHARED] = bill.shared
    return [_line(*one, bill) for one in [*sorted(products.items()), (WHOLE, total(products.values()))]]


def charges_by_product(store: Store, period: Period, currency: str) -> dict[str, Decimal]:
    """Sums up a month's charges by product."""
    rows = store.query_rows(BY_PRODUCT, run_month(period.active_run, period.month, currency=currency))
    return {product: cost or ZERO for product, cost in rows}


def _refuse(period: Period, today: date) -> None:
    """Raises RepricingError if a month is locked or has not ended."""
    if period.state == "locked":
        raise RepricingError(f"{date_of(period.month):%Y-%m} is locked; see `lynceus period unlock`")
    if month_after(period.month) > day_of(today):
        raise RepricingError(f"{date_of(period.month):%Y-%m} has not ended; reconcile it when its bill has arrived")


def _line(product: str, ours: Decimal, bill: Bill) -> ComparedProduct:
    """Compares one amount: the difference is ours minus the bill, the percentage is of the bill."""
    name, billed = product or "all", bill.billed.get(product)
    if billed is None:
        return ComparedProduct(
            product=name, ours=ours, billed=None, difference=None, percent=None, currency=bill.currency
        )
    difference = CONTEXT.subtract(ours, billed)
    percent = None if difference else ZERO
    if billed:
        percent = CONTEXT.quantize(CONTEXT.divide(difference * 100, billed), PERCENT)
    return ComparedProduct(
        product=name, ours=ours, billed=billed, difference=difference, percent=percent, currency=bill.currency
    )


def is_beyond(line: ComparedProduct, tolerance: Decimal) -> bool:
    """Returns whether a difference is larger than the tolerance."""
    return line.billed is not None and (line.percent is None or abs(line.percent) > tolerance)


def difference_of(line: ComparedProduct, tolerance: Decimal) -> str:
    """Describes a difference that is larger than the tolerance."""
    by = f"{line.percent} %" if line.percent is not None else "the bill is 0"
    difference = amount(line.difference or ZERO)
    return f"{line.product}: ours differs by {difference} {line.currency} ({by}) from the bill, more than {tolerance} %"


def _note(line: ComparedProduct, tolerance: Decimal) -> str:
    remedy = "look for prices, discounts and commitments that the books lack, add them and reprice"
    return f"{difference_of(line, tolerance)}: {remedy}"
