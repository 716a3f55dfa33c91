"""
A price quote as a person or a program reads it.
"""

from decimal import Decimal

import msgspec
from rich.console import Console

from collector.prices.book import Quote
from collector.reports.shape import Report, amount, text


def print_quote(quote: Quote, form: str, console: Console) -> None:
    """One line a meter and the sum; JSON has the fields that scripts rely on, amounts as strings."""
    if form == "json":
        console.file.write(msgspec.json.format(msgspec.json.encode(fields(quote)), indent=2).decode() + "\n")
        return
    rows: list[tuple[object, ...]] = [
        (m.meter, m.quantity.normalize(), m.unit, f"{m.unit_price:f}", amount(m.cost)) for m in quote.meters
    ]
    title = f"{quote.spec.product} {quote.spec.region}, {quote.seconds} s, {quote.rates.currency}"
    rows.append(("total", "", "", "", amount(quote.cost or Decimal(0))))
    notes = [f"book {quote.rates.book}, rule {quote.rates.rule}"]
    text(Report(title, ("meter", "quantity", "unit", "unit price", "cost"), rows, notes), "table", console)


def fields(quote: Quote) -> dict[str, object]:
    """The quote as plain values."""
    cost = "" if quote.cost is None else amount(quote.cost)
    return {
        "product": quote.spec.product,
        "region": quote.spec.region,
        "billed_vcpu": str(quote.spec.vcpu),
        "billed_memory_gib": str(quote.spec.memory_gib),
        "instance_type": quote.spec.instance_type,
        "billed_seconds": quote.seconds,
        "currency": quote.rates.currency,
        "cost": cost,
        "rounded_cost": cost,
        "price_book": quote.rates.book,
        "rule": quote.rates.rule,
        "meters": [
            {
                "meter": m.meter,
                "quantity": f"{m.quantity.normalize():f}",
                "unit": m.unit,
                "unit_price": f"{m.unit_price:f}",
                "cost": amount(m.cost),
            }
            for m in quote.meters
        ],
    }
