"""
Prices that a bill states, as a price book that extends a shipped one: of pods that the books have no price for, or of all.

Prices are those before discounts, of each second or hour that lines of pods state; a spot price is what was paid. Where a
month has several prices of one kind, the one with the largest quantity counts and a note says so. The file is checked like
any other price book before it gets its name.
"""

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import yaml

from collector.billing import runs
from collector.billing.bill_import import imports
from collector.billing.bill_match import FATES, fates
from collector.billing.queries import charges, run_month
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of, midnight
from collector.core.cost.meters import CONTEXT, PLACES
from collector.core.facts.bill_lines import BillImport
from collector.core.model import Instant
from collector.prices import book, market
from collector.reports.report import Report, ReportError
from collector.store.clickhouse import Store

GPU_MODEL = "alibabacloud.com/gpu-model-series"
COLUMNS = ("product", "region", "class", "purchase", "type", "meter", "price", "per", "currency", "pods")
PER = {1: "second", 3600: "hour"}
MOST = 100_000
"""Prices of one bill; spot prices by the hour are the most."""
CHARGED_AS = f"""(
    SELECT pod_uid, any(c.product) AS product, any(c.region) AS region, any(c.price_class) AS class,
        any(c.purchase) AS purchase, any(c.instance_type) AS instance_type, max(c.cost IS NULL) AS unpriced,
        min(c.billed_from) AS begin, any(p.zone) AS zone, any(p.gpu_model) AS gpu_model
    FROM {charges("entry = 0")} AS c LEFT JOIN (
        SELECT uid, any(zone) AS zone, any(pricing['{GPU_MODEL}']) AS gpu_model FROM {DATABASE}.pod_run FINAL
        WHERE uid GLOBAL IN (SELECT pod_uid FROM {FATES} WHERE fate = 'matched') GROUP BY uid
    ) AS p ON c.pod_uid = p.uid
    GROUP BY pod_uid
)"""
"""How each pod of a month is charged."""
LEARN = f"""
    SELECT product, region, class, purchase, type, zone, meter, currency, unit_seconds, hour, price,
        uniqExact(pod_uid) AS pods, sum(seconds) AS quantity
    FROM (
        SELECT c.product AS product, c.region AS region, c.class AS class, c.purchase AS purchase,
            if(f.meter = '' AND c.instance_type != '', 'instance_type', f.meter) AS meter,
            multiIf(meter = 'instance_type', c.instance_type, meter = 'gpu', c.gpu_model, '') AS type,
            if(purchase = 'spot', c.zone, '') AS zone, f.currency AS currency, f.unit_seconds AS unit_seconds,
            if(purchase = 'spot', toInt64(toUnixTimestamp(toStartOfHour(c.begin))) * 1000, 0) AS hour, c.pod_uid AS pod_uid,
            assumeNotNull(f.quantity) AS used, multiplyDecimal(used, toDecimal128(f.unit_seconds, 0), 18) AS seconds,
            ifNull(if(purchase = 'spot', f.amount, f.list_amount), toDecimal128(0, 18)) AS cost,
            ifNull(f.list_price, toDecimal128(0, 18)) AS stated, multiplyDecimal(stated, used, 18) AS so_much,
            if(purchase != 'spot' AND abs(so_much - cost) * 100 <= cost, stated, divideDecimal(cost, used, 18)) AS price
        FROM {FATES} AS f INNER JOIN {CHARGED_AS} AS c ON f.pod_uid = c.pod_uid
        WHERE f.fate = 'matched' AND f.kind = 'usage' AND f.unit_seconds IN (1, 3600) AND ifNull(f.quantity, 0) > 0
            AND (c.unpriced OR {{every:Bool}})
    )
    WHERE meter != '' AND cost > 0 GROUP BY ALL
    ORDER BY product, region, class, purchase, type, zone, meter, currency, hour, quantity DESC, price LIMIT {MOST}
"""
"""Selects the fields of Learned, in their order; of one kind of price the most used first. A stated price must agree."""


class Learned(NamedTuple):
    """A price that lines of pods state."""

    product: str
    region: str
    price_class: str
    purchase: str
    type: str
    zone: str
    meter: str
    currency: str
    unit_seconds: int
    hour: Instant
    """Of spot prices; 0: of the month."""
    price: Decimal
    pods: int
    quantity: Decimal

    @property
    def key(self) -> tuple[object, ...]:
        """What has one price."""
        return (*self[:8], self.hour)


class Origin(NamedTuple):
    """Where prices were learned."""

    bills: Sequence[BillImport]
    month: int
    zone: ZoneInfo


class LearnTerms(NamedTuple):
    """Which prices to learn."""

    product: str
    """Empty: the only one."""
    every: bool
    """Also of pods that have a price."""
    force: bool
    """Replace the file."""
    zone: ZoneInfo
    """The billing time zone, in which the month begins."""


def learn(store: Store, month: int, terms: LearnTerms, out: Path) -> Report:
    """Writes the prices that the bill of a month states to a file, and reports them."""
    bills = imports(store, month)
    if not bills:
        raise ReportError(f"no bill of {date_of(month):%Y-%m} is imported; see `lynceus bill import`")
    if out.suffix not in (".yaml", ".yml"):
        raise ReportError(f"--out {out}: must end in .yaml, as `prices` of the settings wants it")
    if out.exists() and not terms.force:
        raise ReportError(f"--out {out}: exists; choose another name, or add --force")
    [period] = runs.periods_of(store, [month])
    sql, bound = fates(())
    bound |= run_month(period.active_run, month, every=terms.every)
    rows = [Learned(*row) for row in store.query_rows(LEARN.replace(FATES, sql), bound)]
    product, chosen = _of_product(rows, terms.product)
    prices = list({row.key: row for row in reversed(chosen)}.values())[::-1]
    _write(out, _book(prices, Origin(bills, month, terms.zone), out), _series(prices))
    notes = [f"add it to `prices` and run `lynceus reprice --from {date_of(month)}`"]
    if more := len(chosen) - len(prices):
        notes.append(f"{more} other prices of the same kind were on the bill for less usage; they are not in the file")
    return Report(f"Prices of {product} learned from the bill of {date_of(month):%Y-%m}", COLUMNS, _rows(prices), notes)


def _of_product(rows: Sequence[Learned], product: str) -> tuple[str, list[Learned]]:
    """The prices of one product in one currency, since a book has one of each."""
    found = sorted({row.product for row in rows})
    if not found:
        raise ReportError("the bill states no prices of pods that have none; --all learns those of every pod")
    if product and product not in found:
        raise ReportError(f"--product {product}: the bill states prices of {', '.join(found)}")
    if not product and len(found) > 1:
        raise ReportError(f"the bill states prices of {', '.join(found)}; choose one with --product")
    chosen = product or found[0]
    own = [row for row in rows if row.product == chosen]
    return chosen, [row for row in own if row.currency == own[0].currency]


def _book(prices: Sequence[Learned], origin: Origin, out: Path) -> str:
    """The text of the price book."""
    product, month = prices[0].product, f"{date_of(origin.month):%Y-%m}"
    begin = datetime.fromtimestamp(midnight(date_of(origin.month), origin.zone) / 1000, origin.zone).isoformat()
    read = datetime.fromtimestamp(max(bill.version for bill in origin.bills) / 1000, origin.zone)
    named = ", ".join(f"{bill.provider} {bill.account}".rstrip() for bill in origin.bills)
    same = {"from": begin, "source": "bill", "read": f"{read:%F}"}
    rows: dict[tuple[object, ...], dict[str, str]] = {}
    for price in prices:
        if not price.hour:
            kind = {"region": price.region or "*", "class": price.price_class, "purchase": price.purchase}
            kind |= {"type": price.type} if price.type else {}
            per = PER[price.unit_seconds]
            row = rows.setdefault((*kind.values(), price.type, per), {**kind, "per": per, **same})
            row[price.meter] = _text(price.price)
    body: dict[str, Any] = {
        "id": f"{product}-{month}",
        "version": month.replace("-", "."),
        "extends": product,
        "currency": prices[0].currency,
        "sources": {"bill": f"bill of {named} for {month}, by lynceus prices learn"},
    }
    if rows:
        body["prices"] = list(rows.values())
    if any(price.hour for price in prices):
        body["market"] = {"series": [_series_path(out).name]}
    return yaml.safe_dump(body, allow_unicode=True, sort_keys=False, width=120)


def _series(prices: Iterable[Learned]) -> str:
    """The spot prices as CSV, per hour; empty: there are none."""
    out = io.StringIO()
    writer = csv.writer(out)
    points: dict[tuple[str, str, str], str] = {}
    for price in prices:
        if price.hour and price.meter == "instance_type":
            time = f"{datetime.fromtimestamp(price.hour / 1000, UTC):%FT%TZ}"
            hourly = CONTEXT.divide(CONTEXT.multiply(price.price, Decimal(3600)), Decimal(price.unit_seconds))
            points.setdefault((price.type, price.zone, time), _text(CONTEXT.quantize(hourly, PLACES)))
    if points:
        writer.writerow(market.HEADER)
        writer.writerows([*key, hourly] for key, hourly in points.items())
    return out.getvalue()


def _series_path(out: Path) -> Path:
    return out.with_suffix(".csv")


def _write(out: Path, text: str, series: str) -> None:
    """Writes the files under their names once the book passes its checks."""
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".learn-") as name:
        folder = Path(name)
        (folder / out.name).write_text(text, encoding="utf-8")
        if series:
            _series_path(folder / out.name).write_text(series, encoding="utf-8")
        book.read(out.name, folder)
        if series:
            os.replace(_series_path(folder / out.name), _series_path(out))
        os.replace(folder / out.name, out)


def _text(price: Decimal) -> str:
    return f"{price.normalize(CONTEXT):f}"


def _rows(prices: Sequence[Learned]) -> list[tuple[object, ...]]:
    return [
        (
            row.product,
            row.region,
            row.price_class,
            row.purchase,
            row.type or None,
            row.meter,
            _text(row.price),
            PER[row.unit_seconds],
            row.currency,
            row.pods,
        )
        for row in prices
    ]
