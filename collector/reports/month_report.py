"""
A month's bill for its page, of all departments or of one: each figure is the one that `lynceus report cost` prints.

`report cost --month M --where department=D` has what is to pay, its parts and the breakdowns; `--compare` has why it is more.
One statement reads all breakdowns of the month, and one the days of the month before.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from collector.catalog.bills import IS_SHARED
from collector.catalog.schema import DATABASE
from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.meters import total
from collector.core.units import ZERO
from collector.reports.completeness import gaps_of
from collector.reports.cost_figures import (
    ACCRUING,
    CLASSES,
    CURRENCY,
    EXACT,
    PODS,
    SHARED,
    SPENT_ON,
    TO_PAY,
    UNPRICED,
    WASTE,
    Figure,
)
from collector.reports.cost_groupings import ALL, grouped_rows
from collector.reports.cost_rows import CostLine, cost_rows
from collector.reports.cost_source import CostView
from collector.reports.filters import condition
from collector.reports.month_bill import (
    BREAKDOWNS,
    DEPARTMENT,
    WASTED,
    AmountsBefore,
    BillRow,
    MonthAmounts,
    MonthPlace,
    MonthReport,
    SharedItem,
    WastePart,
)
from collector.reports.month_difference import AmountDifference, read_difference
from collector.reports.month_state import FIRST_RUN, MonthState, month_states
from collector.reports.report import Query, Span
from collector.reports.shared_parts import statement_lines
from collector.reports.sources import parameters

DAY = "day"
BY_TITLE: Mapping[str, Figure] = {figure.title: figure for figure in SPENT_ON}
FIGURES = tuple(dict.fromkeys((TO_PAY, EXACT, *SPENT_ON, PODS, UNPRICED, ACCRUING, WASTE)))
MONTHS = f"""
    SELECT DISTINCT toStartOfMonth(day) AS month FROM {DATABASE}.cost_daily WHERE {{where}} ORDER BY month DESC LIMIT 120
"""
ITEMS = f"""
    SELECT currency, kind, what, cluster, product, basis, rule, sum(weight), sum(amount) AS part
    FROM {DATABASE}.statement_current WHERE month = {{begin:Date}} AND {IS_SHARED} AND {{where}}
    GROUP BY currency, kind, what, cluster, product, basis, rule HAVING part != 0
    ORDER BY part DESC, kind, what, cluster, product LIMIT 500
"""


def read_month_report(query: Query, place: MonthPlace, *, of_all: bool = True, why: bool = True) -> MonthReport:
    """
    Reads a month's bill.

    `of_all`: whether the reader sees all departments, and so what belongs to none. `why` reads the difference from the month
    before too, which takes far longer than the rest, since only charges have what it is made of.
    """
    view = CostView(span=place.span, columns=_columns(place), filters=place.filters)
    shared = _has_shared(query, place)
    read = _Read(
        place=place,
        rows=grouped_rows(query, view, FIGURES, keys=["class", DAY], shared=shared),
        before=_days(query, place),
        items=_items(query, place) if shared else {},
        differences={one.currency: one for one in read_why(query, place)} if why else {},
        of_all=of_all,
    )
    amounts = [_amounts(read, line.figures[CURRENCY]) for line in read.rows[ALL]]
    return MonthReport(
        place=place,
        state=_state(query, place),
        gaps=tuple(gaps_of(query, place.span)),
        amounts=tuple(sorted(amounts, key=lambda one: (-(one.to_pay or ZERO), one.currency))),
        months=_months(query, place),
    )


def read_why(query: Query, place: MonthPlace) -> tuple[AmountDifference, ...]:
    """Reads why the month costs more or less than the one before, for each currency; nothing where no day has ended."""
    return read_difference(query, place.compared, place.filters) if place.compared else ()


def _columns(place: MonthPlace) -> tuple[str, ...]:
    return (DAY, *BREAKDOWNS) if place.department else (DAY, DEPARTMENT, *BREAKDOWNS)


def _has_shared(query: Query, place: MonthPlace) -> bool:
    bound = parameters(place.span)
    return bool(query(f"SELECT count() FROM {statement_lines(0, IS_SHARED)}", bound)[0][0])


def _days(query: Query, place: MonthPlace) -> Mapping[str, Mapping[date, Decimal]]:
    """Reads what was to pay on each day of the month before, by currency."""
    view = CostView(span=place.before, columns=(DAY,), filters=place.filters)
    found: dict[str, dict[date, Decimal]] = {}
    for line in cost_rows(query, view, (TO_PAY, CURRENCY), ""):
        if line.figures[TO_PAY] is not None:
            found.setdefault(line.figures[CURRENCY], {})[line.keys[0]] = line.figures[TO_PAY]
    return found


def _items(query: Query, place: MonthPlace) -> Mapping[str, list[SharedItem]]:
    """Reads the lines of shared costs, by currency."""
    chosen = condition(place.filters, lambda name: f"`{name}`")
    found: dict[str, list[SharedItem]] = {}
    for currency, kind, what, cluster, product, basis, rule, weight, amount in query(
        ITEMS.replace("{where}", chosen.sql), parameters(place.span) | chosen.parameters
    ):
        item = SharedItem(
            kind=kind,
            what=what,
            cluster=cluster,
            product=product,
            basis=basis,
            rule=rule,
            weight=weight,
            amount=amount,
        )
        found.setdefault(currency, []).append(item)
    return found


def _state(query: Query, place: MonthPlace) -> MonthState:
    states = month_states(query, place.span)
    return states[0] if states else MonthState(place.month, "estimate", FIRST_RUN)


def _months(query: Query, place: MonthPlace) -> tuple[date, ...]:
    """Reads which months have a bill; the one that is shown and the present one are among them."""
    chosen = condition(place.filters, lambda name: f"`{name}`")
    known = {month for (month,) in query(MONTHS.replace("{where}", chosen.sql), chosen.parameters)}
    return tuple(sorted({*known, place.month, place.today.replace(day=1)}, reverse=True))


class _Read(NamedTuple):
    """What was read of a month, by currency where it has one."""

    place: MonthPlace
    rows: Mapping[str, Sequence[CostLine]]
    before: Mapping[str, Mapping[date, Decimal]]
    items: Mapping[str, Sequence[SharedItem]]
    differences: Mapping[str, AmountDifference]
    of_all: bool


def _amounts(read: _Read, currency: str) -> MonthAmounts:
    place = read.place
    own = {name: [line for line in lines if line.figures[CURRENCY] == currency] for name, lines in read.rows.items()}
    figures = own[ALL][0].figures
    days = {line.keys[0]: line.figures[TO_PAY] for line in own[DAY] if line.figures[TO_PAY] is not None}
    breakdowns = {name: _bill_rows(own[name]) for name in own if name not in (ALL, DAY)}
    return MonthAmounts(
        currency=currency,
        to_pay=figures[TO_PAY],
        exact=figures[EXACT],
        shared=figures[SHARED],
        rounding=figures[BY_TITLE["rounding"]],
        spent_on={name: figures[BY_TITLE[name]] for name in (*CLASSES, "pending")},
        waste=figures[WASTE],
        pods=figures[PODS],
        unpriced=figures[UNPRICED],
        accruing=figures[ACCRUING],
        days=dict(sorted(days.items())),
        by_ended_days=_within(days, place.compared[1]) if place.compared else None,
        before=_before(place, read.before[currency]) if currency in read.before else None,
        breakdowns=breakdowns,
        wasted=tuple(_wasted(breakdowns["template"])),
        shared_items=tuple(read.items.get(currency, ())),
        unallocated=_unallocated(breakdowns) if read.of_all and not place.department else None,
        difference=read.differences.get(currency),
    )


def _within(days: Mapping[date, Decimal], span: Span) -> Decimal:
    return total(amount for day, amount in days.items() if span.begin <= day < span.end)


def _before(place: MonthPlace, days: Mapping[date, Decimal]) -> AmountsBefore:
    return AmountsBefore(
        to_pay=total(days.values()),
        by_same_day=_within(days, place.compared[0]) if place.compared else None,
        days=dict(sorted(days.items())),
    )


def _bill_rows(lines: Sequence[CostLine]) -> tuple[BillRow, ...]:
    found = [
        BillRow(
            name=str(line.keys[0]),
            to_pay=line.figures[TO_PAY],
            shared=line.figures[SHARED],
            waste=line.figures[WASTE],
            wasted={name: line.figures[BY_TITLE[name]] for name in WASTED},
            pods=line.figures[PODS],
            unpriced=line.figures[UNPRICED],
        )
        for line in lines
    ]
    return tuple(sorted(found, key=lambda row: (row.to_pay is None, -(row.to_pay or ZERO), row.name)))


def _wasted(templates: Sequence[BillRow]) -> list[WastePart]:
    """Returns what was lost for each reason, and the template with most of it."""
    found = list[WastePart]()
    for name in WASTED:
        if amount := total(row.wasted[name] for row in templates):
            most = max(templates, key=lambda row: (row.wasted[name], row.name))
            found.append(WastePart(money_class=name, amount=amount, template=most.name, of_template=most.wasted[name]))
    return sorted(found, key=lambda part: -part.amount)


def _unallocated(breakdowns: Mapping[str, Sequence[BillRow]]) -> Decimal:
    return total(row.to_pay or ZERO for row in breakdowns[DEPARTMENT] if row.name == UNALLOCATED)
