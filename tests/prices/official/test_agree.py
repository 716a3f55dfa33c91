"""What the importers read of official lists, and the shipped books, agree wherever both have a price."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from collector.prices import book, book_yaml
from collector.prices.official.alibaba_answers import QueriedSize
from collector.prices.quote import QuoteRequest, quote
from collector.prices.schema import PER_SECONDS, Book, PriceRow, parse_instant
from tests.prices.official.made import LISTS, imported

FILES = sorted(path for path in LISTS.iterdir() if path.suffix != ".md")
NEWER = parse_instant("2027-01-01")


def unit_prices(priced: Book) -> dict[tuple[str, ...], Decimal]:
    """The price an hour of each meter by region, class, purchase, type and currency."""
    return {key: amount for row in priced.prices for key, amount in _of_row(row, priced.currency)}


def _of_row(row: PriceRow, currency: str) -> Iterator[tuple[tuple[str, ...], Decimal]]:
    for meter, amount in row.meters().items():
        key = (row.region, row.price_class, row.purchase, row.type, row.currency or currency, meter)
        yield key, Decimal(amount) * 3600 / PER_SECONDS[row.per]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_list_and_the_shipped_book_agree(path: Path) -> None:
    """In every price that both have, to the last digit of an hour's price; each list has some."""
    listed = book_yaml.parse(imported(path).text.encode(), path.name)
    theirs, ours = unit_prices(listed), unit_prices(book.read(listed.extends, Path()))
    ours |= {("cn-hangzhou", *key[1:]): amount for key, amount in ours.items() if key[0] == "*"}
    common = theirs.keys() & ours.keys()

    assert common
    assert {key: theirs[key] for key in common} == {key: ours[key] for key in common}


@pytest.mark.parametrize("product", ["aws-fargate-eks", "gke-autopilot", "azure-aci"])
def test_each_shipped_region_is_in_a_list(product: str) -> None:
    """So that a shipped row cannot differ from its source unnoticed; us-west4 and Arm of ECS are in no list here."""
    listed = [book_yaml.parse(imported(path).text.encode(), path.name) for path in FILES]
    known = {key[0] for other in listed if other.extends == product for key in unit_prices(other)}
    shipped = {key[0] for key in unit_prices(book.read(product, Path()))}

    assert shipped - known == ({"us-west4"} if product == "gke-autopilot" else set())


def test_the_fee_of_a_cluster_agrees() -> None:
    """The list's replaces the shipped one, so a cluster pays one of them."""
    listed = book_yaml.parse(imported(LISTS / "aws-us-east-1.json").text.encode(), "aws.yaml").fees
    shipped = book.read("aws-fargate-eks", Path()).fees

    assert [(f.id, Decimal(f.amount), f.per) for f in listed] == [(f.id, Decimal(f.amount), f.per) for f in shipped]


@pytest.mark.parametrize(
    ("name", "product", "request_", "cost"),
    [
        ("aws-us-east-1.json", "aws-fargate-eks", {"spec": "1vCPU 2GB"}, "0.04937"),
        ("aws-regions.csv", "aws-fargate-eks", {"spec": "1vCPU 2GB", "region": "eu-central-1"}, "0.05678"),
        ("azure-eastus.json", "azure-aci", {"spec": "1-1Gi", "region": "eastus"}, "0.04495"),
        ("azure-eastus.json", "azure-aci", {"spec": "1-1Gi", "purchase": "spot"}, "0.013485"),
        ("google-us-central1.json", "gke-autopilot", {"spec": "1-4Gi"}, "0.06419"),
        ("google-us-central1.json", "gke-autopilot", {"spec": "1-4Gi", "purchase": "spot"}, "0.0192068"),
        ("cn-hangzhou_2-4Gi.json", "alibaba-eci", {"spec": "2-4Gi"}, "0.441072"),
    ],
)
def test_a_quote_gives_the_price_of_the_list(
    tmp_path: Path, name: str, product: str, request_: dict[str, str], cost: str
) -> None:
    """An hour at the list's prices, without the shipped book's doubt about its own."""
    (tmp_path / "own.yaml").write_text(imported(LISTS / name).text, encoding="utf-8")
    books = book.load([product, "own.yaml"], tmp_path, "CNY" if name.startswith("cn-") else "USD")
    answer = quote(books, QuoteRequest(product=product, seconds=3600, **request_), NEWER)  # type: ignore[arg-type]

    assert (answer.cost, answer.missing) == (Decimal(cost), "")
    assert answer.rates.confidence == "high"
    assert "own@2026-11-30" in answer.rates.book


def test_the_command_states_region_and_size_where_the_name_of_a_file_does_not(tmp_path: Path) -> None:
    """The region and the size are in the command instead."""
    path = tmp_path / "answer.json"
    path.write_bytes((LISTS / "cn-hangzhou_2-4Gi.json").read_bytes())

    assert imported(path, queried=QueriedSize("cn-beijing", "2-4Gi")).rows[0]["region"] == "cn-beijing"
    with pytest.raises(book_yaml.BookError, match=r"answer\.json: name: must state the region and size"):
        imported(path, queried=QueriedSize("cn-beijing"))
