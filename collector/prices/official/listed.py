"""
What an official price list says, in the words of a price book: prices, fees, spot prices, and what was skipped and why.

The module of each provider reads its own format into these. Amounts come from the text of a file and never pass a float.
"""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, TypeVar

import msgspec

from collector.core.cost.meters import CONTEXT, PLACES, MeterName
from collector.core.cost.product import Confidence
from collector.prices.book_yaml import BookError
from collector.prices.schema import CURRENCIES, parse_money

T = TypeVar("T")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{1,60}", re.ASCII)
_AT_BYTE = re.compile(r" \((byte \d+)\)$")


class ListPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The price of one meter in one region, from a day on."""

    region: str
    meter: MeterName
    amount: Decimal
    begin: str
    """Empty: the list does not say."""
    end: str = ""
    per: Literal["second", "hour"] = "hour"
    price_class: str = "general-purpose"
    purchase: str = "on_demand"
    type: str = ""
    confidence: Confidence = "high"


class ListFee(msgspec.Struct, frozen=True, kw_only=True):
    """A fee of each cluster in one region, from a day on; `id` is that of the shipped book's fee."""

    id: str
    region: str
    amount: Decimal
    begin: str


class SpotPrice(msgspec.Struct, frozen=True):
    """Market price of an instance type in a zone, for an hour."""

    instance_type: str
    zone: str
    amount: Decimal


class PriceList(msgspec.Struct, kw_only=True):
    """One file of prices, all of one product and in one currency."""

    path: str
    product: str
    title: str
    """What the file is, with its version or date: the `source` of its prices."""
    currency: str = ""
    prices: list[ListPrice] = []
    fees: list[ListFee] = []
    spot: list[SpotPrice] = []
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    """How many prices of the file are not imported, by the reason."""
    notes: list[str] = []
    unfinished: bool = False
    """Whether the file names a next page."""

    def add(self, price: ListPrice | ListFee, currency: str, place: str) -> None:
        """Add a price, or count why it is skipped; BookError if the file has two currencies."""
        if not price.amount:
            self.skipped["with a price of 0"] += 1
        elif not _REGION.fullmatch(price.region):
            self.skipped["without a region"] += 1
        else:
            self.set_currency(currency, place)
            if isinstance(price, ListFee):
                self.fees.append(price)
            else:
                self.prices.append(price)

    def set_currency(self, currency: str, place: str) -> None:
        """Note the currency of a price; BookError if it is unknown, or the file has two."""
        if currency not in CURRENCIES:
            known = ", ".join(sorted(CURRENCIES))
            raise BookError(self.path, place, f"the currency {currency[:20]!r} is unknown; use one of {known}")
        if self.currency and currency != self.currency:
            remedy = f"is in {currency}, but other prices are in {self.currency}; import each currency apart"
            raise BookError(self.path, place, remedy)
        self.currency = currency


def decode(text: bytes | msgspec.Raw, form: type[T], path: str, place: str = "") -> T:
    """Decode JSON; BookError names the place of what is malformed or missing."""
    try:
        return msgspec.json.decode(text, type=form)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        raise BookError(path, (place + where.rstrip("`")).removeprefix(".") or "top", message) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        at = _AT_BYTE.search(str(error))
        remedy = f"{_AT_BYTE.sub('', str(error))}; the file is damaged or incomplete, download it again"
        raise BookError(path, place or (at[1] if at else "file"), remedy) from None
    except RecursionError:
        raise BookError(path, place or "file", "is nested too deeply for a price list") from None


def list_money(text: str | Decimal, path: str, place: str) -> Decimal:
    """Parse an amount exactly; BookError if it is not an amount of money that a book can hold."""
    try:
        return parse_money(text if isinstance(text, str) else _written(text)).normalize(CONTEXT)
    except ValueError as error:
        raise BookError(path, place, str(error)) from None


def _written(number: Decimal) -> str:
    """A number without an exponent; as it is if that would take very many digits."""
    return f"{number.normalize():f}" if abs(number.adjusted()) < 40 else str(number)


def list_day(text: str, path: str, place: str) -> str:
    """Format a moment of a list as a book does: a day, or an instant if it is not midnight UTC."""
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        raise BookError(path, place, f"invalid date {text[:40]!r}, expected one like 2026-11-01T00:00:00Z") from None
    return f"{moment:%Y-%m-%d}" if f"{moment:%H%M%S}" == "000000" else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def one_of(amount: Decimal, count: int) -> Decimal | None:
    """The price of one of `count` units; None if it does not end within 18 places."""
    if not count:
        return None
    one = CONTEXT.quantize(CONTEXT.divide(amount, Decimal(count)), PLACES).normalize(CONTEXT)
    return one if CONTEXT.multiply(one, Decimal(count)) == amount else None


def regions_of(lists: Iterable[PriceList]) -> list[str]:
    """All regions with a price."""
    return sorted({price.region for listed in lists for price in listed.prices})
