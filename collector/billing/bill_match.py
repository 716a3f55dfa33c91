"""
Which lines of a month's bill are pods, which are shared by rule, and which are explained by neither: SQL over the store.

Each line has exactly one fate, so the bill is the sum of the three. A line is matched if what names its pod names one pod of
the store: the instance id that the provider put on the pod, its uid, or `namespace-name`. Any other line is shared by the
first rule that fits; what fits none is unexplained.
"""

import hashlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from collector.billing.queries import charges, run_month
from collector.catalog.schema import DATABASE
from collector.core.cost.statement import SharedCost
from collector.core.cost.statement_notes import BILL_RULE
from collector.core.facts.bill_lines import BillImport
from collector.core.units import ZERO
from collector.reports.pod_bill import CREATED_BEFORE_DAYS, KEYS
from collector.settings.bill import BillRule
from collector.store.clickhouse import StoreRows

FATES = "FATES"
"""In place of the lines with their fates, which depend on the rules."""
LINES = f"""(
    SELECT * FROM {DATABASE}.bill_line FINAL WHERE month = toDate({{month:UInt16}}) AND (provider, account, load) GLOBAL IN (
        SELECT provider, account, version FROM {DATABASE}.bill_import FINAL WHERE month = toDate({{month:UInt16}}))
)"""
"""The lines of the bills that count."""
PODS = f"""(
    SELECT key, any(uid) AS pod_uid FROM (
        SELECT uid, arrayJoin({KEYS}) AS key FROM {DATABASE}.pod_run FINAL
        WHERE created_at >= toDateTime(toDate({{month:UInt16}})) - INTERVAL {CREATED_BEFORE_DAYS} DAY
          AND created_at < toDateTime(toDate({{after:UInt16}})) + INTERVAL 1 DAY
    )
    WHERE key GLOBAL IN (SELECT pod FROM {LINES} WHERE pod != '') GROUP BY key HAVING uniqExact(uid) = 1
)"""
"""What names a pod on the bill, and its uid; a name of several pods names none."""
CHARGED = f"""(
    SELECT pod_uid, any(c.cluster) AS cluster, any(c.namespace) AS namespace, any(c.workflow_name) AS workflow,
        any(c.product) AS product, any(c.currency) AS currency, countIf(c.cost IS NULL) AS unpriced, sum(c.cost) AS cost,
        sum(ifNull(c.rounded_cost, c.cost)) AS to_pay, sum(ifNull(c.list_cost, c.cost)) AS list_cost,
        sumMap(arrayMap(m -> m.meter, c.meters), arrayMap(
            m -> multiplyDecimal(m.quantity, toDecimal128(if(endsWith(m.unit, 'Hours'), 3600, 1), 0), 18), c.meters)
        ) AS quantity,
        sumMap(arrayMap(m -> m.meter, c.meters), arrayMap(m -> m.cost, c.meters)) AS costs
    FROM {charges("entry = 0")} AS c GROUP BY pod_uid
)"""
"""What each pod was charged for a month."""
_PLACES = "length(splitByChar('.', toString(f.amount))[2])"
_METERED = "f.kind = 'usage' AND f.meter != '' AND f.unit_seconds > 0 AND f.quantity IS NOT NULL"
ON_BILL = f"""(
    SELECT f.pod_uid AS pod_uid, f.currency AS currency, count() AS lines,
        sumIf(f.amount, f.kind = 'usage') AS used, sumIf(f.amount, f.kind = 'refund') AS refunded,
        sumIf(f.amount, f.kind = 'rounding') AS rounded, sumIf(f.amount, f.kind NOT IN ('usage', 'refund', 'rounding')) AS rest,
        countIf(f.kind = 'usage' AND f.list_amount IS NULL) AS unlisted,
        sumIf(ifNull(f.list_amount, 0), f.kind = 'usage') AS listed,
        sumMap(if({_METERED}, [f.meter], []), if({_METERED},
            [multiplyDecimal(assumeNotNull(f.quantity), toDecimal128(f.unit_seconds, 0), 18)], [])) AS quantity,
        max({_PLACES}) AS places
    FROM {FATES} AS f WHERE f.fate = 'matched' GROUP BY pod_uid, currency
)"""
"""What each pod costs on the bill."""
PARTS = f"""
    SELECT currency, fate, if(fate = 'shared', toString(rule), product) AS name, kind, count(), sum(amount)
    FROM {FATES} GROUP BY currency, fate, name, kind ORDER BY currency, fate, name, kind
"""


DIFFERENT = f"""
    SELECT if(ours.pod_uid != '', ours.pod_uid, billed.pod_uid), ours.cluster, ours.namespace, ours.workflow, ours.product,
        ours.currency, ours.unpriced, ifNull(ours.cost, 0), ifNull(ours.to_pay, 0), ifNull(ours.list_cost, 0), ours.quantity,
        ours.costs, billed.currency, billed.lines, billed.used, billed.refunded, billed.rounded, billed.rest, billed.unlisted,
        billed.listed, billed.quantity, billed.places
    FROM {CHARGED} AS ours FULL OUTER JOIN {ON_BILL} AS billed ON ours.pod_uid = billed.pod_uid
    WHERE if(billed.lines > 0,
        ours.currency != billed.currency OR ours.unpriced > 0 OR billed.refunded != 0
            OR billed.used + billed.refunded + billed.rounded + billed.rest != ifNull(ours.to_pay, 0),
        ifNull(ours.to_pay, 0) != 0 AND splitByChar('-', ours.product)[1] GLOBAL IN (
            SELECT provider FROM {DATABASE}.bill_import FINAL WHERE month = toDate({{month:UInt16}})))
"""
"""Selects the fields of PodOnBill, in their order. A product is named like its provider: alibaba-eci, aws-fargate-eks."""
UNKNOWN = "not a workflow's"
UNSEEN = f"""
    WITH (SELECT groupArray((from_at, to_at)) FROM {DATABASE}.watch_gap FINAL
        WHERE to_at > toDateTime(toDate({{month:UInt16}})) AND from_at < toDateTime(toDate({{after:UInt16}}))) AS gaps
    SELECT if(arrayExists(gap -> gap.1 < ifNull(end, toDateTime64(toDate({{after:UInt16}}), 3))
            AND gap.2 > ifNull(begin, toDateTime64(toDate({{month:UInt16}}), 3)), gaps),
            'unseen', {{unknown:String}}) AS class,
        currency, uniqExact(pod), sum(amount)
    FROM {FATES} WHERE fate = 'unexplained' AND pod != '' GROUP BY class, currency ORDER BY class, currency
"""
"""Selects the fields of Unseen. A line without a time may be of any time of the month."""


class FateSum(NamedTuple):
    """Lines of one currency, fate, product or rule, and kind."""

    currency: str
    fate: str
    """matched, shared, unexplained."""
    name: str
    """The bill's product; of shared lines the number of the rule, from 1."""
    kind: str
    lines: int
    amount: Decimal


class PodOnBill(msgspec.Struct, frozen=True, kw_only=True):
    """A pod's charges of a month beside its lines; an empty currency: it has none of them."""

    pod_uid: str
    cluster: str = ""
    namespace: str = ""
    workflow: str = ""
    product: str = ""
    currency: str = ""
    unpriced: int = 0
    cost: Decimal = ZERO
    to_pay: Decimal = ZERO
    list_cost: Decimal = ZERO
    quantity: dict[str, Decimal] = {}
    """Charged, by meter, in seconds of its unit."""
    costs: dict[str, Decimal] = {}
    billed_currency: str = ""
    lines: int = 0
    used: Decimal = ZERO
    refunded: Decimal = ZERO
    rounded: Decimal = ZERO
    rest: Decimal = ZERO
    """Credits, adjustments, taxes of the pod's own lines."""
    unlisted: int = 0
    """Lines without a list amount."""
    listed: Decimal = ZERO
    billed_quantity: dict[str, Decimal] = {}
    places: int = 0
    """Decimal places of the bill's amounts."""


class Unseen(NamedTuple):
    """Lines that name a pod which the store does not have."""

    name: str
    """`unseen` if a watch was interrupted then, else `not a workflow's`."""
    currency: str
    pods: int
    amount: Decimal


def fates(rules: Sequence[BillRule]) -> tuple[str, dict[str, Any]]:
    """Returns the subquery of lines with their fate, pod and rule, and what the rules bind."""
    bound: dict[str, Any] = {}
    conditions = [_condition(i, rule, bound) for i, rule in enumerate(rules, 1)]
    numbered = "".join(f"{condition}, {i}, " for i, condition in enumerate(conditions, 1))
    rule = f"toUInt32(multiIf({numbered}0))" if rules else "toUInt32(0)"
    sql = f"""(
        SELECT line.*, ifNull(pods.pod_uid, '') AS pod_uid, if(pod_uid = '', {rule}, 0) AS rule,
            multiIf(pod_uid != '', 'matched', rule > 0, 'shared', 'unexplained') AS fate
        FROM {LINES} AS line LEFT JOIN {PODS} AS pods ON line.pod = pods.key
    )"""
    return sql, bound


def _condition(number: int, rule: BillRule, bound: dict[str, Any]) -> str:
    """Returns the condition under which a rule fits a line."""
    parts: list[str] = []
    for column in ("provider", "account", "product", "item", "instance", "kind"):
        wanted = getattr(rule, f"bill_{column}")
        if wanted:
            name = f"rule_{number}_{column}"
            bound[name] = wanted.removesuffix("*")
            test = "startsWith({0}, {{{1}:String}})" if wanted.endswith("*") else "{0} = {{{1}:String}}"
            parts.append(test.format(f"line.{column}", name))
    for i, (key, value) in enumerate(rule.bill_tags.items()):
        bound |= {f"rule_{number}_key_{i}": key, f"rule_{number}_tag_{i}": value}
        parts.append(f"line.tags[{{rule_{number}_key_{i}:String}}] = {{rule_{number}_tag_{i}:String}}")
    return f"({' AND '.join(parts)})"


def bill_parts(store: StoreRows, month: int, rules: Sequence[BillRule]) -> list[FateSum]:
    """Sums up the bill of a month by fate: together they are the bill."""
    sql, bound = fates(rules)
    rows = store.query_rows(PARTS.replace(FATES, sql), {**run_month(0, month), **bound})
    return [FateSum(*row) for row in rows]


def pods_that_differ(store: StoreRows, month: int, run: int, rules: Sequence[BillRule]) -> Iterator[PodOnBill]:
    """
    Yields the pods whose lines and charges are not the same amount.

    A pod without lines is among them only if a bill of its product's provider is imported.
    """
    sql, bound = fates(rules)
    bound |= run_month(run, month)
    for row in store.query_stream(DIFFERENT.replace(FATES, sql), bound):
        values = dict(zip(PodOnBill.__struct_fields__, row, strict=True))
        maps = {name: dict(zip(*values[name], strict=True)) for name in ("quantity", "costs", "billed_quantity")}
        yield PodOnBill(**{**values, **maps})


def unseen(store: StoreRows, month: int, rules: Sequence[BillRule]) -> list[Unseen]:
    """Sums up the unexplained lines that name a pod, by whether a collector can have missed it."""
    sql, bound = fates(rules)
    bound |= run_month(0, month, unknown=UNKNOWN)
    return [Unseen(*row) for row in store.query_rows(UNSEEN.replace(FATES, sql), bound)]


def bill_names(bills: Sequence[BillImport], rules: Sequence[BillRule]) -> list[str]:
    """Names of a month's imported bills, each with what would change the shared costs: its import and the rules."""
    hashed = hashlib.sha256(msgspec.json.encode(list(rules))).hexdigest()[:16]
    return [f"bill {bill.provider} {bill.account}".rstrip() + f"@{bill.version} {hashed}" for bill in bills]


def shared_of_bill(parts: Sequence[FateSum], rules: Sequence[BillRule]) -> list[SharedCost]:
    """The lines that rules share, as shared costs."""
    sums: dict[tuple[int, str], Decimal] = {}
    for part in parts:
        if part.fate == "shared":
            key = (int(part.name), part.currency)
            sums[key] = sums.get(key, Decimal(0)) + part.amount
    return [
        SharedCost(
            kind="bill",
            what=rules[number - 1].what,
            book="bill",
            rule=BILL_RULE.format(number=number),
            amount=cost,
            currency=currency,
            basis=rules[number - 1].basis,
            metric=rules[number - 1].metric,
            clusters=rules[number - 1].clusters,
            product=rules[number - 1].product,
            shares=rules[number - 1].shares,
        )
        for (number, currency), cost in sums.items()
    ]
