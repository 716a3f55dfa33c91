"""
SQL that divides the statement's lines of shared costs among rows of charges.

A line is divided by cost among the cells of cost_daily that use what it is shared by, in a fixed order. Where a report
has a column that cost_daily lacks, each cell's part is divided again among the groups of charges in it. A part is the
difference of two rounded-down amounts: what the rows up to it bear, minus what those before it bear. So parts sum to the
line exactly, and a group of neighbours in the order has the same part however finely it is divided. Without any cost all
bear alike.
"""

from collections.abc import Iterable, Sequence

from collector.catalog.bills import IS_SHARED
from collector.catalog.schema import DATABASE
from collector.reports.cost_columns import KEYS
from collector.reports.report import Span
from collector.reports.sources import OF_RUN

USE = ("department", "cluster", "product", "currency")
"""The use in a month that bears a line: by whom, where, of what."""
ORDER = tuple(key for key in KEYS if key not in USE)
"""The keys of the cells below a use, in the order in which a line is divided; the day comes first."""
MONTHS = "{0} >= toStartOfMonth({{begin:Date}}) AND {0} < addMonths(toStartOfMonth({{end:Date}} - 1), 1)"
"""Condition: a day is in the whole months that the period overlaps."""
IN_MONTHS = MONTHS.format("day")
UNITS = "greatest(ifNull(reinterpretAsInt128({0}), 0), 0)"
"""A weight: units of the 18th place; what reduces a bill bears nothing."""


LINE = "month, department, kind, what, cluster, product, currency, amount"
"""The columns that reports read of a line: one who reads a department's lines may not read all columns."""


def statement_lines(run: int, where: str = "1") -> str:
    """Returns the subquery of the lines of the months, of a pricing run or of the active one of each month (run 0)."""
    rows = f"{DATABASE}.statement_line FINAL" if run else f"{DATABASE}.statement_current"
    of_run = f"{OF_RUN} AND amount != 0 AND " if run else ""
    return f"(SELECT {LINE} FROM {rows} WHERE {of_run}{MONTHS.format('month')} AND {where})"


def divided_by(needed: Iterable[str], span: Span) -> tuple[str, ...]:
    """Returns the keys by which lines must be divided to show some columns in a period: a beginning of ORDER."""
    whole = span.begin.day == span.end.day == 1
    places = [ORDER.index(key) for key in (*needed, *(() if whole else ("day",))) if key in ORDER]
    return ORDER[: max(places, default=-1) + 1]


def parts_of_cells(cells: str, order: Sequence[str], run: int) -> str:
    """
    Returns the subquery of the parts of lines: all keys of cost_daily, and `units`, of the 18th place.

    `cells` has the charges' `sum_cost` by all keys. Keys that are not in `order` are empty. A line whose use has no
    charge stands on the month's first day.
    """
    use = ", ".join(f"`{key}`" for key in USE)
    lines = f"""
        (SELECT month, {use}, reinterpretAsInt128(sum(amount)) AS of_line, rowNumberInAllBlocks() AS id
         FROM {statement_lines(run, IS_SHARED)} GROUP BY month, {use} HAVING of_line != 0)
    """
    empty = "".join(f", '' AS `{key}`" for key in ORDER[1:] if key not in order)
    if not order:
        return f"(SELECT month AS day, {use}{empty}, of_line AS units FROM {lines})"
    own = ", ".join(f"`{key}`" for key in order)
    grouped = f"""
        (SELECT toStartOfMonth(day) AS month, {use}, {own}, sum({UNITS.format("sum_cost")}) AS weight, count() AS cells
         FROM {cells} GROUP BY month, {use}, {own})
    """
    same = " AND ".join(f"c.`{key}` = l.`{key}`" for key in ("month", *USE))
    named = ", ".join((*(f"l.`{key}` AS `{key}`" for key in USE), *(f"c.`{key}` AS `{key}`" for key in order[1:])))
    joined = f"""
        (SELECT l.id AS id, l.of_line AS of_line, {named}, if(c.cells = 0, l.month, c.day) AS day, c.weight AS weight,
                greatest(c.cells, 1) AS cells
         FROM {grouped} AS c RIGHT JOIN {lines} AS l ON {same})
    """
    return f"(SELECT {own}, {use}{empty}, units FROM {_divided(joined, own)})"


def parts_of_groups(parts: str, charges: str, extras: Sequence[str]) -> str:
    """
    Returns the subquery of parts divided again by columns that cost_daily lacks, which come in the order of division.

    `charges` has `weight` and `cells` by all keys of cost_daily and by these columns.
    """
    keys = ", ".join(f"p.`{key}` AS `{key}`" for key in KEYS)
    own = ", ".join(f"`{name}`" for name in extras)
    same = " AND ".join(f"p.`{key}` = c.`{key}`" for key in KEYS)
    joined = f"""
        (SELECT p.id AS id, p.units AS of_line, {keys}, {", ".join(f"c.`{name}` AS `{name}`" for name in extras)},
                c.weight AS weight, greatest(c.cells, 1) AS cells
         FROM (SELECT *, rowNumberInAllBlocks() AS id FROM {parts} WHERE units != 0) AS p
         LEFT JOIN {charges} AS c ON {same})
    """
    return _divided(joined, own)


def _divided(rows: str, order: str) -> str:
    """Returns the rows of a subquery with their `units` of what `of_line` has, which all rows of an `id` have in common."""
    so_far = f"(PARTITION BY id ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    summed = f"""
        SELECT *, sum(weight) OVER (PARTITION BY id) AS weights, sum(weight) OVER {so_far} AS weights_so_far,
               sum(cells) OVER (PARTITION BY id) AS all_cells, sum(cells) OVER {so_far} AS cells_so_far
        FROM {rows}
    """
    by_weight = "intDiv(toInt256(of_line) * {0}, weights)"
    by_cells = "intDiv(toInt256(of_line) * toInt256({0}), toInt256(all_cells))"
    units = (
        f"if(weights = 0, {by_cells.format('cells_so_far')} - {by_cells.format('(cells_so_far - cells)')}, "
        f"{by_weight.format('weights_so_far')} - {by_weight.format('(weights_so_far - weight)')})"
    )
    return f"(SELECT * EXCEPT (of_line, weight, cells), toInt128({units}) AS units FROM ({summed}))"
