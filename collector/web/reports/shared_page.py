"""
The page of what a department pays of shared costs: each as a line that a person can compute again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from collector.core.cost.meters import CONTEXT
from collector.core.cost.minor_units import printed
from collector.core.units import ZERO
from collector.language.language import Language
from collector.reports.cost_figures import CURRENCY, SHARED, TO_PAY
from collector.reports.cost_rows import cost_rows
from collector.reports.cost_source import CostView
from collector.reports.month_bill import MonthPlace
from collector.reports.month_state import MonthState, month_states
from collector.reports.report import Query
from collector.reports.shared_inspect import DepartmentPart, shared_parts
from collector.web.reports import addresses
from collector.web.reports.bill_tables import alone
from collector.web.reports.statement_words import rule_words
from collector.web.reports.words import BASES, KINDS, STATES, word

FIGURES = (CURRENCY, TO_PAY, SHARED)
WEIGHT_PLACES = Decimal("0.0001")
SHARE_PLACES = 4


class PaidSum(NamedTuple):
    """What a department is to pay in one currency, and the shared part of it."""

    currency: str
    to_pay: Decimal | None
    shared: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRead:
    """What the page is made of."""

    parts: Sequence[DepartmentPart]
    sums: Sequence[PaidSum]
    state: MonthState | None
    of_all: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLine:
    """A shared cost as a line of the page."""

    kind: str
    what: str
    book: str
    rule: str
    basis: str
    where: str
    """Whose use bears it: clusters and products."""
    weight: str
    weights: str
    share: str
    whole: str
    amount: Decimal
    is_checked: bool
    """Whether whole x weight / weights is the amount, to the last place."""
    places: Sequence[tuple[str, Decimal]]
    """Where the department used it, and the part of each; empty: in one place."""


def read(query: Query, place: MonthPlace, *, of_all: bool) -> SharedRead:
    """Reads the lines, and what they are a part of."""
    view = CostView(span=place.span, columns=(), filters=place.filters)
    lines = cost_rows(query, view, FIGURES, "")
    sums = [PaidSum(*(line.figures[figure] for figure in FIGURES)) for line in lines]
    states = month_states(query, place.span)
    return SharedRead(
        parts=shared_parts(query, place.month, place.department, of_all=of_all),
        sums=sums,
        state=states[0] if states else None,
        of_all=of_all,
    )


def view(found: SharedRead, place: MonthPlace, language: Language) -> dict[str, Any]:
    """The values that the template needs."""
    currencies = sorted({*(part.currency for part in found.parts), *(one.currency for one in found.sums)})
    return {
        "api": addresses.shared(place),
        "csv": addresses.shared(place, "csv"),
        "of_all": found.of_all,
        "state": language.text(STATES[found.state.state]) if found.state else "",
        "until": found.state.complete_until if found.state else "",
        "currencies": [_of_currency(found, currency, language) for currency in currencies],
    }


def _of_currency(found: SharedRead, currency: str, language: Language) -> dict[str, Any]:
    parts = [part for part in found.parts if part.currency == currency]
    shown = printed([part.amount for part in parts], currency)
    [paid] = [one for one in found.sums if one.currency == currency] or [PaidSum(currency, None, ZERO)]
    both = [printed([amount or ZERO], currency).total for amount in (paid.to_pay, paid.shared)]
    return {
        "currency": currency,
        "lines": [_line(part, amount, language) for part, amount in zip(parts, shown.parts, strict=True)],
        "total": shown.total,
        # What is printed must add up: the report prints the other two.
        "own": CONTEXT.subtract(*both),
        "shared": both[1],
        "to_pay": both[0],
        "is_known": paid.to_pay is not None,
    }


def _line(part: DepartmentPart, amount: Decimal, language: Language) -> SharedLine:
    places = printed([place.amount for place in part.places], part.currency)
    kind = word(KINDS, part.kind, language)
    names = [", ".join(filter(None, (place.cluster, place.product))) for place in part.places]
    return SharedLine(
        kind=kind,
        what=kind if part.kind == "idle" else part.what,
        book=part.book,
        rule=rule_words(part.rule, language),
        basis=word(BASES, part.basis, language),
        where=" · ".join(filter(None, (", ".join(part.clusters), ", ".join(part.products)))),
        weight=_weight(part, part.weight, language),
        weights=_weight(part, part.weights, language) if part.weights else "",
        share="" if part.share is None else language.percent(part.share, SHARE_PLACES),
        whole="" if part.whole is None else alone(part.whole, part.currency, language),
        amount=amount,
        is_checked=bool(part.recomputed),
        places=[*zip(names, places.parts, strict=True)] if len(names) > 1 else [],
    )


def _weight(part: DepartmentPart, weight: Decimal, language: Language) -> str:
    """A weight with its unit: an amount, or a number of what the basis counts."""
    short = weight.quantize(WEIGHT_PLACES).normalize()
    text = language.number(short.quantize(Decimal(1)) if short == short.to_integral_value() else short)
    return f"{text} {part.currency}" if part.basis == "proportional" else text
