"""
The provider's bill of a month of the past: a file in the form of Alibaba Cloud's instance bill, with planted differences.

A line for each pod of ECI and ACS, which the store writes from the charges; a few pods are billed otherwise. A few lines are
no pods of ours, and a few no pods at all.
"""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

from collector.billing.bill_import import import_bill
from collector.billing.queries import charges, run_month
from collector.bills.read import BillReading
from collector.bills.values import CHINA
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of
from collector.core.cost.pricing_runs import FIRST_RUN
from collector.core.model import Instant
from collector.core.pod.price_marks import ACS_INSTANCE, ECI_INSTANCE
from collector.core.units import DAY_MS, MINUTE_MS
from collector.settings.bill import BillRule
from collector.settings.budgets import BudgetSettings
from collector.settings.load import load_settings
from collector.settings.model import Settings
from collector.store.clickhouse import Store

SETTINGS = "settings.yaml"
ACCOUNT = "0100000000000001"
RULES = (
    BillRule(what="API servers", bill_product="slb"),
    BillRule(what="NAT gateway", bill_product="nat_gw"),
    BillRule(what="artifact storage", bill_product="oss", replaces="artifact-storage", clusters=("prod-hz",)),
)
"""Lines of `sls` fit none: they stay unexplained."""
PLANTED = {"price": 12, "discount": 12, "rounding": 30, "currency": 3, "missing": 8, "refund": 6}
"""Of how many pods that are billed by vCPU and memory the bill differs, by class."""
LONGER = 10
"""Pods that are billed by the instance, for more seconds than ours."""
WATCH_LOST_MS = 11 * DAY_MS + 130 * MINUTE_MS
"""From the month's begin to that of the half hour in which a cluster was not watched."""
WATCH_LOST_FOR_MS = 30 * MINUTE_MS
WATCH_LOST_IN = "prod-sh"


class OtherLine(NamedTuple):
    """A line about something other than a pod of the store."""

    product: str
    instance: str
    region: str
    amount: str
    item: str = ""
    minutes: int | None = None
    """From the begin of the interrupted watch to that of the use; None: the whole month's."""


OTHERS = (
    OtherLine("slb", "lb-bp1demo0hz", "cn-hangzhou", "21.60", item="InstanceRent"),
    OtherLine("slb", "lb-uf6demo0sh", "cn-shanghai", "21.60", item="InstanceRent"),
    OtherLine("slb", "lb-2zedemo0bj", "cn-beijing", "21.60", item="InstanceRent"),
    OtherLine("nat_gw", "ngw-bp1demo00", "cn-hangzhou", "38.16", item="CapacityUnit"),
    OtherLine("oss", "demo-artifacts", "cn-hangzhou", "171.28", item="Storage"),
    OtherLine("sls", "demo-logs", "cn-shanghai", "12.85", item="Index"),
    *(OtherLine("acs", f"acs-uf6unseen{i}", "cn-shanghai", f"0.{21 + i}", minutes=i) for i in range(5)),
    *(OtherLine("eci", f"eci-bp1foreign{i}", "cn-hangzhou", f"0.{47 + i}", minutes=1440 * (i + 1)) for i in range(4)),
)


def _planted() -> str:
    """Returns the SQL of a pod's class: of each kind of pods the first ones, in an order that looks like chance."""
    parts, end = [], 0
    for name, count in PLANTED.items():
        end += count
        parts.append(f"NOT by_type AND n <= {end}, '{name}'")
    return f"multiIf(NOT on_demand, '', {', '.join(parts)}, by_type AND n <= {LONGER}, 'seconds', '')"


_LINES = f"""
    SELECT ours.*, pod.instance AS instance, pod.region AS region,
        row_number() OVER (PARTITION BY on_demand, by_type ORDER BY cityHash64(pod_uid)) AS n, {_planted()} AS planted
    FROM (
        SELECT pod_uid, substring(any(c.product), 9) AS product, any(c.currency) AS currency,
            sum(ifNull(c.rounded_cost, c.cost)) AS paid, sum(ifNull(c.list_cost, c.cost)) AS listed,
            any(c.instance_type) != '' AS by_type, any(c.purchase) = 'on_demand' AS on_demand,
            sum(arraySum(m -> m.quantity, c.meters)) AS quantity, any(c.meters[1].unit_price) AS hourly
        FROM {charges("entry = 0 AND product IN ('alibaba-eci', 'alibaba-acs')")} AS c GROUP BY pod_uid
    ) AS ours INNER JOIN (
        SELECT uid, region, concat(pricing['{ECI_INSTANCE}'], pricing['{ACS_INSTANCE}']) AS instance
        FROM {DATABASE}.pod_run WHERE created_at >= toDateTime(toDate({{month:UInt16}})) - INTERVAL 2 DAY
            AND created_at < toDateTime(toDate({{after:UInt16}}))
    ) AS pod ON ours.pod_uid = pod.uid
"""


def _amount(column: str) -> str:
    """Returns the SQL of an amount with those differences that also the list amount has."""
    kinds = ("price", "seconds", "currency")
    amounts = (f"{column} * 11 / 10", f"round({column} + hourly / 4, 6)", f"round({column} * 71 / 10, 6)")
    branches = (f"planted = '{kind}', {changed}" for kind, changed in zip(kinds, amounts, strict=True))
    return f"multiIf({', '.join(branches)}, {column})"


BILL = f"""
    WITH {_amount("listed")} AS gross,
        multiIf(planted = 'discount', paid * 9 / 10, planted = 'rounding', round(paid, 4), {_amount("paid")}) AS payable
    SELECT {{cycle:String}} AS BillingCycle, '{ACCOUNT}' AS OwnerID, product AS ProductCode,
        if(refund, 'Refund', 'PayAsYouGoBill') AS Item, instance AS InstanceID, if(by_type, 'InstanceType', '') AS BillingItem,
        region AS Region, '' AS UsageStartTime, '' AS UsageEndTime, if(by_type, toString(hours), '') AS Usage,
        if(by_type, 'Hour', '') AS UsageUnit, toString(if(refund, back, gross)) AS PretaxGrossAmount,
        if(refund, '0', toString(gross - payable)) AS InvoiceDiscount, toString(if(refund, back, payable)) AS PretaxAmount,
        if(planted = 'currency', 'CNY', currency) AS Currency
    FROM (
        SELECT *, quantity + if(planted = 'seconds', 1, 0) * toDecimal128('0.25', 18) AS hours,
            arrayJoin(if(planted = 'refund', [false, true], [false])) AS refund, -round(paid / 4, 6) AS back
        FROM ({_LINES}) WHERE planted != 'missing'
    )
"""
"""Selects the columns of the file, in the order in which other lines have them."""


def bill_name(month: int) -> str:
    """The name of a month's file."""
    return f"bill-{date_of(month):%Y-%m}.csv"


def write_bill(store: Store, month: int, folder: Path) -> Path:
    """Writes the bill of a month, and returns its file."""
    path = folder / bill_name(month)
    bound = run_month(FIRST_RUN, month, cycle=f"{date_of(month):%Y-%m}")
    path.write_bytes(store.query_bytes(BILL, "CSVWithNames", bound) + _others(month).encode())
    return path


def _others(month: int) -> str:
    """The other lines as CSV."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    for line in OTHERS:
        begin = end = ""
        if line.minutes is not None:
            at = watch_lost_at(month) + line.minutes * MINUTE_MS
            begin, end = _local(at), _local(at + 10 * MINUTE_MS)
        what = (line.product, "PayAsYouGoBill", line.instance, line.item, line.region)
        amounts = (line.amount, "0", line.amount, "USD")
        lines.writerow((f"{date_of(month):%Y-%m}", ACCOUNT, *what, begin, end, "", "", *amounts))
    return text.getvalue()


def _local(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at / 1000, CHINA):%Y-%m-%d %H:%M:%S}"


def watch_lost_at(month: int) -> Instant:
    """When the interruption of a watch began."""
    return month * DAY_MS + WATCH_LOST_MS


def import_file(store: Store, path: Path, now: Instant) -> None:
    """Imports the file as `lynceus bill import` does."""
    import_bill(store, [path], BillReading(load=now), accept_bad=False, is_final=False, progress=lambda _: None)


def write_settings(folder: Path, settings: Settings) -> None:
    """Writes the settings by which commands about months find the demo's store, price books and rules."""
    rules = _changed(settings.bill.rules, BillRule(""))
    budgets = _changed(settings.budgets, BudgetSettings(""))
    prices = [str(Path(name).resolve()) if name.endswith(".yaml") else name for name in settings.prices]
    written: dict[str, Any] = {
        "data_dir": str(Path(settings.data_dir).resolve()),
        "prices": prices,
        "bill": {"rules": rules},
    }
    written |= {"budgets": budgets} if budgets else {}
    text = yaml.safe_dump(msgspec.to_builtins(written), sort_keys=False, width=120)
    (folder / SETTINGS).write_text(f"# Written by `lynceus demo` when it laid down its past.\n{text}", encoding="utf-8")


def _changed(settings: Iterable[msgspec.Struct], plain: msgspec.Struct) -> list[dict[str, Any]]:
    """What is other than in the plain form of each setting."""
    defaults = msgspec.to_builtins(plain)
    return [
        {key: value for key, value in msgspec.to_builtins(one).items() if value != defaults[key]} for one in settings
    ]


def budgets_of(folder: Path) -> tuple[BudgetSettings, ...]:
    """The budgets of a demo's settings; none where it has no past."""
    path = folder / SETTINGS
    return load_settings(path).budgets if path.exists() else ()


def rules_of(folder: Path) -> tuple[BillRule, ...]:
    """The rules of a demo's settings; none where it has no past."""
    path = folder / SETTINGS
    return load_settings(path).bill.rules if path.exists() else ()
