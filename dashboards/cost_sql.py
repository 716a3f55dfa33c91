"""
Rows behind the page about money. Amounts are those of `lynceus report cost` for the same whole billing days.

What the rollup holds is read by dashboards.money. Single workflows and the reasons of prices stand in rows alone, so that
they are read for a few days only: millions of pods a month would not be within a second.
"""

from collector.catalog.bills import COST_CURRENT, STATEMENT_CURRENT
from collector.catalog.rollups import COST_DAILY
from collector.catalog.schema import DATABASE
from collector.catalog.workflows import WORKFLOW_RUN
from collector.core.cost.attribution import UNALLOCATED
from dashboards import money, sql

LATEST_DAYS = 2


class Statements:
    """The statements of the page, for the billing time zone in which its days begin."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._within = money.within(zone, *money.PLACE)

    def _charges(self, *keys: str, sums: tuple[str, ...] = ("cost",)) -> str:
        return money.charges(keys, sums, *self._within)

    @staticmethod
    def _share(condition: str) -> str:
        """The share of the amount that fulfils a condition; NULL where nothing has a price."""
        return f"toFloat64(ifNull(sumIf(sum_cost, {condition}), 0)) / nullIf({money.SPENT}, 0)"

    @property
    def _latest(self) -> str:
        """Charges of the last billing days of the chosen time, as rows."""
        end = f"toDate($__toTime, '{self._zone}')"
        days = f"day BETWEEN greatest(toDate($__fromTime, '{self._zone}'), {end} - {LATEST_DAYS - 1}) AND {end}"
        return f"{sql.name(COST_CURRENT)} WHERE {' AND '.join((days, *map(sql.chosen, money.PLACE)))}"

    def spent(self) -> str:
        """The amount by currency."""
        return f"""
SELECT '' AS row, currency, {money.SPENT} AS spent
FROM {self._charges("currency")}
GROUP BY currency
ORDER BY currency
""".strip()

    def shares(self) -> str:
        """How much of the money no department pays, and how much was for nothing, in the currency where it is most."""
        return f"""
SELECT max(unallocated) AS unallocated, max(not_useful) AS not_useful
FROM (
    SELECT {self._share(f"department = '{UNALLOCATED}'")} AS unallocated,
           {self._share("class != 'useful'")} AS not_useful
    FROM {self._charges("currency", "department", "class")}
    GROUP BY currency
)
""".strip()

    def unpriced(self) -> str:
        """Charges that are in no sum."""
        return f"SELECT sum(sum_unpriced) AS unpriced FROM {self._charges('currency', sums=('unpriced',))}"

    def month(self) -> str:
        """
        The calendar month in which the chosen time ends: its cost so far, and what it will be.

        The forecast is that each day to come costs what a whole day of the month did on average. Today is not yet a whole day,
        nor is the first day of a store that is not older than the month. A month that is over is its own forecast.
        """
        begin, today = f"toStartOfMonth(toDate($__toTime, '{self._zone}'))", f"toDate(now(), '{self._zone}')"
        days = f"day BETWEEN {begin} - 1 AND toLastDayOfMonth({begin})"
        place = map(sql.chosen, money.PLACE)
        return f"""
SELECT '' AS row, concat(tupleElement(part, 1), ' ', currency) AS what, tupleElement(part, 2) AS amount
FROM (
    SELECT currency, sumIf(spent, day >= {begin}) AS paid, {today} AS today, toLastDayOfMonth({begin}) AS last,
           toFloat64(sumIf(spent, day >= since AND day < today)) / nullIf(greatest(today - any(since), 0), 0) AS mean,
           toFloat64(sumIf(spent, day = today)) AS so_far,
           arrayJoin([
               ('to date', toFloat64(paid)),
               ('forecast', if(today > last, toFloat64(paid),
                               toFloat64(paid) + greatest(mean - so_far, 0) + mean * (last - today)))
           ]) AS part
    FROM (
        SELECT currency, day, sum(sum_cost) AS spent,
               if(min(day) OVER () < {begin}, {begin}, min(day) OVER () + 1) AS since
        FROM {money.charges(("day", "currency"), ("cost",), days, *place)}
        GROUP BY currency, day
    )
    GROUP BY currency
)
ORDER BY what DESC
""".strip()

    def by_day(self) -> str:
        """The amount by billing day and department."""
        return money.by_day(*self._within)

    def to_pay(self) -> str:
        """The statement of the months that the chosen time overlaps: what departments pay, by kind of line."""
        first, last = (f"toStartOfMonth(toDate({time}, '{self._zone}'))" for time in ("$__fromTime", "$__toTime"))
        return f"""
SELECT payer, kind, toFloat64(spent) AS amount
FROM (
    SELECT concat(department, ' ', currency) AS payer, kind, sum(amount) AS spent,
           sum(sum(amount)) OVER (PARTITION BY department, currency) AS of_payer
    FROM {sql.name(STATEMENT_CURRENT)}
    WHERE month BETWEEN {first} AND {last} AND {sql.chosen("department")}
    GROUP BY department, currency, kind
)
ORDER BY of_payer DESC, payer, kind
LIMIT 100
""".strip()

    def by_use(self) -> str:
        """What the money was for, by billing day."""
        return money.by_use(*self._within)

    def templates(self) -> str:
        """The dearest templates; of all attempts' cost, each success has its part."""
        succeeded = (
            f"SELECT sipHash64(uid) FROM {sql.name(WORKFLOW_RUN)} WHERE outcome = 'succeeded' "
            f"AND finished_at >= toDateTime64(toDate($__fromTime, '{self._zone}'), 3, '{self._zone}') AND {sql.recent()}"
        )
        return f"""
SELECT template, {money.SPENT} AS spent, currency, sum(sum_pods) AS pods, uniqExactArray(sum_workflows) AS runs,
       uniqExactArray(arrayFilter(uid -> uid IN ({succeeded}), sum_workflows)) AS successes,
       spent / nullIf(successes, 0) AS each,
       {self._share("class != 'useful'")} AS wasted, sum(sum_unpriced) AS unpriced
FROM {self._charges("template", "class", "currency", sums=("cost", "pods", "workflows", "unpriced"))}
GROUP BY template, currency
ORDER BY spent DESC NULLS LAST, template
LIMIT 50
""".strip()

    def workflows(self) -> str:
        """The dearest workflows of the last days."""
        return f"""
SELECT workflow_name, cluster, namespace, department, toFloat64(sum(cost)) AS spent, currency,
       uniqExact(pod_uid) AS pods, workflow_uid AS uid, {sql.life("min(created_at)", "max(billed_to)")}
FROM {self._latest}
GROUP BY workflow_name, cluster, namespace, department, currency, uid
ORDER BY spent DESC NULLS LAST, uid
LIMIT 30
""".strip()

    def pending(self) -> str:
        """What was paid before main containers ran, by template."""
        return f"""
SELECT template, toFloat64(sum(sum_cost_pending)) AS pending, currency,
       pending / nullIf({money.SPENT}, 0) AS share, pending / nullIf(sum(sum_pods), 0) AS each
FROM {self._charges("template", "currency", sums=("cost", "cost_pending", "pods"))}
GROUP BY template, currency
HAVING pending > 0
ORDER BY pending DESC, template
LIMIT 30
""".strip()

    def shapes(self) -> str:
        """The amount by product and purchase option."""
        return f"""
SELECT '' AS row, concat(product, ' ', purchase, ' ', currency) AS what, {money.SPENT} AS spent
FROM {self._charges("product", "purchase", "currency")}
GROUP BY product, purchase, currency
HAVING spent > 0
ORDER BY spent DESC, what
LIMIT 12
""".strip()

    def guesses(self) -> str:
        """Charges of the last days without a price, or with one that is not sure, and why."""
        return f"""
SELECT if(cost IS NULL, 'no price', 'a guess') AS lacks, product, purchase, rule, count() AS charges,
       toFloat64(sum(cost)) AS spent, currency
FROM {self._latest} AND (cost IS NULL OR confidence = 'low')
GROUP BY lacks, product, purchase, rule, currency
ORDER BY lacks DESC, charges DESC, product, rule
LIMIT 50
""".strip()

    def values(self, column: str, *parents: str) -> str:
        """Values of a variable: those of the chosen days and of the variables before it."""
        where = " AND ".join(money.within(self._zone, *parents))
        return f"""
SELECT DISTINCT {column} FROM {DATABASE}.{COST_DAILY.name}
WHERE {where}
ORDER BY {column}
LIMIT 1000
""".strip()
