"""The own prices that the documentation shows."""

from decimal import Decimal
from pathlib import Path

import yaml

from collector.prices import book
from tests.prices.written import NOV, by_type, eci

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"


def test_the_example_of_own_prices_is_one() -> None:
    """It holds its oracles, and what it says of discounts and nodes of the fleet is so."""
    found = book.load(["alibaba-eci", "our-prices.yaml"], EXAMPLES)
    reserved = found.look_up(by_type(instance_type="ecs.g7.2xlarge", purchase="reserved"), NOV)
    rates = found.look_up(eci(), NOV)

    assert (rates.rates[0].unit_price, rates.rates[0].list_price) == (Decimal("0.000006545"), Decimal("0.0000077"))
    assert reserved.rates[0].unit_price == Decimal("0.25")
    assert [fee.id for fee in found.fees] == ["slb"]


def test_a_shipped_book_survives_a_plain_yaml_reader(tmp_path: Path) -> None:
    """Whoever reads and writes one with another tool loses no digit: amounts stand in quotes."""
    for name in book.shipped_ids():
        told = yaml.safe_load((Path(book.__file__).parent / "books" / f"{name}.yaml").read_bytes())
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")

        assert book.read(f"{name}.yaml", tmp_path).prices == book.read(name, tmp_path).prices
