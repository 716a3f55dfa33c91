"""Which price holds: for which region, when, with whose discount, in which currency."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collector.core.cost.billed_spec import Spec
from collector.core.model import Instant
from collector.prices import book
from collector.prices.book import BookError, Books
from tests.builders import DAY, at
from tests.prices.written import NOV, PRODUCT, books, eci, own, prices, row, text, typed

D = Decimal
TURN = at("2026-11-01T00:00:00")
OTHER: dict[str, Any] = {"from": "2024-01-01", "source": "test"}


def first(found: Books, spec: Spec | None = None, when: Instant = NOV) -> str:
    """The first unit price that holds, or why there is none."""
    told = prices(found.look_up(spec or eci(), when))
    return told if isinstance(told, str) else told[0]


# Regions.


def test_the_region_goes_before_its_group_and_that_before_any(tmp_path: Path) -> None:
    """The narrower row wins."""
    found = books(
        tmp_path,
        text(
            row(), row(region="mainland", vcpu="0.2"), row(region="cn-hangzhou", vcpu="0.3"),
            region_groups={"mainland": ["cn-hangzhou", "cn-beijing"]},
        ),
    )  # fmt: skip

    assert [first(found, eci(region=r)) for r in ("cn-hangzhou", "cn-beijing", "eu", "")] == [
        "0.3", "0.2", "0.0000077", "0.0000077",
    ]  # fmt: skip


def test_a_group_may_name_how_its_regions_begin(tmp_path: Path) -> None:
    """The longest beginning that fits decides, so that Hong Kong is not on the mainland."""
    groups = {"mainland": ["cn-*"], "overseas": ["cn-hongkong", "ap-*"]}
    found = books(
        tmp_path, text(row(region="mainland", vcpu="1"), row(region="overseas", vcpu="2"), region_groups=groups)
    )

    assert [first(found, eci(region=r)) for r in ("cn-new", "cn-hongkong", "ap-1", "eu-1")] == [
        "1", "2", "2", "no_on_demand_price",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"purchase": "spot"}, "no_spot_price"),
        ({"purchase": "reserved"}, "no_reserved_price"),
        ({"price_class": "economy"}, "no_on_demand_price"),
        ({"vcpu": Decimal(0), "instance_type": "ecs.c6.large"}, "no_on_demand_price"),
        ({"gpu": Decimal(1)}, "no_gpu_price"),
        ({"ephemeral_gib": Decimal(1)}, "no_ephemeral_price"),
        ({"product": "azure-aci"}, "no_price_book"),
        ({"missing": "no_requests"}, "no_requests"),
        ({"product": "other", "missing": "absurd_end"}, "absurd_end"),
    ],
)
def test_what_no_row_prices_has_no_price(tmp_path: Path, spec: dict[str, Any], why: str) -> None:
    """Every dimension must match; nothing is guessed from a neighbour."""
    assert prices(books(tmp_path, text()).look_up(eci(**spec), NOV)) == why


def test_any_class_or_purchase_is_said_so(tmp_path: Path) -> None:
    """A price of storage does not ask who bought the machine."""
    storage = row(vcpu=None, memory=None, ephemeral="3", per="hour", purchase="*", **{"class": "*"})
    economy = {"price_class": "economy", "purchase": "reserved", "ephemeral_gib": Decimal(2)}
    found = books(tmp_path, text(row(purchase="reserved", **{"class": "economy"}), storage)).look_up(
        eci(**economy), NOV
    )

    assert [(r.meter, r.unit, r.per_seconds) for r in found.rates] == [
        ("vcpu", "vCPU-Seconds", 1), ("memory", "GiB-Seconds", 1), ("ephemeral", "GiB-Hours", 3600),
    ]  # fmt: skip


def test_a_gpus_price_is_that_of_its_model(tmp_path: Path) -> None:
    """Or of any, where no model is named."""
    found = books(
        tmp_path, text(row(), row(vcpu=None, memory=None, gpu="1", type="T4"), row(vcpu=None, memory=None, gpu="2"))
    )
    specs = [eci(gpu=Decimal(1), gpu_model=model) for model in ("T4", "A10", "")]

    assert [prices(found.look_up(spec, NOV))[-1] for spec in specs] == ["1", "2", "2"]


def test_a_flat_price_is_a_line_where_there_is_one(tmp_path: Path) -> None:
    """An address, a licence: an amount for each pod, whatever its size."""
    found = books(tmp_path, text(row(flat="0.005"))).look_up(eci(), NOV)

    assert [r.meter for r in found.rates] == ["vcpu", "memory", "flat"]


def test_a_row_of_low_confidence_makes_its_charges_so(tmp_path: Path) -> None:
    """A price that was guessed."""
    assert books(tmp_path, text(row(confidence="low"))).look_up(eci(), NOV).confidence == "low"


# Dates.


def test_a_price_holds_from_its_day_to_the_day_before_the_next(tmp_path: Path) -> None:
    """`from` is inclusive, `to` exclusive; the rates say until when they hold."""
    found = books(tmp_path, text(row(to="2026-11-01"), row(vcpu="0.5", **{"from": "2026-11-01"})))

    assert [first(found, when=t) for t in (TURN - 1, TURN, TURN - DAY, TURN + DAY)] == [
        "0.0000077", "0.5", "0.0000077", "0.5",
    ]  # fmt: skip
    assert [found.look_up(eci(), t).until for t in (TURN - 1, TURN)] == [TURN, None]


def test_a_price_may_begin_at_a_providers_own_midnight(tmp_path: Path) -> None:
    """With an offset: eight hours before that of UTC."""
    turn = "2026-11-01T00:00:00+08:00"
    found = books(tmp_path, text(row(to=turn), row(vcpu="0.5", **{"from": turn})))

    assert found.look_up(eci(), TURN - DAY).until == TURN - 8 * 3_600_000


def test_before_the_first_and_after_the_last_day_there_is_no_price(tmp_path: Path) -> None:
    """A book may end, and what is unknown says until when."""
    found = books(tmp_path, text(row(to="2025-01-01")))
    early = found.look_up(eci(), at("2023-12-31T23:59:59"))

    assert (early.missing, early.until) == ("no_on_demand_price", at("2024-01-01T00:00:00"))
    assert first(found, when=at("2025-01-01T00:00:00")) == "no_on_demand_price"


def test_what_was_looked_up_is_forgotten_before_it_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded whatever specs pods invent."""
    monkeypatch.setattr("collector.prices.lookup.MOST_CACHED", 3)
    found = books(tmp_path, text())

    assert {first(found, eci(region=f"r{i}")) for i in range(10)} == {"0.0000077"}
    assert len(found._known) <= 3


# A user's own file.


def test_an_own_file_goes_before_what_it_extends(tmp_path: Path) -> None:
    """What it prices, it decides, for as long as it does; the rest stays."""
    mine = own(row(vcpu="0.5", memory=None, to="2026-11-01"), discounts=[])
    found = books(tmp_path, text(), mine)

    assert prices(found.look_up(eci(), TURN - 1)) == ["0.5", "0.00000096"]
    assert prices(found.look_up(eci(), TURN)) == ["0.0000077", "0.00000096"]
    assert found.look_up(eci(), NOV).book == "own@1+mine@1"
    assert found.names() == ["mine@1", "own@1"]


def test_an_own_file_may_extend_a_shipped_book(tmp_path: Path) -> None:
    """By its id; its oracles are asked of both together."""
    oracle = {"spec": "2-4Gi", "seconds": "1", "cost": "1.00000384", "source": "by hand"}
    found = books(
        tmp_path,
        own(row(vcpu="0.5", memory=None), extends="alibaba-eci", currency="USD", oracles=[oracle]),
        shipped=("alibaba-eci",),
    )

    assert prices(found.look_up(eci(), NOV)) == ["0.5", "0.00000096"]
    assert book.read("book0.yaml", tmp_path).name == "own@1"


def test_an_own_file_that_misses_its_oracle_is_refused(tmp_path: Path) -> None:
    """Together with what it extends."""
    oracle = {"spec": "2-4Gi", "seconds": "1", "cost": "1", "source": "by hand"}

    with pytest.raises(BookError, match=r"book1\.yaml: oracles\[0\]\.cost: expects 1"):
        books(tmp_path, text(), own(oracles=[oracle]))


@pytest.mark.parametrize("given", [{"prices": [typed()]}, {"market": {"series": ["s.csv"]}}])
def test_own_prices_of_a_book_of_two_currencies_say_theirs(tmp_path: Path, given: dict[str, Any]) -> None:
    """Else they would silently count for one site and not for the other."""
    (tmp_path / "s.csv").write_text("instance_type,zone,time,price\n", encoding="utf-8")

    with pytest.raises(BookError, match=r"book0\.yaml: currency: is missing; say in which of CNY, USD"):
        books(tmp_path, own(**{"extends": "alibaba-eci", **given}), shipped=("alibaba-eci",))
    marked: dict[str, Any] = (
        {"prices": [typed(currency="USD")]}
        if "prices" in given
        else {"market": {"series": ["s.csv"], "currency": "USD"}}
    )
    assert books(tmp_path, own(**{"extends": "alibaba-eci", **marked}), shipped=("alibaba-eci",)).layers


def test_what_is_extended_must_be_in_force(tmp_path: Path) -> None:
    """Else it would silently price nothing."""
    with pytest.raises(BookError, match=r"book0\.yaml: extends: 'mine' is not among the books in force"):
        books(tmp_path, own(row()))
    with pytest.raises(BookError, match=r"'mine' is not among"):
        book.read("book0.yaml", tmp_path)


def test_a_file_is_checked_with_those_beside_it(tmp_path: Path) -> None:
    """`prices check` is given both."""
    books(tmp_path, text(), own(row(vcpu="1")))

    assert book.read("book1.yaml", tmp_path, ["book0.yaml", "book1.yaml"]).name == "own@1"


def test_two_books_of_a_product_are_refused(tmp_path: Path) -> None:
    """Nobody could say which price holds."""
    with pytest.raises(BookError, match=r"book0\.yaml: product: alibaba-eci has a book already, alibaba-eci; keep one"):
        books(tmp_path, text(), shipped=("alibaba-eci",))


def test_a_book_named_twice_is_one(tmp_path: Path) -> None:
    """Harmless."""
    assert books(tmp_path, shipped=("alibaba-eci", "alibaba-eci")).names() == ["alibaba-eci@2026.11.2"]


def test_an_unknown_id_names_those_there_are() -> None:
    """A typo in a book's id."""
    with pytest.raises(BookError, match=r"alibaba-ec1: prices: no such book; shipped are alibaba-acs, alibaba-eci"):
        book.load(["alibaba-ec1"], Path())


def test_a_product_of_ones_own_is_recognised(tmp_path: Path) -> None:
    """A new cloud is a new file and no code."""
    mine = {**PRODUCT, "id": "huawei-cci", "detect": [{"key": "cci.io/pod"}], "priority": "5"}
    found = books(tmp_path, text(product=mine))

    assert next(iter(found.products)) == "huawei-cci"
    assert prices(found.look_up(eci(product="huawei-cci"), NOV)) == ["0.0000077", "0.00000096"]


def test_books_have_a_hash(tmp_path: Path) -> None:
    """A changed price, market or currency shows as a changed pricing run."""
    head = "instance_type,zone,time,price\n"
    (tmp_path / "a.csv").write_text(head, encoding="utf-8")
    market = own(market={"series": ["a.csv"]})
    hashes = [
        book.digest(books(tmp_path, *t)) for t in ((text(),), (text(),), (text(row(vcpu="1")),), (text(), market))
    ]
    (tmp_path / "a.csv").write_text(f"{head}t,z,2026-01-01,1\n", encoding="utf-8")
    hashes += [book.digest(books(tmp_path, text(), market)), book.digest(books(tmp_path, text()).in_currency("CNY"))]

    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 5


# Discounts, fees, plans.


def discount(ratio: str, **changes: Any) -> dict[str, Any]:
    return {"id": "contract", "ratio": ratio, **OTHER, **changes}


@pytest.mark.parametrize(
    ("given", "paid"),
    [
        ({}, "0.00000616"),
        ({"product": "alibaba-eci"}, "0.00000616"),
        ({"product": "alibaba-acs"}, "0.0000077"),
        ({"region": "cn-hangzhou"}, "0.00000616"),
        ({"region": "china"}, "0.00000616"),
        ({"region": "eu"}, "0.0000077"),
        ({"class": "economy"}, "0.0000077"),
        ({"purchases": ["spot"]}, "0.0000077"),
        ({"meters": ["memory"]}, "0.0000077"),
        ({"to": "2026-11-01"}, "0.0000077"),
        ({"from": "2027-01-01"}, "0.0000077"),
    ],
)
def test_a_discount_is_taken_off_what_it_applies_to(tmp_path: Path, given: dict[str, Any], paid: str) -> None:
    """The list price stays beside what is paid, and the rule names the discount."""
    found = books(tmp_path, text(region_groups={"china": ["cn-*"]}), own(discounts=[discount("0.2", **given)]))
    rates = found.look_up(eci(), NOV)

    assert f"{rates.rates[0].unit_price:f}" == paid
    assert rates.rates[0].list_price == Decimal("0.0000077")
    assert ("discount contract" in rates.rule) == (paid == "0.00000616" or "memory" in str(given))


def test_the_first_discount_that_holds_counts(tmp_path: Path) -> None:
    """They are never added up; a change of discount ends the rates."""
    ended, now = discount("0.5", to="2026-11-01"), discount("0.1", id="later", **{"from": "2026-11-01"})
    found = books(tmp_path, text(), own(discounts=[ended, now, discount("0.9")]))

    assert [first(found, when=t) for t in (TURN - 1, TURN)] == ["0.00000385", "0.00000693"]
    assert found.look_up(eci(), TURN - 1).until == TURN


def test_a_file_may_only_add_to_all(tmp_path: Path) -> None:
    """Fees, plans, discounts and rates of exchange that are of no one product."""
    fee = {"id": "slb", "amount": "0.02", "currency": "USD", **OTHER}
    plan = {"id": "sp", "hourly": "4.55", "discount": "0.545", "currency": "USD", **OTHER}
    adds = own(extends="", fees=[fee], commitments=[plan], discounts=[discount("1")])
    found = books(tmp_path, text(), adds)

    assert [(f.id, f.product, f.amount, f.currency, f.per) for f in found.fees] == [
        ("slb", "", D("0.02"), "USD", "hour")
    ]
    assert [(p.amount, p.currency, p.begin, p.end) for p in found.commitments] == [
        (D("4.55"), "USD", at("2024-01-01T00:00:00"), None)
    ]
    assert first(found) == "0"
    assert found.product_of(found.others[0]) == ""


def test_the_fees_of_a_product_are_in_its_books_currency(tmp_path: Path) -> None:
    """An own file's too, where it names none."""
    plan = {"id": "cud", "hourly": "1", "discount": "0.2", **OTHER}
    found = books(tmp_path, own(commitments=[plan], extends="gke-autopilot"), shipped=("gke-autopilot",))
    told = [(s.id, s.product, s.amount, s.currency) for s in (*found.fees, *found.commitments)]

    assert told == [("gke-management", "gke-autopilot", D("0.1"), "USD"), ("cud", "gke-autopilot", D(1), "USD")]


# Currencies.


def exchange(rate: str, **changes: Any) -> dict[str, Any]:
    return {"pair": "USD/EUR", "rate": rate, **OTHER, **changes}


def test_an_amount_is_told_at_the_rate_of_its_day(tmp_path: Path) -> None:
    """The rule keeps the pair and the rate, so that the bill's own price can be found again."""
    rates = [exchange("0.9", to="2026-11-01"), exchange("0.8", **{"from": "2026-11-01", "to": "2026-12-01"})]
    found = books(tmp_path, text(), own(extends="", exchange=rates), currency="EUR")
    before, after, late = (found.look_up(eci(), t) for t in (TURN - 1, TURN, TURN + 40 * DAY))

    assert [prices(r)[0] for r in (before, after)] == ["0.00000693", "0.00000616"]
    assert (before.until, before.rule, before.currency) == (TURN, "*/general-purpose/on_demand; USD/EUR 0.9", "EUR")
    assert (late.missing, late.currency) == ("no_fx_rate", "EUR")


def test_a_bill_in_the_asked_currency_is_taken_as_it_is(tmp_path: Path) -> None:
    """A book of two sites needs no exchange in either one's currency."""
    both = text(row(), row(currency="CNY", vcpu="0.000049"))

    assert [first(books(tmp_path, both, currency=c)) for c in ("USD", "CNY", "EUR")] == [
        "0.0000077", "0.000049", "no_fx_rate",
    ]  # fmt: skip


def test_an_own_file_may_choose_the_site(tmp_path: Path) -> None:
    """Billed in CNY and told in USD: at the rate of the day, rounded as the mainland's bill is."""
    china = own(extends="alibaba-eci", currency="CNY", exchange=[{**exchange("0.14"), "pair": "CNY/USD"}])
    found = books(tmp_path, china, shipped=("alibaba-eci",))
    rates = found.look_up(eci(), NOV)

    assert (prices(rates)[0], rates.currency, rates.rounding) == ("0.00000686", "USD", Decimal("0.0014"))
    assert rates.rule == "*/general-purpose/on_demand; CNY/USD 0.14"


@pytest.mark.parametrize(("currency", "fine"), [("USD", True), ("EUR", True), ("JPY", False)])
def test_books_know_whether_they_can_be_told_in_a_currency(tmp_path: Path, currency: str, fine: bool) -> None:
    """Settings that name another one are refused."""
    found = books(tmp_path, text(), own(extends="", exchange=[exchange("0.9")]), currency=currency)

    assert found.convertible("alibaba-eci") is fine


def test_the_currency_is_said_where_there_is_no_price(tmp_path: Path) -> None:
    """A row without an amount is grouped with those that have one."""
    assert books(tmp_path, text()).look_up(eci(product="other"), NOV).currency == "USD"


# Nodes.


def test_a_nodes_price_is_split_among_what_its_pods_ask_for(tmp_path: Path) -> None:
    """A pod that asks for all of it costs all of it; on another type the book's own guess holds."""
    node = {
        "type": "ecs.c7.large",
        "vcpu": "2",
        "memory_gib": "4",
        "price": "0.08",
        "from": "2025-01-01",
        "source": "test",
    }
    mine = own(nodes=[node], split={"vcpu": "0.031611", "memory": "0.004237"}, extends="plain-node")
    found = books(tmp_path, mine, shipped=("plain-node",))
    whole = found.look_up(eci(product="plain-node", instance_type="ecs.c7.large"), NOV)
    other = found.look_up(eci(product="plain-node", instance_type="ecs.c8.large"), NOV)

    assert abs(2 * whole.rates[0].unit_price + 4 * whole.rates[1].unit_price - Decimal("0.08")) < Decimal("1e-16")
    assert (whole.confidence, prices(other)[0], other.confidence) == ("high", "0.031611", "low")


def test_a_typed_price_is_by_the_second_of_its_hour(tmp_path: Path) -> None:
    """By the hour in the book, by the second on the bill."""
    found = books(tmp_path, text(row(), typed())).look_up(eci(vcpu=Decimal(0), instance_type="ecs.c6.large"), NOV)

    assert [(r.meter, r.unit, r.per_seconds) for r in found.rates] == [("instance_type", "Hours", 3600)]
