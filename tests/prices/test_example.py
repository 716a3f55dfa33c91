"""Example of a user's own prices in the documentation."""

from decimal import Decimal
from pathlib import Path

import yaml

from collector.prices import book
from collector.prices.quote import QuoteRequest, quote
from collector.prices.schema import Fee
from tests.builders import at
from tests.prices.written import NOV, by_type, eci

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"


def test_the_example_of_own_prices_works() -> None:
    """It passes its oracles, and its discounts and node prices apply as its comments state."""
    found = book.load(["alibaba-eci", "our-prices.yaml"], EXAMPLES)
    reserved = found.look_up(by_type(instance_type="ecs.g7.2xlarge", purchase="reserved"), NOV)
    rates = found.look_up(eci(), NOV)

    assert (rates.rates[0].unit_price, rates.rates[0].list_price) == (Decimal("0.000006545"), Decimal("0.0000077"))
    assert reserved.rates[0].unit_price == Decimal("0.25")
    assert [fee.id for fee in found.fees] == ["slb"]


def test_the_templates_of_fees_work() -> None:
    """Each row names its cluster, its source and the day on which that was read; a credit is negative."""
    found = book.load(["alibaba-eci", "gke-autopilot", "alibaba-shared.yaml", "cluster-fees.yaml"], EXAMPLES)
    fees = {fee.id: fee for fee in found.fees}
    vnode = quote(found.in_currency("CNY"), QuoteRequest(product="alibaba-eci", spec="2-8Gi", seconds=3600), NOV).cost

    assert {name: (fee.amount, fee.currency) for name, fee in fees.items()} == {
        "argo-cluster": (Decimal("0.64"), "CNY"), "argo-clb": (Decimal("0.147"), "CNY"),
        "older-clb": (Decimal("0.147"), "CNY"),
        "ack-pro": (Decimal("0.64"), "CNY"), "vnode": (vnode, "CNY"),
        "eks-extended-support": (Decimal("0.50"), "USD"), "gke-free-tier": (Decimal("-0.10"), "USD"),
        "gke-management": (Decimal("0.10"), "USD"),
    }  # fmt: skip
    assert all(fee.row.read for fee in fees.values())
    assert fees["older-clb"].begin == at("2026-11-30T16:00:00")
    assert all(isinstance(fee.row, Fee) and fee.row.clusters for name, fee in fees.items() if name != "gke-management")


def test_a_shipped_book_survives_a_plain_yaml_reader(tmp_path: Path) -> None:
    """A rewrite with another YAML tool keeps every digit, since amounts are in quotes."""
    for name in book.shipped_ids():
        raw = yaml.safe_load((Path(book.__file__).parent / "books" / f"{name}.yaml").read_bytes())
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")

        assert book.read(f"{name}.yaml", tmp_path).prices == book.read(name, tmp_path).prices
