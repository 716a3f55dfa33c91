"""
The lines of the provider's bill that are some pods: those that `lynceus bill show` counts as matched to them.

A line is a pod's if what names the pod on the bill names one pod of the store: the instance id that the provider put on the
pod, its uid, or `namespace-name`. The provider's bill is for readers of everything.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of, day_of, month_after, month_of
from collector.core.cost.meters import total
from collector.core.facts.bills import PodRun
from collector.core.pod.price_marks import ACS_INSTANCE, ECI_INSTANCE
from collector.core.units import DAY_MS
from collector.reports.report import Query

CREATED_BEFORE_DAYS = 92
"""Pods that are older than this before their month's first day are in no line of it, but for refunds that come later."""
KEYS = f"[uid, pricing['{ECI_INSTANCE}'], pricing['{ACS_INSTANCE}'], lower(concat(namespace, '-', name))]"
"""What may name a pod on the bill."""
COUNTING = f"""
    SELECT month, provider, account, version FROM {DATABASE}.bill_import FINAL WHERE month IN {{months:Array(Date)}}
"""
"""The imports that count."""
LINES = f"""
    SELECT month, pod, provider, product, item, kind, instance, spec, quantity, unit, list_amount, amount, currency,
        file_name, row
    FROM {DATABASE}.bill_line
    WHERE month IN {{months:Array(Date)}} AND has({{keys:Array(String)}}, pod)
      AND (month, provider, account, load) GLOBAL IN ({COUNTING})
    ORDER BY month, provider, account, ordinal, version DESC LIMIT 1 BY month, provider, account, load, ordinal
"""
ONE_POD = f"""
    SELECT key FROM (
        SELECT uid, arrayJoin({KEYS}) AS key FROM {DATABASE}.pod_run
        WHERE created_at >= toDateTime({{month:Date}}) - INTERVAL {CREATED_BEFORE_DAYS} DAY
          AND created_at < toDateTime({{after:Date}}) + INTERVAL 1 DAY AND hasAny({KEYS}, {{keys:Array(String)}})
    )
    WHERE has({{keys:Array(String)}}, key) GROUP BY key HAVING uniqExact(uid) = 1
"""
"""Of keys on the bill of a month those that name one pod."""


class PodBillLine(NamedTuple):
    """A line of the provider's bill."""

    month: date
    pod: str
    """What names the pod."""
    provider: str
    product: str
    item: str
    kind: str
    instance: str
    spec: str
    quantity: Decimal | None
    unit: str
    list_amount: Decimal | None
    amount: Decimal
    currency: str
    file_name: str
    row: int


class BilledSum(NamedTuple):
    """What the lines of a pod sum up to, in one currency."""

    currency: str
    amount: Decimal
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PodsOnBills:
    """What imported bills have of some pods."""

    months: tuple[date, ...]
    """Months in which the pods may be billed and whose bill was imported."""
    lines: Mapping[str, Sequence[PodBillLine]] = field(default_factory=dict)
    """By the pod's uid."""

    def sums(self, pod_uid: str) -> list[BilledSum]:
        """What the bill has of a pod."""
        by_currency: dict[str, list[Decimal]] = {}
        for line in self.lines.get(pod_uid, ()):
            by_currency.setdefault(line.currency, []).append(line.amount)
        return [BilledSum(currency, total(some), len(some)) for currency, some in sorted(by_currency.items())]


NO_BILL = PodsOnBills(months=())


def keys_of(pod: PodRun) -> list[str]:
    """What may name a pod on a bill: KEYS in Python."""
    named = (pod.uid, pod.pricing.get(ECI_INSTANCE, ""), pod.pricing.get(ACS_INSTANCE, ""))
    return [key for key in (*named, f"{pod.namespace}-{pod.name}".lower()) if key]


def pods_on_bills(query: Query, pods: Sequence[PodRun], *, lines: bool = True) -> PodsOnBills:
    """
    Reads for which months a bill was imported, and the lines of pods on it; for readers of everything.

    To see whether a line's pod is its only one, the pods of months are read: without `lines` they are not.
    """
    months = _months(pods)
    imported = sorted({row[0] for row in query(COUNTING, {"months": months})}) if months else []
    if not imported or not lines:
        return PodsOnBills(months=tuple(imported))
    owners = {key: pod.uid for pod in pods for key in keys_of(pod)}
    billed = [PodBillLine(*row) for row in query(LINES, {"months": imported, "keys": sorted(owners)})]
    found: dict[str, list[PodBillLine]] = {}
    for month in sorted({line.month for line in billed}):
        of_month = [line for line in billed if line.month == month]
        sole = _sole(query, month, {line.pod for line in of_month})
        for line in of_month:
            if line.pod in sole:
                found.setdefault(owners[line.pod], []).append(line)
    return PodsOnBills(months=tuple(imported), lines=found)


def _sole(query: Query, month: date, keys: Collection[str]) -> set[str]:
    after = date_of(month_after(day_of(month)))
    return {key for (key,) in query(ONE_POD, {"month": month, "after": after, "keys": sorted(keys)})}


def _months(pods: Iterable[PodRun]) -> list[date]:
    """The months on whose bills the pods may be: from that of the first creation on, for as long as lines are matched."""
    created = [pod.created_at // DAY_MS for pod in pods]
    if not created:
        return []
    months, month = list[date](), month_of(min(created) - 1)
    while month <= month_of(max(created) + CREATED_BEFORE_DAYS):
        months.append(date_of(month))
        month = month_after(month)
    return months
