"""
Rows of a cost report by several columns at once, read in one statement.

Each grouping has the rows that `report cost --by` has for its column, to the last digit: shared costs are divided in one order,
so that the parts of a finer division sum to those of a coarser one.
"""

from collections.abc import Mapping, Sequence

from collector.reports.cost_figures import Figure, sums_of
from collector.reports.cost_rows import CostLine, shown_column
from collector.reports.cost_source import CostView, cost_source
from collector.reports.report import Query

ALL = ""
"""The name of the grouping that has everything in one row for each currency."""


def grouped_rows(
    query: Query, view: CostView, figures: Sequence[Figure], *, keys: Sequence[str] = (), shared: bool = True
) -> Mapping[str, list[CostLine]]:
    """Reads the rows of each column of a view, the largest amount to pay first, and those of everything (ALL)."""
    source, bound = cost_source(query, view, sums_of(figures), keys=["currency", *keys], shared=shared)
    names = [f"k{place}" for place in range(len(view.columns))]
    chosen = "".join(f", {shown_column(name)} AS `k{place}`" for place, name in enumerate(view.columns))
    sets = ", ".join(("(currency)", *(f"(currency, `{name}`)" for name in names)))
    grouped = ", ".join(f"grouping(`{name}`), `{name}`" for name in names)
    sql = f"""
        SELECT {grouped}, {", ".join(figure.sql for figure in figures)}
        FROM (SELECT *{chosen} FROM {source})
        GROUP BY GROUPING SETS ({sets})
    """
    found: dict[str, list[CostLine]] = {name: [] for name in (ALL, *view.columns)}
    for row in query(sql, bound):
        flags, values = row[: 2 * len(names) : 2], row[1 : 2 * len(names) : 2]
        line = dict(zip(figures, row[2 * len(names) :], strict=True))
        places = [place for place, flag in enumerate(flags) if not flag]
        name = view.columns[places[0]] if places else ALL
        found[name].append(CostLine(keys=tuple(values[place] for place in places), figures=line))
    return found
