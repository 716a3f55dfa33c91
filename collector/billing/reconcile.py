"""
The provider's bill of a month beside ours: how far apart they are, and the month's state `reconciled`.

What a month costs is an estimate while it is open; reconciled, what was billed is on record beside it; locked, it never
changes again. Late facts leave a month reconciled, and `lynceus period list` shows what it sums to now beside what was
billed; a repricing opens it again, for what was compared is no longer the bill.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from msgspec.structs import replace

from collector.billing import runs
from collector.billing.runs import RepricingError
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of, day_of, month_after
from collector.core.cost.meters import CONTEXT, total
from collector.core.facts.bills import Period
from collector.core.units import ZERO
from collector.reports.report import Report, amount
from collector.store.clickhouse import Store

WHOLE = ""
"""In place of a product: the whole bill."""
COLUMNS = ("product", "ours", "billed", "difference", "%", "currency")
IN_MONTH = "day >= toDate({month:UInt16}) AND day < toDate({after:UInt16})"
PERCENT = Decimal("0.01")


def reconcile(
    store: Store,
    month: int,
    billed: Mapping[str, Decimal],
    shared: Decimal,
    currency: str,
    today: date,
    now: int,
    tolerance: Decimal,
) -> Report:
    """Put what was billed on record, by product or as a whole, beside our charges and shared costs."""
    [period] = runs.periods_of(store, [month])
    _refuse(period, today)
    ours = charges_by_product(store, period, currency) | ({"shared costs": shared} if shared else {})
    if strangers := sorted(billed.keys() - ours.keys() - {WHOLE}):
        raise RepricingError(
            f"--billed {strangers[0]}: nothing of it in the month; there are {', '.join(ours) or 'none'}"
        )
    told = {name: amount(cost) for name, cost in billed.items()}
    runs.save_periods(store, [replace(period, state="reconciled", version=max(now, period.version + 1), billed=told)])
    whole = {WHOLE: total(ours.values())}
    rows = [_row(name, cost, billed.get(name), currency) for name, cost in [*sorted(ours.items()), *whole.items()]]
    beyond = [row for row in rows if row[4] is None or abs(row[4]) > tolerance]
    notes = [_beyond(row, tolerance) for row in beyond if row[2] is not None]
    return Report(f"{date_of(month):%Y-%m} is reconciled", COLUMNS, rows, notes or ["within the tolerance"], nothing="")


def charges_by_product(store: Store, period: Period, currency: str) -> dict[str, Decimal]:
    """A month's charges by product, as the bill rounds them; corrections in it are other months'."""
    rows = store.query_rows(
        f"SELECT product, sum(rounded_cost) FROM {DATABASE}.pod_cost FINAL WHERE run = {{run:UInt32}} AND {IN_MONTH} "
        "AND entry = 0 AND currency = {currency:String} AND cost IS NOT NULL GROUP BY product ORDER BY product",
        {"run": period.active_run, "month": period.month, "after": month_after(period.month), "currency": currency},
    )
    return {product: cost or ZERO for product, cost in rows}


def _refuse(period: Period, today: date) -> None:
    if period.state == "locked":
        raise RepricingError(f"{date_of(period.month):%Y-%m} is locked; see `lynceus period unlock`")
    if month_after(period.month) > day_of(today):
        raise RepricingError(f"{date_of(period.month):%Y-%m} has not ended; reconcile it when its bill is there")


def _row(
    name: str, ours: Decimal, billed: Decimal | None, currency: str
) -> tuple[str, Decimal, Decimal | None, Decimal | None, Decimal | None, str]:
    """Both sums, and by how much ours is above the bill, absolute and in percent of the bill."""
    if billed is None:
        return name or "all", ours, None, None, None, currency
    less = CONTEXT.subtract(ours, billed)
    percent = CONTEXT.quantize(CONTEXT.divide(less * 100, billed), PERCENT) if billed else None if less else ZERO
    return name or "all", ours, billed, less, percent, currency


def _beyond(row: tuple[str, Decimal, Decimal | None, Decimal | None, Decimal | None, str], tolerance: Decimal) -> str:
    name, _, _, less, percent, currency = row
    by = f"{percent} %" if percent is not None else "of a bill of nothing"
    return (
        f"{name}: ours is {amount(less or ZERO)} {currency} ({by}) off the bill, more than {tolerance} %: look for prices, "
        "discounts and commitments that the books lack, mend them and reprice"
    )
