"""
Pricing runs and months in the store: which run is active, which is being prepared, and which number is free.
"""

from collector.billing.rows import read_facts, read_rows, write_facts
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of
from collector.core.cost.pricing_runs import FIRST_RUN, Preparing, Runs
from collector.core.facts.bills import Period
from collector.store.clickhouse import Store, StoreRows

ABANDONED_AFTER_MS = 600_000
"""A run whose preparation was not announced for this long is abandoned: nothing more is written under it."""
PREPARING = f"""
    SELECT run, toUInt16(from_day) AS from_day, toUInt16(to_day) AS to_day FROM {DATABASE}.pricing_run FINAL
    WHERE state = 'preparing' AND version + {{abandoned_after:UInt64}} > toUnixTimestamp64Milli(now64(3)) ORDER BY run
"""


class RepricingError(ValueError):
    """Months cannot be repriced, reconciled or locked as requested; the message names the reason and the remedy."""


def current_runs(store: Store) -> Runs:
    """Returns the runs under which charges must be written now."""
    rows = read_facts(store, Period, "FINAL")
    preparing = read_rows(store, Preparing, PREPARING, {"abandoned_after": ABANDONED_AFTER_MS})
    by_month = {p.month: p.late_run if p.state == "locked" else p.active_run for p in rows}
    return Runs(by_month, tuple(preparing))


def periods_of(store: StoreRows, months: list[int]) -> list[Period]:
    """Returns the rows of months; a month without a row is open, and its charges belong to the first run."""
    stored = {period.month: period for period in read_facts(store, Period, "FINAL")}
    return [stored.get(month) or default_period(month) for month in months]


def default_period(month: int) -> Period:
    """Returns the row of a month that has none yet; the collector writes the same with a month's first charge."""
    return Period(month=month, version=1, active_run=FIRST_RUN, state="open", total=None, hash="")


def refuse_locked(months: list[Period]) -> None:
    """Raises RepricingError if a month is locked."""
    if locked := [f"{date_of(p.month):%Y-%m}" for p in months if p.state == "locked"]:
        raise RepricingError(
            f"{', '.join(locked)}: locked, so the charges never change; choose other days, or see `lynceus period unlock`"
        )


def free_number(store: Store) -> int:
    """Returns the next number that no run ever had, interrupted runs included."""
    ((highest,),) = store.query_rows(
        f"SELECT max(n) FROM (SELECT max(run) AS n FROM {DATABASE}.pricing_run "
        f"UNION ALL SELECT max(run) FROM {DATABASE}.pod_cost)"
    )
    return max(int(highest), FIRST_RUN) + 1


def save_periods(store: Store, new: list[Period]) -> None:
    """Writes newer rows of months in one insert: a reader sees all of them or none."""
    write_facts(store, new)
