"""Spot prices: the market's prices over time, and periods without a known price."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collector.core.cost import charge
from collector.core.facts.bills import PodCost
from collector.prices import market
from collector.prices.book_yaml import BookError
from collector.prices.lookup import Books
from tests.builders import HOUR, MINUTE
from tests.core.cost.charged import UTC, eci, pod
from tests.prices.written import NOV, books, by_type, own, prices, row, text, typed

HEAD = "instance_type,zone,time,price\n"
LINES = """\
ecs.c6.large,cn-hangzhou-i,2026-11-22T12:00:00Z,0.056
ecs.c6.large,cn-hangzhou-i,2026-11-22T13:00:00Z,0.020
ecs.c6.large,cn-hangzhou-i,2026-11-22T15:00:00Z,
ecs.c6.large,cn-hangzhou-i,2026-11-22T16:00:00Z,0.030
ecs.c6.large,cn-hangzhou-h,2026-11-22,0.010
"""
SPOT = by_type(purchase="spot")


def spot(folder: Path, lines: str = LINES, **changes: object) -> Books:
    """ECI with an on-demand price of 0.622 an hour and a market."""
    (folder / "spot.csv").write_text(HEAD + lines, encoding="utf-8")
    market = own(
        typed(instance_type="0.622"), extends="alibaba-eci", currency="USD", market={"series": ["spot.csv"], **changes}
    )
    return books(folder, market, shipped=("alibaba-eci",))


@pytest.mark.parametrize(
    ("minutes", "price", "until"),
    [(0, "0.056", 60), (59, "0.056", 60), (60, "0.02", 180), (180, "no_spot_price", 240), (240, "0.03", 1680),
     (1680, "no_spot_price", None), (-1, "no_spot_price", 0)],
)  # fmt: skip
def test_a_market_price_is_valid_until_the_next_but_not_for_ever(
    tmp_path: Path, minutes: int, price: str, until: int | None
) -> None:
    """An empty price begins an unknown period; the last price is used for a day."""
    rates = spot(tmp_path).look_up(SPOT, NOV + minutes * MINUTE)

    assert (prices(rates) if rates.missing else prices(rates)[0]) == price
    assert rates.until == (None if until is None else NOV + until * MINUTE)


def test_spot_is_listed_at_the_price_on_demand(tmp_path: Path) -> None:
    """Oracle 7.26: 0.056 of 0.622 is 91 % off."""
    (rate,) = spot(tmp_path).look_up(SPOT, NOV).rates

    assert (rate.unit_price, rate.list_price) == (Decimal("0.056"), Decimal("0.622"))


def test_a_zone_has_its_own_market(tmp_path: Path) -> None:
    """An unknown zone has no market."""
    found = spot(tmp_path)

    assert prices(found.look_up(by_type(purchase="spot", zone="cn-hangzhou-h"), NOV)) == ["0.01"]
    assert prices(found.look_up(by_type(purchase="spot", zone=""), NOV)) == "no_spot_price"


def test_without_a_market_price_the_fallback_discount_applies(tmp_path: Path) -> None:
    """With low confidence, until the market price is known again."""
    rates = spot(tmp_path, fallback_discount="0.80").look_up(SPOT, NOV + 180 * MINUTE)

    assert (prices(rates), rates.confidence, rates.until) == (["0.1244"], "low", NOV + 240 * MINUTE)
    assert "spot guessed" in rates.rule


def test_the_fallback_needs_an_on_demand_price(tmp_path: Path) -> None:
    """The fallback is a discount off it; a market price is valid, but has no list price."""
    found = spot(tmp_path, LINES.replace("c6", "c9"), fallback_discount="0.80")
    there = found.look_up(by_type(purchase="spot", instance_type="ecs.c9.large"), NOV)

    assert prices(found.look_up(by_type(purchase="spot", instance_type="ecs.c7.large"), NOV)) == "no_spot_price"
    assert [rate.list_price for rate in there.rates] == [None]


def test_a_spot_price_of_vcpu_and_memory_is_listed_on_demand_too(tmp_path: Path) -> None:
    """Some clouds sell spot capacity by the vCPU."""
    found = books(tmp_path, text(row(), row(purchase="spot", vcpu="0.000001"))).look_up(SPOT_BY_SIZE, NOV)
    alone = books(tmp_path, text(row(purchase="spot"))).look_up(SPOT_BY_SIZE, NOV)

    assert [r.list_price for r in found.rates] == [Decimal("0.0000077"), Decimal("0.00000096")]
    assert [r.list_price for r in alone.rates] == [None, None]


SPOT_BY_SIZE = by_type(purchase="spot", vcpu=Decimal(2), memory_gib=Decimal(4), instance_type="")


def charged(found: Books, seconds: int, begin: int = NOV, **marks: Any) -> PodCost:
    pricing = eci("ecs.c6.large", **{"spot-strategy": "SpotAsPriceGo", **marks})
    (charge_,) = charge.charges(
        pod(seconds, begin, pricing=pricing, zone="cn-hangzhou-i"), None, found, UTC, NOV + 48 * HOUR
    )
    return charge_


def test_a_pod_pays_its_first_price_through_the_protection_and_the_market_after_it(tmp_path: Path) -> None:
    """Oracle 7.26: half an hour at 0.056 is 0.028; begun at half past, the hour's price holds until half past one."""
    found = spot(tmp_path)
    late = charged(found, 3600, NOV + 30 * MINUTE)

    assert (charged(found, 1800).cost, charged(found, 1800).list_cost) == (Decimal("0.028"), Decimal("0.311"))
    assert [(m.quantity, m.unit_price) for m in late.meters] == [(Decimal(1), Decimal("0.056"))]
    assert charged(found, 3600, NOV + 30 * MINUTE, **{"spot-duration": "0"}).cost == Decimal("0.028") + Decimal("0.01")


def test_a_market_in_another_currency_than_the_bill_is_ignored(tmp_path: Path) -> None:
    """A price of 0.56 CNY is not 0.56 USD."""
    found = spot(tmp_path, currency="CNY")

    assert prices(found.look_up(SPOT, NOV)) == "no_spot_price"


def test_a_pod_in_an_unknown_period_has_no_price(tmp_path: Path) -> None:
    """A price for the known part alone would be a wrong bill."""
    found = spot(tmp_path)

    assert (charged(found, 4 * 3600).cost, charged(found, 4 * 3600).rule) == (None, "no_spot_price")
    assert charged(found, 3 * 3600).cost == Decimal("0.056") + 2 * Decimal("0.02")


def test_a_market_of_every_minute_is_priced_minute_by_minute(tmp_path: Path) -> None:
    """The sum of the minutes, to the last place."""
    rows = (f"ecs.c6.large,cn-hangzhou-i,2026-11-22T12:{i:02}:00Z,0.{60 + i}" for i in range(40))
    lines = "\n".join(rows)
    found = spot(tmp_path, lines)
    expected = sum(Decimal(f"0.{60 + i}") / 60 for i in range(40))

    cost = charged(found, 40 * 60, NOV, **{"spot-duration": "0"}).cost
    assert cost is not None
    assert abs(cost - expected) < Decimal("1e-16")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "file: not valid CSV"),
        (b'"a', "file: not valid CSV"),
        (b"", "line 1: must be instance_type,zone,time,price"),
        (b"type,zone,time,price\n", "line 1: must be"),
        (HEAD.encode() + b"a,b,2026-01-01\n", "line 2: must have a type and 4 columns"),
        (HEAD.encode() + b",b,2026-01-01,1\n", "line 2: must have a type"),
        (HEAD.encode() + b"a,b,yesterday,1\n", "line 2: invalid date 'yesterday'"),
        (HEAD.encode() + b"a,b,2026-01-01,1\na,b,2026-01-01,-1\n", "line 3: invalid price '-1'"),
        (HEAD.encode() + b"a,b,2026-01-01,1\na,b,2026-01-01,2\n", "line 3: a in b has another price"),
    ],
)
def test_an_invalid_series_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """The error names file and line."""
    (tmp_path / "spot.csv").write_bytes(content)

    with pytest.raises(BookError) as error:
        books(tmp_path, text(), own(market={"series": ["spot.csv"]}))
    assert f"spot.csv: {message}" in str(error.value)


def test_a_missing_series_is_named(tmp_path: Path) -> None:
    """The file must be beside the book."""
    with pytest.raises(BookError, match=r"gone\.csv: file: cannot be read: No such file"):
        books(tmp_path, text(), own(market={"series": ["gone.csv"]}))


def test_a_series_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; a duplicate line counts once."""
    monkeypatch.setattr(market, "MOST_POINTS", 4)

    with pytest.raises(BookError, match=r"line 6: is beyond 4 prices; drop the oldest"):
        spot(tmp_path)
    assert spot(tmp_path, LINES.splitlines()[0] + "\n" + LINES.splitlines()[0] + "\n").look_up(SPOT, NOV).missing == ""
