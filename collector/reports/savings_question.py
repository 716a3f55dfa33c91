"""
The question what a fixed pool of nodes would have cost, in the words in which somebody asks it.
"""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from collector.core.cost.billing_days import date_of, day_of, midnight, month_after, month_of
from collector.core.model import Instant
from collector.core.objects.quantity import parse_quantity
from collector.core.savings.pool import PoolNode, PoolWindow
from collector.core.units import HOUR_MS
from collector.prices.lookup import Books
from collector.prices.pool_nodes import NodeWish, Per, PoolNodeError, pool_node
from collector.prices.schema import parse_money
from collector.reports import savings
from collector.reports.filters import parse_filters
from collector.reports.past_pods import CHOSEN_BY, selection
from collector.reports.questions import AskedPeriod, Question
from collector.reports.report import ReportError, Span

LARGEST = 10**9


class AskedNode(NamedTuple):
    """The pool's node that somebody asks for; empty: by the price books."""

    type: str = ""
    size: str = ""
    gpus: str = ""
    price: str = ""
    per: Per = "hour"


class SavingsTerms(NamedTuple):
    """What the question is answered with beside the store."""

    books: Books
    currency: str
    """Of the bill."""
    now: Instant


def ask_savings(
    period: AskedPeriod, where: Iterable[str], node: AskedNode, *, wait_s: int, terms: SavingsTerms
) -> Question:
    """Asks what a fixed pool would have cost, and what was saved by spot and lost by sizes."""
    span = period.span()
    window = window_of(span, terms.now)
    wish = NodeWish(node.type, node.size, parse_amount(node.gpus, "--node-gpus"), _money(node.price), node.per)
    pool = _node(terms.books, wish, span, window)
    filters = parse_filters(where, CHOSEN_BY)
    question = savings.PoolQuestion(pool, wait_s * 1000, filters)
    chosen = selection(window, terms.currency, filters)
    return lambda query: savings.savings(query, span, chosen, question, terms.books)


def window_of(span: Span, now: Instant) -> PoolWindow:
    """The time of a period that has passed."""
    zone = ZoneInfo(span.zone)
    begin, end = (midnight(day, zone) for day in (span.begin, span.end))
    if begin >= now:
        raise ReportError(f"{span} has not begun; choose a month that has with --month, or days with --from and --to")
    return PoolWindow(begin, min(end, now))


def parse_amount(number: str, option: str) -> Decimal:
    """The number of an option, like 2, 0.25 or 250m; empty is 0."""
    value = parse_quantity(number) if number else Decimal(0)
    if value is None or value > LARGEST:
        raise ReportError(f"{option}: invalid amount {number!r}, expected a number like 2, 0.25 or 250m")
    return value.normalize()


def _node(books: Books, wish: NodeWish, span: Span, window: PoolWindow) -> PoolNode:
    try:
        return pool_node(books, wish, window.begin, _hours_of_month(span))
    except PoolNodeError as error:
        raise ReportError(str(error)) from None


def _hours_of_month(span: Span) -> Fraction:
    """Hours of the month in which a period begins."""
    first, zone = month_of(day_of(span.begin)), ZoneInfo(span.zone)
    begin, end = (midnight(date_of(month), zone) for month in (first, month_after(first)))
    return Fraction(end - begin, HOUR_MS)


def _money(price: str) -> Decimal | None:
    try:
        return parse_money(price) if price else None
    except ValueError as error:
        raise ReportError(f"--node-price: {error}") from None
