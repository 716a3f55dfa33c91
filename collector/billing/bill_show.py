"""Reports the provider's bill of a month: what of it is pods, shared and unexplained, and why it differs from the charges."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from heapq import nlargest
from typing import NamedTuple

from collector.billing import bill_match, runs
from collector.billing.bill_classes import CLASSES, classes
from collector.billing.bill_import import imports, is_provisional, provisional_until
from collector.billing.bill_match import FateSum, PodOnBill
from collector.core.cost.billing_days import date_of
from collector.core.cost.meters import CONTEXT, total
from collector.core.facts.bill_lines import BillImport
from collector.core.units import ZERO
from collector.reports.report import Report, ReportError
from collector.settings.bill import BillRule
from collector.store.clickhouse import StoreRows

LARGEST = 10
PARTS = ("part", "lines", "amount", "currency")
DIFFERENCES = ("why", "pods", "bill - ours", "currency")
PODS = ("why", "workflow", "pod", "bill - ours", "currency")
UNEXPLAINED = ("product", "kind", "lines", "amount", "currency")
FATES = ("matched", "shared", "unexplained")


class PodDifference(NamedTuple):
    """One part of a pod's difference."""

    size: Decimal
    name: str
    pod: PodOnBill
    part: Decimal
    currency: str


class BillDifferences(NamedTuple):
    """All differences of a month's bill from the charges, and the largest of them."""

    pods: dict[tuple[str, str], int]
    """By class and currency."""
    sums: dict[tuple[str, str], Decimal]
    largest: list[PodDifference]


def show(store: StoreRows, month: int, rules: Sequence[BillRule]) -> Report:
    """Reports a month's imported bills beside its charges."""
    bills = imports(store, month)
    if not bills:
        raise ReportError(f"no bill of {date_of(month):%Y-%m} is imported; see `lynceus bill import`")
    [period] = runs.periods_of(store, [month])
    parts = bill_match.bill_parts(store, month, rules)
    found = differences(bill_match.pods_that_differ(store, month, period.active_run, rules))
    for missed in bill_match.unseen(store, month, rules):
        key = (missed.name, missed.currency)
        found.pods[key], found.sums[key] = missed.pods, missed.amount
    title = f"Bill of {date_of(month):%Y-%m}: {', '.join(sorted({bill.provider for bill in bills}))}"
    tables = [_differences(found), _largest(found.largest), _unexplained(parts, rules)]
    return Report(title, PARTS, _parts(parts), _notes(bills, found), nothing="", parts=tables)


def differences(pods: Iterable[PodOnBill]) -> BillDifferences:
    """Classes the differences of pods, and keeps the largest."""
    counted: dict[tuple[str, str], int] = defaultdict(int)
    sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    largest: list[PodDifference] = []
    for pod in pods:
        for name, currency, part in classes(pod):
            counted[name, currency] += 1
            sums[name, currency] = CONTEXT.add(sums[name, currency], part)
            largest.append(PodDifference(abs(part), name, pod, part, currency))
        if len(largest) > 100 * LARGEST:
            largest = _top(largest)
    return BillDifferences(counted, sums, _top(largest))


def _top(found: list[PodDifference]) -> list[PodDifference]:
    return nlargest(LARGEST, found, key=lambda one: (one.size, one.pod.pod_uid))


def _parts(parts: Sequence[FateSum]) -> list[tuple[object, ...]]:
    """Matched, shared and unexplained lines of each currency, and their total, which is the bill's."""
    rows: list[tuple[object, ...]] = []
    for currency in sorted({part.currency for part in parts}):
        own = [part for part in parts if part.currency == currency]
        for fate in FATES:
            of_fate = [part for part in own if part.fate == fate]
            rows.append((fate, sum(part.lines for part in of_fate), total(part.amount for part in of_fate), currency))
        rows.append(("bill", sum(part.lines for part in own), total(part.amount for part in own), currency))
    return rows


def _differences(found: BillDifferences) -> Report:
    order = {name: i for i, name in enumerate(CLASSES)}
    keys = sorted(found.sums, key=lambda key: (order[key[0]], key[1]))
    rows: list[tuple[object, ...]] = [(key[0], found.pods[key], found.sums[key], key[1]) for key in keys]
    return Report("Differences from the charges", DIFFERENCES, rows)


def _largest(found: Sequence[PodDifference]) -> Report:
    rows: list[tuple[object, ...]] = [
        (one.name, one.pod.workflow or "—", one.pod.pod_uid, one.part, one.currency) for one in found
    ]
    return Report("Largest differences", PODS, rows, rates=frozenset({"bill - ours"}))


def _unexplained(parts: Sequence[FateSum], rules: Sequence[BillRule]) -> Report:
    rows: list[tuple[object, ...]] = [
        (part.name or "—", part.kind, part.lines, part.amount, part.currency)
        for part in parts
        if part.fate == "unexplained"
    ]
    notes = [] if rules or not rows else ["rules in `bill.rules` of the settings turn such lines into shared costs"]
    return Report("Unexplained, by product", UNEXPLAINED, rows, notes)


def _notes(bills: Sequence[BillImport], found: BillDifferences) -> list[str]:
    notes = [f"{bill.provider} {bill.account}: {note}" for bill in bills for note in bill.notes]
    notes += [f"{bill.provider} {bill.account}: {provisional_until(bill)}" for bill in bills if is_provisional(bill)]
    return notes + [f"{name}: {words}" for name, words in CLASSES.items() if any(key[0] == name for key in found.sums)]
