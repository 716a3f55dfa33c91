"""
Money by billing day, in SQL: for the same whole days exactly what `lynceus report cost` says, to the last digit.

A day is read from the rollup cost_daily, and a day that has newer rows than the rollup from its rows: today always, and
each day that was priced again. So nothing lags, and of a month few rows are read. One statement has both, since a
panel cannot ask twice as the reports do (collector/reports/rollup_source.py).

No charge is lost or guessed: a charge without a price has the cost NULL, which no sum counts; `sum_unpriced` counts it.
"""

from collections.abc import Sequence

from collector.catalog.rollups import COST_DAILY
from dashboards.sql import chosen, during_days

# As a set, not as an array: only by a set does the store spare the rows of other days. GLOBAL: read once, by the server
# that is asked, not by each shard.
_STALE = f"(SELECT of_day FROM ({' '.join(COST_DAILY.stale().split())}))"

PLACE = ("cluster", "namespace", "department", "template")
"""Columns that a viewer may choose on dashboards of money."""


def charges(keys: Sequence[str], sums: Sequence[str], *conditions: str) -> str:
    """
    A subquery with some keys and sums of charges, to be summed up: `SELECT sum(sum_cost) FROM {charges(…)}`.

    `keys` and the conditions name key columns of cost_daily; of `sums`, `cost` is named `sum_cost`. One condition must
    bound the days. `currency` belongs to the keys wherever amounts are summed: two currencies have no sum.
    """
    where = " AND ".join(conditions)
    stored = COST_DAILY.stored(f"{where} AND day GLOBAL NOT IN {_STALE}", keys, sums)
    fresh = COST_DAILY.summed(f"{where} AND day GLOBAL IN {_STALE}", keys, sums)
    return f"({stored}\nUNION ALL\n{fresh})"


def within(zone: str, *place: str) -> tuple[str, ...]:
    """Conditions: the billing days of the chosen time, whole days each, and the chosen values of columns."""
    return (during_days(zone=zone), *(chosen(column) for column in place))


SPENT = "toFloat64(sum(sum_cost))"
"""The amount: NULL where nothing has a price. To a float at the end only, so that the sum itself is exact."""

LINES = 7
"""Names in a legend beside the one for all others."""


def by_day(*conditions: str) -> str:
    """Rows `date, name, spent`: the amount by billing day and department; the dearest departments, and the others as one."""
    return f"""
SELECT toString(day) AS date, if(place <= {LINES}, payer, concat('others ', currency)) AS name,
       toFloat64(sum(spent)) AS spent
FROM (
    SELECT day, currency, payer, spent, dense_rank() OVER (ORDER BY whole DESC, payer) AS place
    FROM (
        SELECT day, currency, concat(department, ' ', currency) AS payer, sum(sum_cost) AS spent,
               sum(sum(sum_cost)) OVER (PARTITION BY department, currency) AS whole
        FROM {charges(("day", "department", "currency"), ("cost",), *conditions)}
        GROUP BY day, department, currency
    )
    WHERE spent IS NOT NULL
)
GROUP BY date, name
ORDER BY date, min(place)
""".strip()


def by_use(*conditions: str) -> str:
    """
    Rows `date, name, spent`: what the money was for, by billing day.

    By the classes of the report, and of each the part before main containers ran as `pending`.
    """
    return f"""
SELECT toString(day) AS date, concat(tupleElement(part, 1), ' ', currency) AS name,
       toFloat64(sum(tupleElement(part, 2))) AS spent
FROM (
    SELECT day, currency,
           arrayJoin([
               (toString(class), sum(sum_cost) - ifNull(sum(sum_cost_pending), 0)), ('pending', sum(sum_cost_pending))
           ]) AS part
    FROM {charges(("day", "class", "currency"), ("cost", "cost_pending"), *conditions)}
    GROUP BY day, class, currency
)
GROUP BY date, name
HAVING spent != 0
ORDER BY date, name
""".strip()
