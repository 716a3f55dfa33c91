"""One record of a bill as a line: the provider's texts in our words."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from collector.bills import values
from collector.bills.errors import BadRowError
from collector.bills.form import COLUMNS, BillForm, LineCost, Row
from collector.core.facts.bill_lines import BillLine
from collector.core.model import Instant

OTHERS = 32
LONGEST_TEXT = 256
"""Columns without a place of their own that are kept of a line, and characters of each text."""
NOTHING = ("", "0")
"""Texts of columns that are not worth keeping."""
CURRENCY_LENGTH = 3


class LinePlace(NamedTuple):
    """Where a line stands: in its file, and in its import."""

    file: str
    row: int
    load: Instant
    ordinal: int
    account: str
    """Of bills that do not name one."""


def bill_line(row: Row, form: BillForm, cost: LineCost, place: LinePlace) -> BillLine:
    """The line of a row; BadRowError says what cannot be read."""
    instance, item, unit = row.get("instance", ""), row.get("item", ""), row.get("unit", "")
    return BillLine(
        month=values.month(row.get("month") or row.get("begin", "")),
        provider=_provider(row, form),
        account=row.get("account") or place.account,
        load=place.load,
        ordinal=place.ordinal,
        version=place.load,
        file_name=place.file,
        row=place.row,
        line_id=_bounded(row.get("line_id", "")),
        kind=cost.kind,
        instance=_bounded(instance),
        pod=row.get("part") or values.pod_named(instance),
        product=_bounded(row.get("product", "")),
        item=_bounded(item),
        meter=values.meter(item),
        region=_bounded(row.get("region", "")),
        spec=_bounded(row.get("spec", "")),
        begin=values.instant(row.get("begin", ""), form.zone),
        end=values.instant(row.get("end", ""), form.zone),
        quantity=values.money_or_none(row.get("quantity")),
        unit=unit,
        unit_seconds=values.unit_seconds(unit) or values.unit_seconds(row.get("price_unit") or item),
        list_price=values.money_or_none(row.get("list_price")),
        list_amount=cost.list_amount,
        discount=cost.discount,
        amount=cost.amount,
        currency=_currency(row, form),
        tags=values.tags(row.get("tag", "")),
        other=_other(row),
    )


def _provider(row: Row, form: BillForm) -> str:
    """Our name of the provider where the bill's begins like one that we know."""
    if form.provider:
        return form.provider
    named = row.get("provider", "").strip().casefold()
    return next((ours for word, ours in form.providers.items() if named.startswith(word)), named) or form.name


def _currency(row: Row, form: BillForm) -> str:
    """The currency that the bill names, or that its form implies."""
    named = row.get("currency", "").strip() or next((c for name, c in form.implied if name in row), "")
    if len(named) != CURRENCY_LENGTH or not named.isascii() or not named.isalpha():
        raise BadRowError(f"{named[:40]!r} is not a currency")
    return named.upper()


def _other(row: Mapping[str, str]) -> dict[str, str]:
    """Columns without a place of their own, in bounds."""
    found = {}
    for name in _others(tuple(row)):
        if (text := row[name]) not in NOTHING:
            found[name[:LONGEST_TEXT]] = text[:LONGEST_TEXT]
    return found


@lru_cache(maxsize=1024)
def _others(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in COLUMNS)[:OTHERS]


def _bounded(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT]
