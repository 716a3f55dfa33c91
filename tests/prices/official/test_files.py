"""Files as a person gives them: recognised by their content, refused with file, place and remedy, made into one book."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.prices import book, book_yaml
from collector.prices.book_yaml import BookError
from collector.prices.official import files
from collector.prices.official.as_book import HEADER
from collector.prices.official.downloads import DOWNLOADS, how_to_import
from collector.prices.official.listed import SpotPrice
from collector.prices.official.spot_series import with_prices
from tests.prices.official.made import (
    AZURE_MEMORY,
    GOOGLE_MEMORY,
    LISTS,
    MEMORY,
    VCPU,
    imported,
    offer,
    page,
    saved,
    skus,
)

CSV = (LISTS / "aws-regions.csv").read_text(encoding="utf-8")
FEE = {"usage": "EUW1-AmazonEKS-Hours:perCluster", "price": "0.1000000000"}


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ("", "file: is not a list of prices that is known; give AWS's offer file"),
        ("sku;price\n", "header: no line that begins with SKU"),
        ('"FormatVersion","v1.0"\n"SKU","TermType"\n', "header: has no column currency, effectivedate, priceperunit"),
        (CSV.replace("AmazonEKS", "AmazonEC2"), "OfferCode: is AmazonEC2; only the offer AmazonEKS has Fargate"),
        (CSV + '"A","B"\n', "line 42: has 2 columns, not 24; the file is damaged or incomplete, download it again"),
        (CSV + '"A"B\n', "line 42: not valid CSV"),
        (CSV.replace("0.0465600000", "-1"), "line 19: invalid price '-1'"),
        (CSV.replace("2026-11-01", "1.11."), "line 7: invalid date '1.11.', expected one like 2026-11-01T00:00:00Z"),
        ("{", "file: Input data was truncated; the file is damaged or incomplete, download it again"),
        ('{"Items": [1,2}', "byte 14: JSON is malformed: expected ',' or ']'"),
        ('{"a":' + "[" * 100_000, "file: is nested too deeply"),
        ("{}", "top: has no prices that are known; give AWS's offer file"),
        ({"offerCode": "AmazonECS"}, "offerCode: is AmazonECS; only the offer AmazonEKS has Fargate for EKS"),
        (offer(VCPU, products=[]), "products: Expected `object`, got `array`"),
        (offer(VCPU, MEMORY, terms={"OnDemand": {"SKU0": 1}}), "terms.OnDemand.SKU0: Expected `object`, got `int`"),
        (offer({**VCPU, "price": "1e5"}, MEMORY), "terms.OnDemand.SKU0: invalid price '1e5'"),
        (offer(VCPU, {**MEMORY, "currency": "CNY"}), "SKU1: is in CNY, but other prices are in USD; import each"),
        (
            offer(VCPU, MEMORY, {**VCPU, "price": "0.05"}),
            "eu-west-1 general-purpose on_demand vcpu: has two prices from",
        ),
        (
            offer(VCPU),
            "no price of aws-fargate-eks in it; not imported: 1 of eu-west-1 general-purpose on_demand, with one",
        ),
        ({"PriceList": ["{"]}, "PriceList[0]: Input data was truncated"),
        ({"PriceList": [1]}, "PriceList[0]: Expected `str`, got `int`"),
        (page({"retailPrice": "much"}), "Items[0].retailPrice: "),
        (page({"retailPrice": 1e300}), "Items[0].retailPrice: invalid price"),
        (
            page({}, {**AZURE_MEMORY, "currencyCode": "EUR"}),
            "Items[1].currencyCode: is in EUR, but other prices are in USD",
        ),
        (page(), "no price of azure-aci in it; not imported: nothing"),
        (skus({}, {**GOOGLE_MEMORY, "nanos": -1}), "skus[1].pricingInfo[0].nanos: invalid price"),
        (skus({"units": "x"}), "skus[0].pricingInfo[0].units: invalid price 'x'"),
        (
            skus({"currency": "XAU"}, {**GOOGLE_MEMORY, "currency": "XAU"}),
            "skus[0].pricingInfo[0]: the currency 'XAU' is unknown; use one of",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_place(tmp_path: Path, document: Any, error: str) -> None:
    """And with what to do."""
    path = saved(tmp_path, document)

    with pytest.raises(BookError) as refused:
        imported(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert error in str(refused.value)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"\x1f\x8b\x08", "is packed; unpack it first"),
        (b"PK\x03\x04", "is packed"),
        (b'{"Items": "\xff"}', "Items: "),
        (b'"FormatVersion","\xff"\n', "file: is not text in UTF-8"),
    ],
)
def test_a_file_that_is_not_text_is_refused(tmp_path: Path, content: bytes, error: str) -> None:
    """A packed one with the remedy."""
    (tmp_path / "list").write_bytes(content)

    with pytest.raises(BookError, match=error):
        imported(tmp_path / "list")


def test_a_file_that_is_missing_or_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is parsed."""
    with pytest.raises(BookError, match="file: cannot be read: No such file"):
        imported(tmp_path / "none.json")
    monkeypatch.setattr(files, "MOST_BYTES", 20)
    with pytest.raises(BookError, match="is longer than"):
        imported(saved(tmp_path, page({}, AZURE_MEMORY)))


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """Editors write one, in JSON and in CSV."""
    document = json.dumps(page({}, AZURE_MEMORY))

    assert imported(saved(tmp_path, "\ufeff" + document)).rows == imported(saved(tmp_path, document)).rows
    assert imported(saved(tmp_path, "\ufeff" + CSV)).rows == imported(LISTS / "aws-regions.csv").rows


def test_pages_make_one_book(tmp_path: Path) -> None:
    """A price that stands on two pages counts once; what a page lacks, the next has."""
    first = saved(tmp_path, page({}, NextPageLink="https://prices.azure.com/next"), "1.json")
    second = saved(tmp_path, page({}, AZURE_MEMORY), "2.json")
    made = imported(first, second)

    assert [(row["vcpu"], row["memory"]) for row in made.rows] == [("0.05", "0.006")]
    assert made.notes == ["not imported: nothing"]


def test_a_page_that_lacks_is_noticed(tmp_path: Path) -> None:
    """Each file names a next one."""
    path = saved(tmp_path, skus({}, GOOGLE_MEMORY, nextPageToken="abc"))

    assert imported(path).notes[1].startswith("the last page names a next one: regions may lack")


def test_files_of_two_products_or_currencies_are_refused(tmp_path: Path) -> None:
    """A book extends one, and has one bill."""
    azure = saved(tmp_path, page({}, AZURE_MEMORY), "azure.json")
    google = saved(tmp_path, skus({}, GOOGLE_MEMORY), "google.json")
    euros = saved(tmp_path, page(*({**part, "currencyCode": "EUR"} for part in ({}, AZURE_MEMORY))), "euros.json")

    with pytest.raises(
        BookError, match=r"google\.json: file: has prices of gke-autopilot, and .*azure\.json of azure-aci"
    ):
        imported(azure, google)
    with pytest.raises(
        BookError, match=r"currency: the files are in USD \(.*\), EUR \(.*\); import each currency apart"
    ):
        imported(azure, euros)


def test_a_region_that_is_not_in_the_list_is_refused() -> None:
    """With those that are."""
    with pytest.raises(BookError, match="region: no price of mars; the list has asia-east1, asia-southeast1, us-east1"):
        imported(LISTS / "google-regions.json", regions=frozenset({"mars", "us-east1"}))


def test_one_region_of_several_is_imported() -> None:
    """Others are not in the book."""
    made = imported(LISTS / "aws-regions.csv", regions=frozenset({"eu-central-1"}))

    assert {row["region"] for row in made.rows} == {"eu-central-1"}
    assert made.regions == ["eu-central-1"]


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        ("", [("0.05", "2026-01-01", "2026-06-01"), ("0.06", "2026-06-01", None)]),
        ("2025-01-01", [("0.05", "2025-01-01", "2026-06-01"), ("0.06", "2026-06-01", None)]),
        ("2026-03-01", [("0.05", "2026-03-01", "2026-06-01"), ("0.06", "2026-06-01", None)]),
        ("2026-06-01", [("0.06", "2026-06-01", None)]),
        ("2026-09-01", [("0.06", "2026-09-01", None)]),
    ],
)
def test_prices_may_begin_on_another_day_than_the_list_states(
    tmp_path: Path, begin: str, expected: list[tuple[str, str, str | None]]
) -> None:
    """Lists name the day of their last version, though the price is older."""
    later = {"effectiveStartDate": "2026-06-01T00:00:00Z"}
    items = [{}, AZURE_MEMORY, {**later, "retailPrice": 0.06}, {**AZURE_MEMORY, **later}]
    rows = imported(saved(tmp_path, page(*items)), begin=begin).rows

    assert [(row["vcpu"], row["from"], row.get("to")) for row in rows] == expected


def test_a_price_that_has_ended_is_kept_where_no_other_follows(tmp_path: Path) -> None:
    """The check of the book refuses it if it would end before it begins."""
    ended = {"effectiveEndDate": "2026-06-01T00:00:00Z"}
    path = saved(tmp_path, page(ended, {**AZURE_MEMORY, **ended}))

    assert imported(path).rows[0]["to"] == "2026-06-01"
    with pytest.raises(BookError, match="2026-06-01 is not after 2026-09-01"):
        imported(path, begin="2026-09-01")


def test_the_fee_of_a_cluster_is_imported_if_it_is_the_same_everywhere(tmp_path: Path) -> None:
    """A fee of a book has no region; one of each region may be imported."""
    dear = {**FEE, "region": "sa-east-1", "price": "0.2000000000"}
    path = saved(tmp_path, offer(VCPU, MEMORY, FEE, dear))

    assert (imported(path).fees, "2 of the fee of a cluster, which differs" in imported(path).notes[0]) == (0, True)
    one = book_yaml.parse(imported(path, regions=frozenset({"eu-west-1"}), begin="2026-10-01").text.encode(), "x").fees
    assert [(fee.id, fee.amount, fee.begin) for fee in one] == [("eks-control-plane", "0.1", "2026-10-01")]


def test_the_book_is_valid_and_names_its_source(tmp_path: Path) -> None:
    """`prices check` accepts it; its amounts survive another YAML reader."""
    made = imported(LISTS / "aws-regions.csv")
    (tmp_path / "own.yaml").write_text(made.text, encoding="utf-8")
    read = book.read("own.yaml", tmp_path)

    assert made.text.startswith(HEADER)
    assert (read.name, read.extends, read.currency) == ("own@2026-11-30", "aws-fargate-eks", "USD")
    assert read.sources == {"list": "AWS's offer file of AmazonEKS, version 20261101000000"}
    assert yaml.safe_load(made.text)["prices"] == made.rows


def spot(zone: str, amount: int) -> SpotPrice:
    """A market price in a zone of Hangzhou."""
    return SpotPrice("ecs.c6.large", f"cn-hangzhou-{zone}", Decimal(amount))


def test_spot_prices_are_added_to_those_of_earlier_imports(tmp_path: Path) -> None:
    """So that a daily import makes a history; a second import of the same time replaces the first."""
    path = tmp_path / "own-spot.csv"
    path.write_text(with_prices(path, [spot("b", 1)], "2026-11-29T10:00:00Z"))
    later = [spot("b", 2), spot("a", 3)]
    path.write_text(with_prices(path, [spot("b", 9)], "2026-11-30T10:00:00Z"))
    path.write_text(with_prices(path, later, "2026-11-30T10:00:00Z"))

    assert path.read_text().splitlines() == [
        "instance_type,zone,time,price",
        "ecs.c6.large,cn-hangzhou-a,2026-11-30T10:00:00Z,3",
        "ecs.c6.large,cn-hangzhou-b,2026-11-29T10:00:00Z,1",
        "ecs.c6.large,cn-hangzhou-b,2026-11-30T10:00:00Z,2",
    ]


@pytest.mark.parametrize(
    ("product", "region", "source"),
    [
        (
            "aws-fargate-eks",
            "eu-west-1",
            "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonEKS/current/eu-west-1/",
        ),
        (
            "aws-fargate-eks",
            "cn-north-1",
            "https://pricing.cn-north-1.amazonaws.com.cn/offers/v1.0/cn/AmazonEKS/current/cn-north-1/",
        ),
        ("alibaba-eci", "cn-beijing", "--RegionId cn-beijing --Cpu 2 --Memory 4 as cn-beijing_2-4Gi.json"),
    ],
)
def test_a_region_without_a_price_is_one_command_away(product: str, region: str, source: str) -> None:
    """The list to download, the command, and where its book goes."""
    shown = how_to_import(product, region)

    assert source in shown
    assert f"--region {region} --out {product}-{region}.yaml`, and add that file to `prices`" in shown


def test_a_product_without_a_list_has_no_such_advice() -> None:
    """ACS is on pages and bills; each other product of a cloud has a list."""
    assert how_to_import("alibaba-acs", "cn-beijing") == how_to_import("gke-autopilot", "") == ""
    assert DOWNLOADS.keys() == {*book.shipped_ids()} - {"alibaba-acs", "plain-node"}
