"""
Prints price quotes, and reports the price books in force.
"""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from rich.console import Console

from collector.core.facts.bills import Meter
from collector.prices.book import shipped_ids
from collector.prices.lookup import UNCONFIRMED, Books
from collector.prices.official.downloads import how_to_import
from collector.prices.quote import Quote
from collector.prices.schema import Book, Dated, Fee, PriceRow
from collector.reports.render import print_report
from collector.reports.report import Report, ReportError, amount


def print_quote(quote: Quote, output_format: str, console: Console) -> None:
    """Prints a quote: a line for each meter, and the sum; JSON has amounts as strings, and its fields are public."""
    if quote.cost is None:
        size = quote.spec.instance_type or f"{_plain(quote.spec.vcpu)}-{_plain(quote.spec.memory_gib)}Gi"
        where = f"{quote.spec.region or 'any region'}, {quote.spec.price_class}, {quote.spec.purchase}"
        raise ReportError(f"{quote.spec.product} {size} ({where}): no price: {quote.missing}{_remedy(quote)}")
    if output_format == "json":
        console.file.write(msgspec.json.format(msgspec.json.encode(quote_fields(quote)), indent=2).decode() + "\n")
        return
    rows: list[tuple[object, ...]] = [
        (m.meter, _plain(m.quantity), m.unit, f"{m.unit_price:f}", amount(m.cost)) for m in quote.meters
    ]
    rows.append(("total", "", "", "", amount(quote.cost)))
    if quote.rounded_cost is not None and quote.rounded_cost != quote.cost:
        rows.append(("as billed", "", "", "", amount(quote.rounded_cost)))
    title = f"{quote.spec.product} {quote.spec.region}, {quote.seconds} s, {quote.rates.currency}"
    read = f"; source read on {quote.rates.read}" if quote.rates.read else ""
    notes = [f"book {quote.rates.book}, rule {quote.rates.rule}{read}"]
    print_report(Report(title, ("meter", "quantity", "unit", "unit price", "cost"), rows, notes), "table", console)


def _remedy(quote: Quote) -> str:
    """How the region gets the price that it lacks: by an earlier begin, or by the list of its provider."""
    lacks = quote.missing.startswith("no_") and quote.missing.endswith("_price")
    if lacks and quote.rates.until is not None:
        day = f"{datetime.fromtimestamp(quote.rates.until / 1000, UTC):%F}"
        return f"; it has one from {day} on, and `--from DAY` of `lynceus prices import` lets a list begin earlier"
    how = how_to_import(quote.spec.product, quote.spec.region) if lacks else ""
    return f"; {how}" if how else ""


def quote_fields(quote: Quote) -> dict[str, object]:
    """Returns the quote as plain values."""
    spec = quote.spec
    return {
        "product": spec.product,
        "region": spec.region,
        "zone": spec.zone,
        "purchase": spec.purchase,
        "class": spec.price_class,
        "billed_vcpu": _plain(spec.vcpu),
        "billed_memory_gib": _plain(spec.memory_gib),
        "billed_ephemeral_gib": _plain(spec.ephemeral_gib),
        "gpu": _plain(spec.gpu),
        "instance_type": spec.instance_type,
        "billed_seconds": quote.seconds,
        "currency": quote.rates.currency,
        "cost": _money(quote.cost),
        "list_cost": _money(quote.list_cost),
        "rounded_cost": _money(quote.rounded_cost),
        "price_book": quote.rates.book,
        "rule": quote.rates.rule,
        "read": quote.rates.read,
        "spec_source": spec.source,
        "confidence": "low" if "low" in (spec.confidence, quote.rates.confidence) else "high",
        "meters": [_line(m) for m in quote.meters],
    }


def _line(meter: Meter) -> dict[str, str]:
    return {
        "meter": meter.meter,
        "quantity": _plain(meter.quantity),
        "unit": meter.unit,
        "unit_price": f"{meter.unit_price:f}",
        "cost": amount(meter.cost),
    }


def _plain(value: Decimal) -> str:
    """Formats a number without an exponent or trailing zeros."""
    return f"{value.normalize():f}"


def _money(value: Decimal | None) -> str:
    """Formats an amount; empty if it is unknown."""
    return "" if value is None else amount(value)


def book_summary(name: str, book: Book) -> str:
    """Summarises a valid book for `prices check`."""
    kinds = ("prices", "nodes", "discounts", "commitments", "fees", "exchange")
    counts = ", ".join(f"{len(rows)} {kind}" for kind in kinds if (rows := getattr(book, kind)))
    return f"{name}: {book.name}, {counts or 'no prices'}, {len(book.oracles)} oracles hold"


def list_books(books: Books) -> Report:
    """Reports the price books in force, one row each."""
    rows: list[tuple[object, ...]] = [_book_row(book, books) for book in books.files()]
    unused = sorted({*shipped_ids()} - {book.id for book in books.files()})
    notes = [
        f"amounts are in {books.currency}",
        *([f"shipped, but not in force: {', '.join(unused)}"] if unused else []),
    ]
    columns = ("book", "product", "currencies", "prices", "unconfirmed", "from", "to", "read", "sources")
    return Report("Price books in force", columns, rows, notes)


def list_prices(books: Books) -> Report:
    """Reports each price and each fee of the books in force, with its evidence."""
    columns = ("book", "rule", "currency", "per", "prices", "from", "to", "read", "source", "confirmed by")
    rows = [
        row
        for book in books.files()
        for row in (*(_price_row(book, p) for p in book.prices), *(_fee_row(book, f) for f in book.fees))
    ]
    return Report(
        "Prices in force", columns, rows, [f"{UNCONFIRMED}: an estimate, or a price that no independent source states"]
    )


def _price_row(book: Book, row: PriceRow) -> tuple[object, ...]:
    rule = "/".join(filter(None, (row.region, row.price_class, row.purchase, row.type)))
    prices = ", ".join(f"{meter} {price}" for meter, price in row.meters().items())
    confirmed = book.sources.get(row.confirmed, UNCONFIRMED if row.confidence == "low" else "")
    return book.name, rule, row.currency or book.currency, row.per, prices, *_evidence(book, row), confirmed


def _fee_row(book: Book, fee: Fee) -> tuple[object, ...]:
    rule = f"fee {fee.id}"
    return book.name, rule, fee.currency or book.currency, fee.per, fee.amount, *_evidence(book, fee), ""


def _evidence(book: Book, row: Dated) -> tuple[str, str, str, str]:
    return row.begin, row.end or "open", row.read, book.sources[row.source]


def _book_row(book: Book, books: Books) -> tuple[object, ...]:
    dated = [*book.prices, *book.nodes, *book.discounts, *book.commitments, *book.fees, *book.exchange]
    currencies = {book.currency, *(row.currency for row in book.prices)} - {""}
    product = books.product_of(book)
    ends = [row.end for row in dated]
    return (
        book.name,
        f"{product} (own)" if book.extends else product or "any",
        ", ".join(sorted(currencies)) or "as the book it extends",
        len(book.prices) + len(book.nodes),
        sum(row.confidence == "low" for row in book.prices),
        min((row.begin for row in dated), default=""),
        max(ends) if ends and all(ends) else "open",
        _span([row.read for row in dated if row.read]),
        "; ".join(book.sources.values()),
    )


def _span(days: list[str]) -> str:
    """Formats the first and the last of some days."""
    return " to ".join(sorted({min(days), max(days)})) if days else ""
