"""Price books: what is refused, with file, place and remedy; what is looked up; what it costs."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from collector.core.billing import Spec
from collector.prices import book
from collector.prices.book import BookError, Books
from tests.builders import at

DATED: dict[str, Any] = {"from": date(2025, 1, 1)}
NOV = at("2026-11-22T12:00:00")


def row(meter: str = "vcpu", **changes: Any) -> dict[str, Any]:
    unit = {"vcpu": "vCPU-Seconds", "memory": "GiB-Seconds"}.get(meter, "Hours")
    price = {"memory": "0.00000096"}.get(meter, "0.0000077")
    base = {"meter": meter, "unit": unit, "class": "general", "region": "*", "price": price}
    return {**base, "from": date(2024, 1, 1), "source": "test", **changes}


def pair(**changes: Any) -> list[dict[str, Any]]:
    """A vCPU price and the memory price beside it."""
    return [row(**changes), row("memory", **changes)]


def text(*rows: dict[str, Any], **changes: Any) -> bytes:
    """A book of ECI; two rows where none are given."""
    whole = {"id": "mine", "version": "1", "product": "alibaba-eci", "currency": "USD", "prices": [*rows] or pair()}
    return yaml.safe_dump({**whole, **changes}, sort_keys=False).encode()


def books(*rows: dict[str, Any], **changes: Any) -> Books:
    return Books([book.parse(text(*rows, **changes), "mine.yaml")])


def eci(**changes: Any) -> Spec:
    base = {"product": "alibaba-eci", "purchase": "on_demand", "price_class": "general", "region": "cn-hangzhou"}
    return Spec(**{**base, "vcpu": Decimal(2), "memory_gib": Decimal(4), **changes})


# What is refused.


TYPED = b"""
id: mine
version: "1"
product: alibaba-eci
currency: USD
prices:
  - {meter: vcpu, unit: vCPU-Seconds, class: general, region: "*", price: PRICE, from: DATE, source: x}
"""


@pytest.mark.parametrize(
    ("content", "place", "remedy"),
    [
        (text(currency="XYZ"), "currency", "'XYZ' is unknown; known are CNY,"),
        (text(prices=[]), "prices", "is empty; add at least one row"),
        (text(row("gpu", unit="GPU-Seconds")), "prices[0].unit", "'gpu' in 'GPU-Seconds' is unknown"),
        (text(row(), row("memory", unit="GB-Seconds")), "prices[1].unit", "'memory' in 'GB-Seconds' is unknown"),
        (text(*pair(purchase="ondemand")), "prices[0].purchase", "'ondemand' is unknown; known are ['best_effort'"),
        (text(*pair(to=date(2023, 1, 1))), "prices[0].to", "2023-01-01 is not after 2024-01-01; `to` is exclusive"),
        (text(*pair(to=date(2024, 1, 1))), "prices[0].to", "is not after"),
        (text(row(price="-0.1")), "prices[0].price", "'-0.1' is no price; write it like"),
        (text(row(price="NaN")), "prices[0].price", "'NaN' is no price"),
        (text(row(price="Infinity")), "prices[0].price", "'Infinity' is no price"),
        (text(row(price="1,50")), "prices[0].price", "'1,50' is no price"),
        (text(row(price="1_000")), "prices[0].price", "'1_000' is no price"),
        (text(row(price="1e-6")), "prices[0].price", "'1e-6' is no price"),
        (text(row(price="0.0000000000000000001")), "prices[0].price", "at most 18 places"),
        (text(row(), row(**DATED)), "prices of vcpu/*/general/on_demand", "two prices hold on 2025"),
        (
            text(row(to=date(2025, 1, 2)), row(**DATED)),
            "prices of vcpu/*/general/on_demand",
            "end the earlier with `to: 2025-01-01`",
        ),
        (
            text(row(to=date(2024, 6, 1)), row(**DATED)),
            "prices of vcpu/*/general/on_demand",
            "no price holds from 2024-06-01 to 2025-01-01; close the hole",
        ),
        (text(row()), "prices of */general/on_demand", "has a vcpu price but no memory price; add one"),
        (text(row("memory")), "prices of */general/on_demand", "has a memory price but no vcpu price; add one"),
        (
            text(row(), row("memory", **DATED)),
            "prices of */general/on_demand",
            "vcpu and memory prices hold from different days",
        ),
        (text(region_groups={"a": ["r1"], "b": ["r1"]}), "region_groups.b", "'r1' is in group 'a' too; keep it in one"),
        (text(oracles=[{"cost": "1"}]), "oracles[0]", "missing required field"),
        (text(nonsense=1), "top", "unknown field `nonsense`"),
        (text(row(comment="x")), "prices[0]", "unknown field `comment`"),
        (b"id: [", "top", "is no YAML"),
        (b"\xff\xfe\x00", "top", "is no YAML"),
        (b"", "top", "Expected `object`"),
        (b"- a", "top", "Expected `object`"),
        (b"id: mine", "top", "missing required field `version`"),
        (TYPED.replace(b"PRICE", b"0.5").replace(b"DATE", b"2024-01-01"), "prices[0].price", "Expected `str`, got `float`"),
        (TYPED.replace(b"PRICE", b'"1"').replace(b"DATE", b"soon"), "prices[0].from", "Expected `date`, got `str`"),
        (TYPED.replace(b"PRICE", b'"1"').replace(b"DATE", b"2026-02-30"), "top", "day is out of range"),
    ],
)  # fmt: skip
def test_a_book_that_cannot_be_right_is_refused_whole(content: bytes, place: str, remedy: str) -> None:
    """A wrong bill is worse than none: the error names the file, the place in it and what to do."""
    with pytest.raises(BookError) as error:
        book.parse(content, "folder/mine.yaml")

    assert str(error.value).startswith(f"folder/mine.yaml: {place}: ")
    assert remedy in str(error.value)


@pytest.mark.parametrize(
    ("oracle", "remedy"),
    [
        ({"cost": "0.07"}, "expects 0.07 (by hand), the book says 0.069264"),
        ({"cost": "much"}, "'much' is no price"),
        ({"cost": "1", "spec": "two"}, "expects 1 (by hand), the book says malformed_spec"),
        ({"cost": "1", "purchase": "spot"}, "the book says no_spot_price"),
    ],
)
def test_a_book_that_fails_its_own_oracle_is_refused(oracle: dict[str, str], remedy: str) -> None:
    """A known answer catches the slipped decimal point."""
    known = {"spec": "2-4Gi", "region": "r", "seconds": 3600, "source": "by hand", **oracle}

    with pytest.raises(BookError, match=r"mine\.yaml: oracles\[0\]") as error:
        book.parse(text(oracles=[known]), "mine.yaml")

    assert remedy in str(error.value)


def test_a_book_that_passes_its_oracle_is_taken() -> None:
    """Judged on the first day on which all its rows may hold."""
    known = {"spec": "2-4Gi", "region": "r", "seconds": 3600, "source": "by hand", "cost": "0.069264"}

    assert book.parse(text(oracles=[known]), "mine.yaml").name == "mine@1"


# Files.


def test_a_file_is_found_beside_the_settings(tmp_path: Path) -> None:
    """Own books go by their path relative to the settings file."""
    (tmp_path / "mine.yaml").write_bytes(text())

    assert book.load(["mine.yaml"], tmp_path).names() == ["mine@1"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With why it cannot be read."""
    with pytest.raises(BookError, match=r"nowhere\.yaml: file: cannot be read: No such file"):
        book.load(["nowhere.yaml"], tmp_path)


def test_an_unknown_id_names_those_there_are() -> None:
    """A typo in a book's id."""
    with pytest.raises(BookError, match=r"alibaba-ec1: prices: no such book; shipped are alibaba-acs, alibaba-eci"):
        book.load(["alibaba-ec1"], Path())


def test_two_books_of_a_product_are_refused(tmp_path: Path) -> None:
    """Nobody could say which price holds."""
    (tmp_path / "mine.yaml").write_bytes(text())

    with pytest.raises(BookError, match=r"mine\.yaml: product: alibaba-eci has a book already, alibaba-eci; keep one"):
        book.load(["alibaba-eci", "mine.yaml"], tmp_path)


@pytest.mark.parametrize("name", book.shipped_ids())
def test_a_shipped_book_is_sound(name: str) -> None:
    """It holds its own oracles, and every number has a source."""
    shipped = book.read(name, Path())

    assert shipped.oracles
    assert all(r.source for r in shipped.prices)


def test_books_have_a_hash() -> None:
    """A changed price shows as a changed pricing run."""
    same, other = books(), books(row(price="0.1"), row("memory"))

    assert book.digest(books()) == book.digest(same)
    assert book.digest(books()) != book.digest(other)


# Looking up.


def prices(found: Books, spec: Spec, when: int = NOV) -> list[str] | str:
    """The unit prices that hold, or why there are none."""
    rates = found.look_up(spec, when)
    return rates.missing or [str(rate.unit_price) for rate in rates.rates]


def test_the_region_goes_before_its_group_and_that_before_any() -> None:
    """The narrower row wins."""
    found = books(
        *pair(), *pair(region="mainland", price="0.2"), *pair(region="cn-hangzhou", price="0.3"),
        region_groups={"mainland": ["cn-hangzhou", "cn-beijing"]},
    )  # fmt: skip

    assert [prices(found, eci(region=r))[0] for r in ("cn-hangzhou", "cn-beijing", "eu", "")] == [
        "0.3", "0.2", "0.0000077", "0.0000077",
    ]  # fmt: skip


def test_a_price_holds_from_its_day_to_the_day_before_the_next() -> None:
    """`from` is inclusive, `to` exclusive, in UTC."""
    turn = date(2026, 11, 1)
    found = books(*pair(to=turn), *pair(price="0.5", **{"from": turn}))

    assert [prices(found, eci(), at(t))[0] for t in ("2026-10-31T23:59:59", "2026-11-01T00:00:00")] == [
        "0.0000077",
        "0.5",
    ]


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"purchase": "spot"}, "no_spot_price"),
        ({"price_class": "economy"}, "no_on_demand_price"),
        ({"instance_type": "ecs.c6.large"}, "no_on_demand_price"),
        ({"product": "other"}, "no_price_book"),
        ({"missing": "no_spec"}, "no_spec"),
        ({"product": "other", "missing": "malformed_spec"}, "malformed_spec"),
    ],
)
def test_what_no_row_prices_has_no_price(spec: dict[str, str], why: str) -> None:
    """Every dimension must match; nothing is guessed from a neighbour."""
    assert prices(books(), eci(**spec)) == why


def test_before_the_first_and_after_the_last_day_there_is_no_price() -> None:
    """A book may end."""
    found = books(*pair(to=date(2025, 1, 1)))

    assert [prices(found, eci(), at(t)) for t in ("2023-12-31T23:59:59", "2025-01-01T00:00:00")] == [
        "no_on_demand_price",
        "no_on_demand_price",
    ]


def test_the_currency_is_said_where_there_is_no_price() -> None:
    """A row without an amount is grouped with those that have one."""
    found = books()

    assert [found.look_up(eci(product=p), NOV).currency for p in ("alibaba-eci", "other")] == ["USD", "USD"]
    assert Books([]).look_up(eci(), NOV).currency == ""


def test_a_rate_says_its_book_and_rule() -> None:
    """Whoever reads a charge can find the number."""
    rates = books().look_up(eci(), NOV)

    assert (rates.book, rates.rule, [r.unit for r in rates.rates]) == (
        "mine@1", "*/general/on_demand", ["vCPU-Seconds", "GiB-Seconds"],
    )  # fmt: skip


def test_an_hourly_price_is_billed_by_the_second() -> None:
    """By the hour in the book, by the second on the bill."""
    found = books(row("instance_type", price="0.06", type="ecs.c6.large"))
    (rate,) = found.look_up(eci(instance_type="ecs.c6.large"), NOV).rates

    assert (rate.unit, rate.per_seconds) == ("Hours", 3600)


# Quotes.


def quoted(spec: str = "2-4Gi", seconds: int = 3600, **changes: Any) -> book.Quote:
    asked = {"product": "alibaba-eci", "region": "cn-hangzhou", "price_class": "general", "purchase": "on_demand"}
    asked |= changes
    return book.quote(
        books(), asked["product"], spec, asked["region"], asked["price_class"], asked["purchase"], seconds, NOV
    )


def test_a_quote_is_what_a_charge_would_be() -> None:
    """The same lines, the same sum."""
    answer = quoted()

    assert (answer.cost, answer.missing, [m.meter for m in answer.meters]) == (
        Decimal("0.069264"),
        "",
        ["vcpu", "memory"],
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"spec": "x"}, "malformed_spec"), ({"spec": ""}, "no_spec"), ({"purchase": "spot"}, "no_spot_price")],
)
def test_a_quote_without_a_price_says_why(changes: dict[str, Any], why: str) -> None:
    """Unknown is never 0."""
    answer = quoted(**changes)

    assert (answer.cost, answer.missing) == (None, why)


@given(st.decimals(min_value=0, max_value=10**6, places=18), st.integers(0, 10**7))
def test_a_price_is_kept_to_its_last_place(price: Decimal, seconds: int) -> None:
    """From the file to the cost: no place is lost on the way."""
    found = books(row(price=f"{price:f}"), row("memory", price="0"))
    answer = book.quote(found, "alibaba-eci", "1-1Gi", "r", "general", "on_demand", seconds, NOV)

    assert answer.meters[0].unit_price == price
    assert Fraction(answer.cost or 0) == Fraction(price) * seconds
