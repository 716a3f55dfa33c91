"""Shared costs of the provider's bill: its lines that name no pod and that a rule takes, and the typed fees they replace."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from collector.billing.bill_import import imports, is_provisional, provisional_until
from collector.billing.bill_match import bill_names, bill_parts, shared_of_bill
from collector.core.cost.billing_days import date_of
from collector.core.cost.statement import SharedCost
from collector.core.cost.statement_notes import BILL_WITHOUT_RATE
from collector.core.model import Instant
from collector.prices.lookup import Books, convert
from collector.settings.bill import BillRule
from collector.store.clickhouse import Store


class BillShared(NamedTuple):
    """What a month's imported bills add to its shared costs."""

    costs: list[SharedCost]
    replaced: Mapping[str, str]
    """Fees that are on the bill, by id: the cost that replaces each."""
    notes: list[str]
    names: list[str]
    """Of the bills, with what their shared costs depend on."""


def bill_shared(store: Store, month: int, rules: Sequence[BillRule], books: Books, at: Instant) -> BillShared:
    """Computes the shared costs of a month's bills, in the currency of the books at the rate of an instant."""
    bills = imports(store, month)
    notes = [
        f"bill of {bill.provider} {bill.account}: {provisional_until(bill)}" for bill in bills if is_provisional(bill)
    ]
    names = bill_names(bills, rules)
    if not bills or not rules:
        return BillShared([], {}, notes, names)
    book = f"bill {', '.join(sorted({bill.provider for bill in bills}))} {date_of(month):%Y-%m}"
    costs: dict[str, list[SharedCost]] = {}
    for cost in shared_of_bill(bill_parts(store, month, rules), rules):
        rate, named = books.exchange_rate(cost.currency, at, set())
        if rate is None:
            currencies = f"{cost.currency}/{books.currency}"
            notes.append(BILL_WITHOUT_RATE.format(currencies=currencies, what=cost.what))
        else:
            rule = f"{cost.rule}; {named}" if named else cost.rule
            own = replace(cost, book=book, rule=rule, amount=convert(cost.amount, rate), currency=books.currency)
            costs.setdefault(cost.what, []).append(own)
    replaced = {rule.replaces: rule.what for rule in rules if rule.replaces and rule.what in costs}
    return BillShared([cost for listed in costs.values() for cost in listed], replaced, notes, names)


def bills_by_month(store: Store, rules: Sequence[BillRule]) -> dict[int, list[str]]:
    """Names of all imported bills by month, with what their shared costs depend on."""
    bills = imports(store)
    return {month: bill_names([b for b in bills if b.month == month], rules) for month in {b.month for b in bills}}


def billed_amounts(store: Store, month: int, rules: Sequence[BillRule], currency: str) -> dict[str, Decimal]:
    """The bill of a month in a currency, by fate."""
    sums: dict[str, Decimal] = {}
    for part in bill_parts(store, month, rules):
        if part.currency == currency:
            sums[part.fate] = sums.get(part.fate, Decimal(0)) + part.amount
    return sums
