"""
What speaks against locking a month: each fault in a sentence, with what removes it.

A locked month never changes again, so what is missing from it stays missing. All faults are found at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from collector.billing import reconcile
from collector.billing.bill_shared import bills_by_month
from collector.billing.reconcile import Bill
from collector.billing.shared import StatementTerms
from collector.billing.statement import stored_lines, stored_statement
from collector.billing.usage import MonthUsage, query_of, span_of
from collector.core.cost.billing_days import date_of
from collector.core.cost.meters import total
from collector.core.cost.statement import SHARED_KINDS
from collector.core.facts.bills import Period, StatementLine
from collector.prices import book
from collector.reports.completeness import gaps_of
from collector.store.clickhouse import Store

TOLERANCE = Decimal(1)
"""In percent of the provider's bill, unless the user gives another one."""


class Fault(NamedTuple):
    """What speaks against a lock, and what removes it."""

    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A month that is to be locked."""

    period: Period
    usage: MonthUsage
    terms: StatementTerms
    tolerance: Decimal


def find_faults(store: Store, of: Judged) -> list[Fault]:
    """Returns everything that speaks against locking a month."""
    return [*_gaps(store, of), *_charges(of), *_statement(store, of), *_bill(store, of)]


def refusal(month: int, faults: list[Fault]) -> str:
    """Returns the message that names all faults."""
    lines = [f"- {fault.what}; {fault.remedy}" for fault in faults]
    advice = 'or lock it as it is: --accept "REASON" keeps the reason beside each of these'
    return "\n".join([f"{date_of(month):%Y-%m} is not locked:", *lines, advice])


def shared_total(lines: list[StatementLine], currency: str) -> Decimal:
    """Sums up the shared costs of a statement in a currency."""
    return total(line.amount for line in lines if line.kind in SHARED_KINDS and line.currency == currency)


def _gaps(store: Store, of: Judged) -> Iterator[Fault]:
    for missed in gaps_of(query_of(store), span_of(of.period.month, of.terms.zone)):
        remedy = "add what the archive has with `lynceus backfill`"
        if missed.gaps:
            yield Fault(f"{missed.gaps} gaps in the watches of {missed.cluster}", remedy)
        elif missed.began_within:
            yield Fault(f"{missed.cluster} was not watched before {missed.first_watched[:16]} UTC", remedy)


def _charges(of: Judged) -> Iterator[Fault]:
    month = f"{date_of(of.period.month):%Y-%m}"
    if of.usage.unpriced:
        remedy = f"`lynceus report cost --month {month} --by product,purchase` shows which: add prices and reprice"
        yield Fault(f"{of.usage.unpriced} charges have no price", remedy)
    if of.usage.accruing:
        yield Fault(
            f"{of.usage.accruing} charges are of pods that still run", "wait for their end, or reprice the month"
        )


def _statement(store: Store, of: Judged) -> Iterator[Fault]:
    stored = stored_statement(store, of.period.month, of.period.active_run)
    if stored is None:
        yield Fault("it has no statement", "start a collector, which writes it within minutes, or reprice the month")
        return
    bills = bills_by_month(store, of.terms.bill).get(of.period.month, [])
    own = {*book.hashed_names(of.terms.books), *bills}
    if differing := sorted({name.partition(" ")[0] for name in own.symmetric_difference(stored.books)}):
        what = f"its statement was computed with other price books or bills than yours: {', '.join(differing)}"
        yield Fault(what, "lock it with the collectors' settings, or give the collectors yours")


def _bill(store: Store, of: Judged) -> Iterator[Fault]:
    """Compares the recorded bill, if there is one, with the charges and the shared costs."""
    if not of.period.billed:
        return
    currency = of.terms.books.currency
    billed = {product: Decimal(cost) for product, cost in of.period.billed.items()}
    lines = stored_lines(store, of.period.month, of.period.active_run)
    ours = reconcile.charges_by_product(store, of.period, currency)
    bill = Bill(billed=billed, shared=shared_total(lines, currency), currency=currency, tolerance=of.tolerance)
    yield from _missing(ours, billed)
    for line in reconcile.compare(dict.fromkeys(billed, Decimal(0)) | ours, bill):
        if reconcile.is_beyond(line, of.tolerance):
            remedy = "correct the prices and reprice, or record the right bill with `lynceus period reconcile`"
            yield Fault(reconcile.difference_of(line, of.tolerance), remedy)


def _missing(ours: Mapping[str, Decimal], billed: Mapping[str, Decimal]) -> Iterator[Fault]:
    if billed.keys() - {reconcile.WHOLE}:
        for product in sorted(ours.keys() - billed.keys()):
            remedy = f"record it with `lynceus period reconcile --billed {product}=AMOUNT` beside the others"
            yield Fault(f"the recorded bill has no {product}", remedy)
