"""Books that are refused, with file, place and remedy: a wrong bill is worse than none."""

import time
from pathlib import Path
from typing import Any

import pytest

from collector.prices import book, book_yaml, checks
from collector.prices.book_yaml import BookError
from tests.prices.written import JANUARY, PRODUCT, own, row, text, typed

OTHER: dict[str, Any] = {"from": "2024-01-01", "source": "test"}


def product(**changes: Any) -> dict[str, Any]:
    return {"product": {**PRODUCT, **changes}}


def refused(content: bytes) -> str:
    """Message of the error."""
    with pytest.raises(BookError) as error:
        checks.check(book_yaml.parse(content, "folder/mine.yaml"), "folder/mine.yaml")
    return str(error.value)


def a_fee(**more: Any) -> dict[str, Any]:
    return {"id": "f", "amount": "1", "currency": "USD", **OTHER, **more}


@pytest.mark.parametrize(
    ("content", "place", "remedy"),
    [
        # The text.
        (b"id: [", "top", "not valid YAML"),
        (b"\xff\xfe\x00", "top", "not valid YAML"),
        (b"a: !!python/object:os.system x", "top", "not valid YAML"),
        (b"id: a\nid: b", "top", "duplicate key 'id'"),
        (b"? [a]\n: b", "top", "not valid YAML"),
        (b"", "top", "Expected `object`"),
        (b"- a", "top", "Expected `object`"),
        (b"id: mine", "top", "missing required field `version`"),
        (b"a: &x 1\nb: *x", "line 2", "*x is an alias; write its content out"),
        (b"[" * 50, "line 1", "is nested deeper than 12"),
        (text(nonsense=1), "top", "unknown field `nonsense`"),
        (text(row(comment="x")), "prices[0]", "unknown field `comment`"),
        (text(**product(nonsense=1)), "product", "unknown field `nonsense`"),
        # Product of the book.
        (text(product=None), "product", "give the file a `product` of its own, or name the book that it `extends`"),
        (text(extends="x"), "product", "give the file a `product` of its own"),
        (text(currency="XYZ"), "currency", "'XYZ' is unknown; use one of AUD,"),
        (text(currency=None), "currency", "'' is unknown"),
        (own(extends="", oracles=[{"cost": "1", "seconds": "1", "source": "x"}]), "product", "give the file a `product`"),
        (own(currency="usd"), "currency", "'usd' is unknown"),
        # Rows.
        (text(row(per="minute")), "prices[0].per", "'minute' is unknown; use one of hour, second"),
        (text(row(purchase="ondemand")), "prices[0].purchase", "'ondemand' is unknown; use one of *, best_effort"),
        (text(row(currency="RMB")), "prices[0].currency", "'RMB' is unknown"),
        (text(row(vcpu=None, memory=None)), "prices[0]", "has no price; give it one of vcpu, memory, gpu"),
        (text(row(memory=None)), "prices[0]", "has only one of the prices vcpu and memory"),
        (text(typed(type=None)), "prices[0].type", "is missing; name the instance type"),
        (text(row(source="hearsay")), "prices[0].source", "'hearsay' is not among `sources`"),
        *((text(row(vcpu=p)), "prices[0].vcpu", f"invalid price {p!r}; write it like 0.0000077")
          for p in ("-0.1", "NaN", "Infinity", "1,50", "1_000", "1e-6", "0.0000000000000000001", "", "１", " 5", "free",
                    "1e999999", "9" * 13)),
        (text(row(confirmed="hearsay")), "prices[0].confirmed", "'hearsay' is not another one of `sources`"),
        (text(row(confirmed="test")), "prices[0].confirmed", "'test' is not another one of `sources`"),
        # Dates.
        *((text(row(read=d)), "prices[0].read", f"invalid day {d!r}")
          for d in ("2026-02-30", "soon", "2026-11", "2026-11-01T00:00:00+08:00", "20261101", "１026-11-01")),
        *((text(row(**{"from": d})), "prices[0].from", f"invalid date {d!r}")
          for d in ("2026-02-30", "2025-02-29", "soon", "2026-W47-7", "20260101", "2026-01-01 00:00", "2026-01-01T00:00:00",
                    "2026-01-01T00:00:00+25:00", "0000-01-01", "10000-01-01")
          if d != "2026-01-01T00:00:00"),
        (text(row(to="2023-01-01")), "prices[0].to", "2023-01-01 is not after 2024-01-01; `to` is exclusive"),
        (text(row(to="2024-01-01")), "prices[0].to", "is not after"),
        (text(row(to="never")), "prices[0].to", "invalid date 'never'"),
        (text(row(), row(**JANUARY)), "prices of vcpu/*/general-purpose/on_demand/USD", "two rows are valid on 2025-01-01"),
        (text(row(), row()), "prices of vcpu/", "two rows are valid on 2024-01-01"),
        (text(row(to="2025-01-02"), row(**JANUARY)), "prices of vcpu/", "end the earlier one with `to: 2025-01-01`"),
        (text(row(to="2024-06-01"), row(**JANUARY)), "prices of vcpu/", "no row is valid from 2024-06-01 to 2025-01-01; close"),
        (text(row(), row(currency="USD")), "prices of vcpu/", "two rows are valid on"),
        # Groups.
        (text(region_groups={"a": ["r1"], "b": ["r1"]}), "region_groups.b", "'r1' is also in group 'a'; keep it in one"),
        # Rows other than prices.
        (own(discounts=[{"id": "d", "ratio": "1.1", **OTHER}]), "discounts[0].ratio", "'1.1' is more than 1"),
        (own(discounts=[{"id": "d", "ratio": "x", **OTHER}]), "discounts[0].ratio", "invalid price 'x'"),
        (own(discounts=[{"id": "d", "ratio": "0", "purchases": ["x"], **OTHER}]), "discounts[0].purchases", "unknown"),
        (own(discounts=[{"id": "d", "ratio": "0", "meters": ["x"], **OTHER}]), "discounts[0].meters", "unknown"),
        (own(discounts=[{"id": "d", "ratio": "0", "from": "x", "source": "test"}]), "discounts[0].from", "invalid date"),
        (own(commitments=[{"id": "c", "hourly": "-1", "discount": "0", **OTHER}]), "commitments[0].hourly", "invalid price"),
        (own(commitments=[{"id": "c", "hourly": "1", "discount": "2", **OTHER}]), "commitments[0].discount", "more than"),
        (own(commitments=[{"id": "c", "hourly": "1", "discount": "0", "purchases": ["spot"], **OTHER}]),
         "commitments[0].purchases", "remove spot; no provider's plan covers it"),
        (own(extends="", commitments=[{"id": "c", "hourly": "1", "discount": "0", **OTHER}]), "commitments[0].currency", "''"),
        (own(fees=[{"id": "f", "amount": "x", **OTHER}]), "fees[0].amount", "invalid price"),
        *((own(fees=[{**a_fee(), "amount": a}]), "fees[0].amount", "invalid price") for a in ("--1", "-", "-x", "- 1")),
        (own(fees=[a_fee(basis="fixed")]), "fees[0].shares", "belongs to `basis: fixed`"),
        (own(fees=[a_fee(shares={"a": "1"})]), "fees[0].shares", "belongs to `basis: fixed`"),
        (own(fees=[a_fee(basis="fixed", shares={"a": "0.5", "b": "0.4"})]), "fees[0].shares", "sum to 0.9; they must"),
        (own(fees=[a_fee(basis="fixed", shares={"a": "2"})]), "fees[0].shares.a", "is more than 1"),
        (own(fees=[a_fee(basis="metric")]), "fees[0].metric", "belongs to `basis: metric`"),
        (own(fees=[a_fee(metric="pods")]), "fees[0].metric", "belongs to `basis: metric`"),
        (own(extends="", fees=[{"id": "f", "amount": "1", **OTHER}]), "fees[0].currency", "'' is unknown"),
        (own(fees=[{"id": "f", "amount": "1", "currency": "USD", "per": "day", **OTHER}]), "fees[0].per", "Invalid enum"),
        (own(exchange=[{"pair": "CNYUSD", "rate": "1", **OTHER}]), "exchange[0].pair", "'CNYUSD' is unknown"),
        (own(exchange=[{"pair": "CNY/XXX", "rate": "1", **OTHER}]), "exchange[0].pair", "'XXX' is unknown"),
        (own(exchange=[{"pair": "CNY/USD", "rate": "0", **OTHER}]), "exchange[0].rate", "is 0; give the value"),
        (own(exchange=[{"pair": "CNY/USD", "rate": r, **OTHER} for r in "12"]), "exchange of CNY/USD", "two rows are valid on"),
        (own(market={"fallback_discount": "x"}), "market.fallback_discount", "invalid price"),
        (own(market={"currency": "dollars"}), "market.currency", "'dollars' is unknown"),
        # Nodes.
        (own(nodes=[{"type": "t", "vcpu": "2", "memory_gib": "4", "price": "1", **OTHER}]), "split", "is missing; give"),
        (own(nodes=[{"type": "t", "vcpu": "0", "memory_gib": "4", "price": "1", **OTHER}]), "nodes[0]", "has no vCPU"),
        (own(nodes=[{"type": "t", "vcpu": "2", "memory_gib": "0", "price": "1", **OTHER}]), "nodes[0]", "or no memory"),
        (own(nodes=[{"type": "t", "vcpu": "2", "memory_gib": "4", "price": "x", **OTHER}]), "nodes[0].price", "invalid price"),
        (own(nodes=[{"type": "t", "vcpu": "2", "memory_gib": "4", "price": "1", "per": "x", **OTHER}]), "nodes[0].per", "x"),
        (own(nodes=[{"type": "t", "vcpu": "2", "memory_gib": "4", "price": "1", "purchase": "x", **OTHER}]),
         "nodes[0].purchase", "'x' is unknown"),
        (own(split={"vcpu": "x", "memory": "1"}), "split.vcpu", "invalid price"),
        # Rules of a product.
        (text(**product(size={"overhead_gib": "-1"})), "product.size.overhead_gib", "invalid amount -1"),
        (text(**product(size={"overhead_gib": "NaN"})), "product.size.overhead_gib", "invalid amount NaN"),
        (text(**product(size={"default": "big"})), "product.size.default", "invalid size 'big'; write it like 2-4Gi"),
        (text(**product(size={"requests": "maybe"})), "product.size.requests", "Invalid enum value"),
        (text(**product(size={"grid": {"sizes": {"x": "1"}}})), "product.size.grid.sizes.x", "invalid price 'x'"),
        (text(**product(size={"grid": {"sizes": {"1": "x"}}})), "product.size.grid.sizes.1", "invalid amount of GiB 'x'"),
        (text(**product(size={"grid": {"regions": {"r": {"1": "x"}}}})), "product.size.grid.regions.r.1", "invalid amount"),
        (text(**product(size={"grid": {"steps": {"vcpu": "0", "memory_gib": "1"}}})), "product.size.grid.steps", "of 0"),
        (text(**product(rounding={"XXX": {"unit": "1"}})), "product.rounding", "'XXX' is unknown"),
        (text(**product(rounding={"CNY": {"unit": "0"}})), "product.rounding.CNY.unit", "is 0; remove"),
        (text(**product(purchase={"default": "cash"})), "product.purchase", "'cash' is unknown"),
        (text(**product(interval={"begin": []})), "product.interval.begin", "is empty; name the events"),
        (text(**product(interval={"begin": [{"at": "whenever"}]})), "product.interval.begin[0].at", "Invalid enum value"),
    ],
)  # fmt: skip
def test_an_invalid_book_is_refused_completely(content: bytes, place: str, remedy: str) -> None:
    """The error names the file, the place in it and the remedy."""
    message = refused(content)

    assert message.startswith(f"folder/mine.yaml: {place}")
    assert remedy in message


def test_a_number_stays_text_until_it_is_checked() -> None:
    """Without quotes it is as exact as with quotes: YAML never makes it a float."""
    bare = text().replace(b"'0.0000077'", b"0.1000000000000000055")

    assert book_yaml.parse(bare, "x").prices[0].vcpu == "0.1000000000000000055"
    assert "at most 18 places" in refused(bare)


def test_an_alias_bomb_is_refused_before_it_is_expanded() -> None:
    """Nine lines that stand for a billion rows."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    begun = time.perf_counter()

    assert "is an alias" in refused("\n".join(lines).encode())
    assert time.perf_counter() - begun < 1


def test_a_million_rows_are_refused_immediately() -> None:
    """They belong in a CSV file; a YAML parser would take minutes."""
    line = b'  - {per: second, vcpu: "0.0000077", memory: "0.00000096", from: 2024-01-01, source: test}\n'
    begun = time.perf_counter()

    assert "is longer than 4 MiB; put series of prices into CSV" in refused(b"prices:\n" + line * 10**6)
    assert time.perf_counter() - begun < 2


def test_a_file_that_is_too_long_is_not_read_completely(tmp_path: Path) -> None:
    """A missing file is refused too."""
    (tmp_path / "long.yaml").write_bytes(b"x" * (book_yaml.MOST_BYTES + 10))

    with pytest.raises(BookError, match=r"long\.yaml: file: is longer than 4 MiB"):
        book.load(["long.yaml"], tmp_path)
    with pytest.raises(BookError, match=r"nowhere\.yaml: file: cannot be read: No such file"):
        book.load(["nowhere.yaml"], tmp_path)


ORACLE = {"spec": "2-4Gi", "region": "r", "seconds": "3600", "source": "by hand", "cost": "0.069264"}


@pytest.mark.parametrize(
    ("oracle", "remedy"),
    [
        ({"cost": "0.07"}, "oracles[0].cost: expected 0.07 (by hand), but the book gives 0.069264"),
        ({"rounded_cost": "0.07"}, "oracles[0].rounded_cost: expected 0.07 (by hand), but the book gives 0.069264"),
        ({"cost": "much"}, "oracles[0].cost: invalid price 'much'"),
        ({"seconds": "-1"}, "oracles[0].seconds: invalid price '-1'"),
        ({"at": "then"}, "oracles[0].at: invalid date 'then'"),
        ({"at": "2020-01-01"}, "the book gives no_on_demand_price"),
        ({"spec": "two"}, "the book gives malformed_spec"),
        ({"purchase": "spot"}, "the book gives no_spot_price"),
        ({"currency": "CNY"}, "the book gives no_fx_rate"),
    ],
)
def test_a_book_that_fails_its_own_oracle_is_refused(tmp_path: Path, oracle: dict[str, str], remedy: str) -> None:
    """A known cost catches a misplaced decimal point."""
    (tmp_path / "mine.yaml").write_bytes(text(oracles=[{**ORACLE, **oracle}]))

    with pytest.raises(BookError) as error:
        book.read("mine.yaml", tmp_path)
    assert f"{tmp_path}/mine.yaml: " in str(error.value)
    assert remedy in str(error.value)


def test_a_book_that_passes_its_oracle_is_accepted(tmp_path: Path) -> None:
    """Default date of an oracle: the latest begin date among the prices."""
    (tmp_path / "mine.yaml").write_bytes(text(oracles=[ORACLE, {**ORACLE, "at": "2024-06-01"}]))

    assert book.read("mine.yaml", tmp_path).name == "mine@1"
