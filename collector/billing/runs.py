"""
Pricing runs and months as the store has them: which is active, which is being prepared, and which number is free.
"""

from collector.billing.rows import read_facts, write_facts
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of
from collector.core.cost.pricing_runs import FIRST_RUN, Preparing, Runs
from collector.core.facts.bills import Period
from collector.store.clickhouse import Store

ABANDONED_AFTER_MS = 600_000
"""A run whose preparer has not been heard of for so long is abandoned: nobody writes it any more."""


class RepricingError(ValueError):
    """Repricing or locking that cannot be done as asked; says why and what to do."""


def current_runs(store: Store) -> Runs:
    """Under which runs charges are to be written now."""
    rows = read_facts(store, Period, "FINAL")
    preparing = store.query_rows(
        f"SELECT run, toUInt16(from_day), toUInt16(to_day) FROM {DATABASE}.pricing_run FINAL "
        "WHERE state = 'preparing' AND version + {fresh:UInt64} > toUnixTimestamp64Milli(now64(3)) ORDER BY run",
        {"fresh": ABANDONED_AFTER_MS},
    )
    by_month = {p.month: p.late_run if p.state == "locked" else p.active_run for p in rows}
    return Runs(by_month, tuple(Preparing(*row) for row in preparing))


def periods_of(store: Store, months: list[int]) -> list[Period]:
    """The months' rows; a month that has none is open, its charges are those of the first run."""
    there = {period.month: period for period in read_facts(store, Period, "FINAL")}
    return [there.get(month) or default_period(month) for month in months]


def default_period(month: int) -> Period:
    """What holds of a month that no row tells of; the collector's first charge of a month says the same."""
    return Period(month=month, version=1, active_run=FIRST_RUN, state="open", total=None, hash="")


def refuse_locked(months: list[Period]) -> None:
    """A locked month keeps its charges."""
    if locked := [f"{date_of(p.month):%Y-%m}" for p in months if p.state == "locked"]:
        raise RepricingError(
            f"{', '.join(locked)}: locked, its charges never change; choose other days, or see `lynceus period unlock`"
        )


def free_number(store: Store) -> int:
    """The next number that no run ever had, not even one that was cut short."""
    ((taken,),) = store.query_rows(
        f"SELECT max(n) FROM (SELECT max(run) AS n FROM {DATABASE}.pricing_run "
        f"UNION ALL SELECT max(run) FROM {DATABASE}.pod_cost)"
    )
    return max(int(taken), FIRST_RUN) + 1


def save_periods(store: Store, new: list[Period]) -> None:
    """Newer rows of months, in one insert: a reader sees all of them or none."""
    write_facts(store, new)
