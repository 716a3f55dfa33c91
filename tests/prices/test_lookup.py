"""Choice of the valid price: by region, date, discount and currency."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collector.core.cost.billed_spec import Spec
from collector.core.model import Instant
from collector.prices import book
from collector.prices.book_yaml import BookError
from collector.prices.lookup import Books
from tests.builders import DAY, at
from tests.prices.written import JANUARY, NOV, PRODUCT, books, eci, own, prices, row, text, typed

D = Decimal
CHANGE = at("2026-11-01T00:00:00")
OTHER: dict[str, Any] = {"from": "2024-01-01", "source": "test"}


def first(found: Books, spec: Spec | None = None, when: Instant = NOV) -> str:
    """First valid unit price, or the reason why there is none."""
    valid = prices(found.look_up(spec or eci(), when))
    return valid if isinstance(valid, str) else valid[0]


# Regions.


def test_a_region_takes_precedence_over_its_group_and_a_group_over_any(tmp_path: Path) -> None:
    """The most specific row is used."""
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


def test_a_group_may_name_regions_by_prefix(tmp_path: Path) -> None:
    """The longest matching prefix decides, so that Hong Kong is not on the mainland."""
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
def test_a_spec_without_a_matching_row_has_no_price(tmp_path: Path, spec: dict[str, Any], why: str) -> None:
    """Every dimension must match; no price is derived from a similar one."""
    assert prices(books(tmp_path, text()).look_up(eci(**spec), NOV)) == why


def test_a_row_applies_to_any_class_or_purchase_only_with_an_asterisk(tmp_path: Path) -> None:
    """A storage price does not depend on how the machine was bought."""
    storage = row(vcpu=None, memory=None, ephemeral="3", per="hour", purchase="*", **{"class": "*"})
    economy = {"price_class": "economy", "purchase": "reserved", "ephemeral_gib": Decimal(2)}
    found = books(tmp_path, text(row(purchase="reserved", **{"class": "economy"}), storage)).look_up(
        eci(**economy), NOV
    )

    assert [(r.meter, r.unit, r.per_seconds) for r in found.rates] == [
        ("vcpu", "vCPU-Seconds", 1), ("memory", "GiB-Seconds", 1), ("ephemeral", "GiB-Hours", 3600),
    ]  # fmt: skip


def test_a_gpus_price_is_that_of_its_model(tmp_path: Path) -> None:
    """Without a model in the row, the price applies to any GPU."""
    found = books(
        tmp_path, text(row(), row(vcpu=None, memory=None, gpu="1", type="T4"), row(vcpu=None, memory=None, gpu="2"))
    )
    specs = [eci(gpu=Decimal(1), gpu_model=model) for model in ("T4", "A10", "")]

    assert [prices(found.look_up(spec, NOV))[-1] for spec in specs] == ["1", "2", "2"]


def test_a_flat_price_is_a_line_where_there_is_one(tmp_path: Path) -> None:
    """Such as an address or a licence: a fixed amount for each pod."""
    found = books(tmp_path, text(row(flat="0.005"))).look_up(eci(), NOV)

    assert [r.meter for r in found.rates] == ["vcpu", "memory", "flat"]


# Dates.


def test_a_price_is_valid_from_its_day_to_the_day_before_the_next(tmp_path: Path) -> None:
    """`from` is inclusive, `to` exclusive; the rates state the end of their validity."""
    found = books(tmp_path, text(row(to="2026-11-01"), row(vcpu="0.5", **{"from": "2026-11-01"})))

    assert [first(found, when=t) for t in (CHANGE - 1, CHANGE, CHANGE - DAY, CHANGE + DAY)] == [
        "0.0000077", "0.5", "0.0000077", "0.5",
    ]  # fmt: skip
    assert [found.look_up(eci(), t).until for t in (CHANGE - 1, CHANGE)] == [CHANGE, None]


def test_a_price_may_begin_at_a_providers_own_midnight(tmp_path: Path) -> None:
    """With an offset of eight hours before midnight UTC."""
    begin = "2026-11-01T00:00:00+08:00"
    found = books(tmp_path, text(row(to=begin), row(vcpu="0.5", **{"from": begin})))

    assert found.look_up(eci(), CHANGE - DAY).until == CHANGE - 8 * 3_600_000


def test_before_the_first_and_after_the_last_day_there_is_no_price(tmp_path: Path) -> None:
    """A book may end; missing rates state until when they are missing."""
    found = books(tmp_path, text(row(to="2025-01-01")))
    early = found.look_up(eci(), at("2023-12-31T23:59:59"))

    assert (early.missing, early.until) == ("no_on_demand_price", at("2024-01-01T00:00:00"))
    assert first(found, when=at("2025-01-01T00:00:00")) == "no_on_demand_price"


def test_the_cache_of_rates_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded whatever specs pods have."""
    monkeypatch.setattr("collector.prices.lookup.MOST_CACHED", 3)
    found = books(tmp_path, text())

    assert {first(found, eci(region=f"r{i}")) for i in range(10)} == {"0.0000077"}
    assert len(found._cache) <= 3


# A user's own file.


def test_an_own_file_takes_precedence_over_the_book_that_it_extends(tmp_path: Path) -> None:
    """Its prices apply while they are valid; the rest comes from the extended book."""
    own_file = own(row(vcpu="0.5", memory=None, to="2026-11-01"), discounts=[])
    found = books(tmp_path, text(), own_file)

    assert prices(found.look_up(eci(), CHANGE - 1)) == ["0.5", "0.00000096"]
    assert prices(found.look_up(eci(), CHANGE)) == ["0.0000077", "0.00000096"]
    assert found.look_up(eci(), NOV).book == "own@1+mine@1"
    assert found.names() == ["mine@1", "own@1"]


def test_an_own_file_may_extend_a_shipped_book(tmp_path: Path) -> None:
    """By its id; its oracles are tested against both books together."""
    oracle = {"spec": "2-4Gi", "seconds": "1", "cost": "1.00000384", "source": "by hand"}
    found = books(
        tmp_path,
        own(row(vcpu="0.5", memory=None), extends="alibaba-eci", currency="USD", oracles=[oracle]),
        shipped=("alibaba-eci",),
    )

    assert prices(found.look_up(eci(), NOV)) == ["0.5", "0.00000096"]
    assert book.read("book0.yaml", tmp_path).name == "own@1"


def test_an_own_file_that_misses_its_oracle_is_refused(tmp_path: Path) -> None:
    """Oracles are tested together with the extended book."""
    oracle = {"spec": "2-4Gi", "seconds": "1", "cost": "1", "source": "by hand"}

    with pytest.raises(BookError, match=r"book1\.yaml: oracles\[0\]\.cost: expected 1"):
        books(tmp_path, text(), own(oracles=[oracle]))


@pytest.mark.parametrize("given", [{"prices": [typed()]}, {"market": {"series": ["s.csv"]}}])
def test_own_prices_for_a_book_of_two_currencies_must_name_their_currency(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    """Otherwise they would silently apply to one site and not to the other."""
    (tmp_path / "s.csv").write_text("instance_type,zone,time,price\n", encoding="utf-8")

    with pytest.raises(
        BookError,
        match=r"book0\.yaml: currency: is missing; .* one of CNY, USD",
    ):
        books(tmp_path, own(**{"extends": "alibaba-eci", **given}), shipped=("alibaba-eci",))
    with_currency: dict[str, Any] = {"market": {"series": ["s.csv"], "currency": "USD"}}
    if "prices" in given:
        with_currency = {"prices": [typed(currency="USD")]}
    assert books(tmp_path, own(**{"extends": "alibaba-eci", **with_currency}), shipped=("alibaba-eci",)).layers


def test_the_extended_book_must_be_loaded(tmp_path: Path) -> None:
    """Otherwise the file would silently have no effect."""
    with pytest.raises(BookError, match=r"book0\.yaml: extends: 'mine' is not among the loaded books"):
        books(tmp_path, own(row()))
    with pytest.raises(BookError, match=r"'mine' is not among"):
        book.read("book0.yaml", tmp_path)


def test_a_file_is_checked_together_with_the_files_beside_it(tmp_path: Path) -> None:
    """`prices check` gets both files."""
    books(tmp_path, text(), own(row(vcpu="1")))

    assert book.read("book1.yaml", tmp_path, ["book0.yaml", "book1.yaml"]).name == "own@1"


def test_two_books_of_a_product_are_refused(tmp_path: Path) -> None:
    """It would be undefined which price is valid."""
    with pytest.raises(
        BookError, match=r"book0\.yaml: product: alibaba-eci already has a book, alibaba-eci; remove one"
    ):
        books(tmp_path, text(), shipped=("alibaba-eci",))


def test_a_book_named_twice_is_loaded_once(tmp_path: Path) -> None:
    """A duplicate name has no effect."""
    assert books(tmp_path, shipped=("alibaba-eci", "alibaba-eci")).names() == ["alibaba-eci@2026.11.3"]


def test_the_error_for_an_unknown_id_lists_the_shipped_books() -> None:
    """A typo in a book's id."""
    with pytest.raises(BookError, match=r"alibaba-ec1: prices: unknown book; use one of alibaba-acs, alibaba-eci"):
        book.load(["alibaba-ec1"], Path())


def test_a_users_own_product_is_recognised(tmp_path: Path) -> None:
    """A new cloud needs a new file and no code."""
    own_product = {**PRODUCT, "id": "huawei-cci", "detect": [{"key": "cci.io/pod"}], "priority": "5"}
    found = books(tmp_path, text(product=own_product))

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
def test_a_discount_reduces_the_matching_prices(tmp_path: Path, given: dict[str, Any], paid: str) -> None:
    """The list price is kept beside the discounted price, and the rule names the discount."""
    found = books(tmp_path, text(region_groups={"china": ["cn-*"]}), own(discounts=[discount("0.2", **given)]))
    rates = found.look_up(eci(), NOV)

    assert f"{rates.rates[0].unit_price:f}" == paid
    assert rates.rates[0].list_price == Decimal("0.0000077")
    assert ("discount contract" in rates.rule) == (paid == "0.00000616" or "memory" in str(given))


def test_the_first_valid_discount_is_used(tmp_path: Path) -> None:
    """Discounts are never added up; a change of discount ends the validity of the rates."""
    ended, now = discount("0.5", to="2026-11-01"), discount("0.1", id="later", **{"from": "2026-11-01"})
    found = books(tmp_path, text(), own(discounts=[ended, now, discount("0.9")]))

    assert [first(found, when=t) for t in (CHANGE - 1, CHANGE)] == ["0.00000385", "0.00000693"]
    assert found.look_up(eci(), CHANGE - 1).until == CHANGE


def test_a_file_may_only_add_rows_for_all_products(tmp_path: Path) -> None:
    """Fees, plans, discounts and exchange rates without a product."""
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
    """This also applies to a user's file without a currency."""
    plan = {"id": "cud", "hourly": "1", "discount": "0.2", **OTHER}
    found = books(tmp_path, own(commitments=[plan], extends="gke-autopilot"), shipped=("gke-autopilot",))
    costs = [(s.id, s.product, s.amount, s.currency) for s in (*found.fees, *found.commitments)]

    assert costs == [("gke-management", "gke-autopilot", D("0.1"), "USD"), ("cud", "gke-autopilot", D(1), "USD")]


# Currencies.


def exchange(rate: str, **changes: Any) -> dict[str, Any]:
    return {"pair": "USD/EUR", "rate": rate, **OTHER, **changes}


def test_an_amount_is_converted_at_the_exchange_rate_of_its_day(tmp_path: Path) -> None:
    """The rule names the pair and the rate, so that the original price can be reconstructed."""
    rates = [exchange("0.9", to="2026-11-01"), exchange("0.8", **{"from": "2026-11-01", "to": "2026-12-01"})]
    found = books(tmp_path, text(), own(extends="", exchange=rates), currency="EUR")
    before, after, late = (found.look_up(eci(), t) for t in (CHANGE - 1, CHANGE, CHANGE + 40 * DAY))

    assert [prices(r)[0] for r in (before, after)] == ["0.00000693", "0.00000616"]
    assert (before.until, before.rule, before.currency) == (CHANGE, "*/general-purpose/on_demand; USD/EUR 0.9", "EUR")
    assert (late.missing, late.currency) == ("no_fx_rate", "EUR")


def test_a_bill_in_the_requested_currency_is_not_converted(tmp_path: Path) -> None:
    """A book with prices in two currencies needs no exchange rate for either."""
    both = text(row(), row(currency="CNY", vcpu="0.000049"))

    assert [first(books(tmp_path, both, currency=c)) for c in ("USD", "CNY", "EUR")] == [
        "0.0000077", "0.000049", "no_fx_rate",
    ]  # fmt: skip


def test_an_own_file_may_choose_the_site(tmp_path: Path) -> None:
    """Billed in CNY and reported in USD: at the exchange rate of the day, rounded as on the mainland."""
    china = own(extends="alibaba-eci", currency="CNY", exchange=[{**exchange("0.14"), "pair": "CNY/USD"}])
    found = books(tmp_path, china, shipped=("alibaba-eci",))
    rates = found.look_up(eci(), NOV)

    assert (prices(rates)[0], rates.currency, rates.rounding) == ("0.00000686", "USD", Decimal("0.0014"))
    assert rates.rule == "*/general-purpose/on_demand; CNY/USD 0.14"


@pytest.mark.parametrize(("currency", "fine"), [("USD", True), ("EUR", True), ("JPY", False)])
def test_books_report_whether_they_are_convertible_to_a_currency(tmp_path: Path, currency: str, fine: bool) -> None:
    """Settings with another currency are refused."""
    found = books(tmp_path, text(), own(extends="", exchange=[exchange("0.9")]), currency=currency)

    assert found.convertible("alibaba-eci") is fine


def test_rates_without_a_price_have_a_currency(tmp_path: Path) -> None:
    """Reports group a row without an amount by its currency too."""
    assert books(tmp_path, text()).look_up(eci(product="other"), NOV).currency == "USD"


# Nodes.


def test_a_nodes_price_is_split_among_the_requests_of_its_pods(tmp_path: Path) -> None:
    """A pod that requests the whole node costs its whole price; other types use the book's estimate."""
    node = {"type": "ecs.c7.large", "vcpu": "2", "memory_gib": "4", "price": "0.08", **JANUARY, "source": "test"}
    own_file = own(nodes=[node], split={"vcpu": "0.031611", "memory": "0.004237"}, extends="plain-node")
    found = books(tmp_path, own_file, shipped=("plain-node",))
    whole = found.look_up(eci(product="plain-node", instance_type="ecs.c7.large"), NOV)
    other = found.look_up(eci(product="plain-node", instance_type="ecs.c8.large"), NOV)

    assert abs(2 * whole.rates[0].unit_price + 4 * whole.rates[1].unit_price - Decimal("0.08")) < Decimal("1e-16")
    assert (whole.confidence, prices(other)[0], other.confidence) == ("high", "0.031611", "low")


def test_a_price_of_an_instance_type_is_billed_by_the_second(tmp_path: Path) -> None:
    """The book has the price per hour; the bill is by the second."""
    found = books(tmp_path, text(row(), typed())).look_up(eci(vcpu=Decimal(0), instance_type="ecs.c6.large"), NOV)

    assert [(r.meter, r.unit, r.per_seconds) for r in found.rates] == [("instance_type", "Hours", 3600)]
