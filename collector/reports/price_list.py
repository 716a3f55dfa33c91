"""
Price quotes and the books in force, as a person or a program reads them; and the questions that a command line asks.
"""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

import msgspec
from rich.console import Console

from collector.core.facts.bills import Meter
from collector.core.model import Instant
from collector.core.objects.quantity import quantity
from collector.prices import schema
from collector.prices.book import shipped_ids
from collector.prices.lookup import Books
from collector.prices.quote import Quote, QuoteRequest
from collector.prices.schema import Book
from collector.reports.render import print_report
from collector.reports.report import Report, ReportError, amount


def ask(
    *, product: str, seconds: int, spec: str, instance_type: str, cpu: str, memory_gib: str, region: str, zone: str,
    purchase: str, price_class: str, ephemeral_gib: str, gpu: str,
) -> QuoteRequest:  # fmt: skip
    """The question of a command line; ReportError names the option that makes no sense."""
    if sum(map(bool, (spec, instance_type, cpu or memory_gib))) != 1:
        raise ReportError("give one of --spec, --instance-type, or --cpu with --memory-gib")
    one_of("--purchase", purchase, schema.PURCHASES)
    amounts = {"--cpu": cpu, "--memory-gib": memory_gib, "--ephemeral-gib": ephemeral_gib, "--gpu": gpu}
    vcpu, memory, ephemeral, gpus = (_amount(option, said) for option, said in amounts.items())
    return QuoteRequest(
        product, seconds, spec, instance_type, vcpu, memory, region, zone, purchase, price_class, ephemeral, gpus,
    )  # fmt: skip


def _amount(option: str, said: str) -> Decimal:
    """A number of the command line: 2, 0.25 or 250m."""
    value = quantity(said) if said else Decimal(0)
    if value is None or value > 10**9:
        raise ReportError(f"{option} {said}: no amount; write it like 2 or 0.25")
    return value.normalize()


def one_of(option: str, said: str, known: Collection[str]) -> None:
    """ReportError when an option's word is not among those there are."""
    if said not in known:
        raise ReportError(f"{option} {said}: unknown; there are {', '.join(known)}")


def currency(said: str) -> str:
    """A currency of the command line; empty stays empty."""
    one_of("--currency", said, ("", *sorted(schema.CURRENCIES)))
    return said


def billed(option: str, said: str) -> tuple[str, Decimal]:
    """An amount of the command line, of a product where it names one before a `=`; an empty name is all."""
    name, _, text = said.rpartition("=")
    try:
        return name, schema.parse_money(text)
    except ValueError as error:
        raise ReportError(f"{option} {said}: {error}") from None


def moment(said: str, now: datetime) -> Instant:
    """An instant of the command line."""
    try:
        return schema.parse_instant(said) if said else int(now.timestamp() * 1000)
    except ValueError as error:
        raise ReportError(f"--at {error}") from None


def print_quote(quote: Quote, form: str, console: Console) -> None:
    """One line a meter and the sum; JSON has the fields that scripts rely on, amounts as strings."""
    if quote.cost is None:
        asked = quote.spec.instance_type or f"{_plain(quote.spec.vcpu)}-{_plain(quote.spec.memory_gib)}Gi"
        where = f"{quote.spec.region or 'any region'}, {quote.spec.price_class}, {quote.spec.purchase}"
        raise ReportError(f"{quote.spec.product} {asked} ({where}): no price: {quote.missing}")
    if form == "json":
        console.file.write(msgspec.json.format(msgspec.json.encode(fields(quote)), indent=2).decode() + "\n")
        return
    rows: list[tuple[object, ...]] = [
        (m.meter, _plain(m.quantity), m.unit, f"{m.unit_price:f}", amount(m.cost)) for m in quote.meters
    ]
    rows.append(("total", "", "", "", amount(quote.cost)))
    if quote.rounded_cost is not None and quote.rounded_cost != quote.cost:
        rows.append(("as billed", "", "", "", amount(quote.rounded_cost)))
    title = f"{quote.spec.product} {quote.spec.region}, {quote.seconds} s, {quote.rates.currency}"
    notes = [f"book {quote.rates.book}, rule {quote.rates.rule}"]
    print_report(Report(title, ("meter", "quantity", "unit", "unit price", "cost"), rows, notes), "table", console)


def fields(quote: Quote) -> dict[str, object]:
    """The quote as plain values."""
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
    """A number without an exponent or idle zeros."""
    return f"{value.normalize():f}"


def _money(value: Decimal | None) -> str:
    """An amount; empty where it is unknown."""
    return "" if value is None else amount(value)


def checked(name: str, book: Book) -> str:
    """What `prices check` says of a sound book."""
    kinds = ("prices", "nodes", "discounts", "commitments", "fees", "exchange")
    counts = ", ".join(f"{len(rows)} {kind}" for kind in kinds if (rows := getattr(book, kind)))
    return f"{name}: {book.name}, {counts or 'no prices'}, {len(book.oracles)} oracles hold"


def listing(books: Books) -> Report:
    """The books in force, one row each."""
    rows: list[tuple[object, ...]] = [_listed(book, books) for book in books.files()]
    idle = sorted({*shipped_ids()} - {book.id for book in books.files()})
    notes = [
        f"amounts are told in {books.currency}",
        *([f"shipped, but not in force: {', '.join(idle)}"] if idle else []),
    ]
    return Report(
        "Price books in force", ("book", "product", "currencies", "prices", "from", "to", "sources"), rows, notes
    )


def _listed(book: Book, books: Books) -> tuple[object, ...]:
    dated = [*book.prices, *book.nodes, *book.discounts, *book.commitments, *book.fees, *book.exchange]
    currencies = {book.currency, *(row.currency for row in book.prices)} - {""}
    product = books.product_of(book)
    ends = [row.end for row in dated]
    return (
        book.name,
        f"{product} (own)" if book.extends else product or "any",
        ", ".join(sorted(currencies)) or "as the book it extends",
        len(book.prices) + len(book.nodes),
        min((row.begin for row in dated), default=""),
        max(ends) if ends and all(ends) else "open",
        "; ".join(book.sources.values()),
    )
