"""Each provider's format: what is read, to the last digit, and what is skipped with its reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from collector.prices.book_yaml import BookError
from tests.prices.official.made import (
    AZURE_MEMORY,
    GOOGLE_MEMORY,
    LISTS,
    MEMORY,
    VCPU,
    answer,
    imported,
    offer,
    page,
    saved,
    skus,
)

READ = {"source": "list", "read": "2026-11-30"}


def test_an_offer_file_in_json_and_in_csv_give_the_same_rows() -> None:
    """The CSV has more regions."""
    (json_rows, csv_rows) = (imported(LISTS / name).rows for name in ("aws-us-east-1.json", "aws-regions.csv"))

    assert json_rows == [row for row in csv_rows if row["region"] == "us-east-1"]
    assert json_rows[1] == {
        "region": "us-east-1",
        "per": "hour",
        "vcpu": "0.04048",
        "memory": "0.004445",
        "from": "2026-11-01",
        **READ,
    }


def test_an_answer_of_the_price_list_api_gives_the_rows_of_the_file(tmp_path: Path) -> None:
    """It has one text of JSON for each product; `aws pricing get-products` prints it."""
    document = json.loads((LISTS / "aws-us-east-1.json").read_text())
    document["products"]["OTHER"] = {"attributes": {"usagetype": "USE1-EKS-Auto:m5.large"}}
    texts = [
        json.dumps(
            {
                "product": p,
                "version": document["version"],
                "terms": {"OnDemand": document["terms"]["OnDemand"].get(sku, {})},
            }
        )
        for sku, p in document["products"].items()
    ]
    made = imported(saved(tmp_path, {"PriceList": texts, "FormatVersion": "aws_v1", "NextToken": "more"}))

    assert (made.rows, made.fees) == (imported(LISTS / "aws-us-east-1.json").rows, 1)
    assert made.notes == [
        "not imported: 1 other than Fargate for EKS and the hour of a cluster",
        "the last page names a next one: regions may lack until that is downloaded and imported too",
    ]
    assert "version 20261101000000" in made.text


def test_what_a_csv_has_besides_is_skipped_with_its_reason() -> None:
    """Spot, Arm, Windows and extended support are other usage types; a region without memory is not half priced."""
    made = imported(LISTS / "aws-regions.csv")

    assert "ap-south-1" not in made.regions
    assert made.notes[0].removeprefix("not imported: ").split("; ") == [
        "4 other than Fargate for EKS and the hour of a cluster",
        "1 outside regions, as in local zones",
        "1 of ap-south-1 general-purpose on_demand, with one of vCPU and memory only",
    ]


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        ({"usage": "USE1-SpotUsage-Fargate-vCPU-Hours:perCPU"}, "1 other than Fargate for EKS"),
        ({"usage": "Fargate-ARM-GB-Hours"}, "1 other than Fargate for EKS"),
        ({**VCPU, "unit": "quarter"}, "1 with the unit quarter"),
        ({**VCPU, "begin": "100"}, "1 in tiers of usage"),
        ({**VCPU, "price": "0.0000000000"}, "1 with a price of 0"),
        ({**VCPU, "sku": "OTHER"}, "1 without a price on demand"),
        ({**VCPU, "attributes": {"locationType": "AWS Outposts"}}, "1 outside regions"),
        ({**VCPU, "region": ""}, "1 without a region"),
        ({**VCPU, "region": "*"}, "1 without a region"),
        ({**VCPU, "currencies": {}}, "1 without a price on demand"),
    ],
)
def test_a_price_of_aws_that_is_not_sold_for_eks_in_a_region_is_skipped(
    tmp_path: Path, price: dict[str, Any], reason: str
) -> None:
    """Its reason is named."""
    made = imported(saved(tmp_path, offer(VCPU, MEMORY, price)))

    assert (len(made.rows), made.fees) == (1, 0)
    assert reason in made.notes[0]


def test_a_list_of_china_is_in_yuan(tmp_path: Path) -> None:
    """Its fee too; us-east-1 sometimes has no prefix, and regions may be chosen."""
    usages = ("Fargate-vCPU-Hours:perCPU", "Fargate-GB-Hours", "AmazonEKS-Hours:perCluster")
    prices = [{"usage": f"CNN1-{usage}", "region": "cn-north-1", "currency": "CNY", "price": "0.3"} for usage in usages]
    made = imported(saved(tmp_path, offer(*prices)), regions=frozenset({"cn-north-1"}))

    assert (made.currency, made.regions, made.fees) == ("CNY", ["cn-north-1"], 1)


@pytest.mark.parametrize(
    ("unit", "price", "per", "vcpu"),
    [
        ("1 Hour", 0.0405, "hour", "0.0405"),
        ("1 Second", 1.125e-05, "second", "0.00001125"),
        ("100 Seconds", 0.001125, "second", "0.00001125"),
        ("100 Hours", 4.05, "hour", "0.0405"),
    ],
)
def test_a_price_of_azure_is_for_as_many_units_as_it_states(
    tmp_path: Path, unit: str, price: float, per: str, vcpu: str
) -> None:
    """The number in unitOfMeasure divides it."""
    made = imported(saved(tmp_path, page({"unitOfMeasure": unit, "retailPrice": price}, AZURE_MEMORY)))

    assert [(row["per"], row["vcpu"]) for row in made.rows if "vcpu" in row] == [(per, vcpu)]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"meterName": "Standard Windows Software Duration"}, "1 other than vCPU and memory of Container Instances"),
        ({"serviceName": "Functions"}, "1 other than vCPU and memory of Container Instances"),
        ({"type": "Reservation"}, "1 of the type Reservation"),
        ({"isPrimaryMeterRegion": False}, "1 not of the primary meter of their region"),
        ({"armRegionName": ""}, "1 without a region"),
        ({"tierMinimumUnits": 10.0}, "1 in tiers of usage"),
        ({"retailPrice": 0.0}, "1 with a price of 0"),
        ({"unitOfMeasure": "1/Month"}, "1 with the unit 1/Month"),
        ({"unitOfMeasure": "1 GB Hour"}, "1 with the unit 1 GB Hour"),
        ({"unitOfMeasure": "3 Hours"}, "1 with the unit 3 Hours"),
        ({"unitOfMeasure": "0 Hours"}, "1 with the unit 0 Hours"),
    ],
)
def test_another_price_of_azure_is_skipped(tmp_path: Path, item: dict[str, Any], reason: str) -> None:
    """Its reason is named."""
    made = imported(saved(tmp_path, page({}, AZURE_MEMORY, item)))

    assert len(made.rows) == 1
    assert reason in made.notes[0]


def test_prices_that_follow_each_other_end_where_the_next_begins(tmp_path: Path) -> None:
    """The last may have an end of its own."""
    later = {"effectiveStartDate": "2026-06-01T00:00:00Z", "effectiveEndDate": "2027-01-01T08:00:00Z"}
    items = [{}, AZURE_MEMORY, {**later, "retailPrice": 0.06}, {**AZURE_MEMORY, **later, "retailPrice": 0.007}]
    made = imported(saved(tmp_path, page(*items)))

    assert [(r["vcpu"], r["memory"], r["from"], r["to"]) for r in made.rows] == [
        ("0.05", "0.006", "2026-01-01", "2026-06-01"),
        ("0.06", "0.007", "2026-06-01", "2027-01-01T08:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("sku", "reason"),
    [
        ({"name": "Arm Pod CPU Requests", "quantity": 1}, "1 other than pods of Autopilot"),
        ({"use": "Commit1Yr"}, "1 other than pods of Autopilot"),
        ({"use": "Preemptible"}, "1 other than pods of Autopilot"),
        ({"quantity": 1}, "1 with the unit h x 1, not h x 1000"),
        ({"name": "Pod Ephemeral Storage Requests", "unit": "GiBy.mo", "quantity": 1}, "1 with the unit GiBy.mo x 1"),
        ({"tiers": []}, "1 in tiers of usage"),
        ({"nanos": 0}, "1 with a price of 0"),
        ({"regions": []}, "1 without a price or a region"),
        ({"prices": 0}, "1 without a price or a region"),
        ({"regions": ["*"]}, "1 without a region"),
    ],
)
def test_another_price_of_google_is_skipped(tmp_path: Path, sku: dict[str, Any], reason: str) -> None:
    """A vCPU that is not counted in thousandths is not guessed."""
    made = imported(saved(tmp_path, skus({}, GOOGLE_MEMORY, sku)))

    assert len(made.rows) == 1
    assert reason in made.notes[0]


def test_classes_of_autopilot_have_prices_of_their_own(tmp_path: Path) -> None:
    """Scale-Out differs between x86 and Arm; each may be Spot."""
    names = ("Balanced ", "Scale-Out x86 ", "Scale-Out Arm ", "Scale-Out Arm Spot ")
    listed = [
        {
            **part,
            "name": f"{name}{part.get('name', 'Pod mCPU Requests')}",
            "use": "Preemptible" if "Spot" in name else "OnDemand",
        }
        for name in names
        for part in ({}, GOOGLE_MEMORY)
    ]
    made = imported(saved(tmp_path, skus(*listed)))

    assert [(row["class"], row.get("purchase"), row["vcpu"], row["memory"]) for row in made.rows] == [
        ("balanced", None, "0.05", "0.0055"),
        ("scale-out", None, "0.05", "0.0055"),
        ("scale-out-arm", None, "0.05", "0.0055"),
        ("scale-out-arm", "spot", "0.05", "0.0055"),
    ]


def test_a_price_of_google_is_units_and_nanos(tmp_path: Path) -> None:
    """For all regions of the SKU."""
    expensive = {"units": "1", "nanos": 1, "regions": ["a-1", "b-2"]}
    made = imported(saved(tmp_path, skus(expensive, {**GOOGLE_MEMORY, "regions": ["a-1", "b-2"]})))

    assert [(row["region"], row["vcpu"]) for row in made.rows] == [("a-1", "1000.000001"), ("b-2", "1000.000001")]


def ali(folder: Path, *answers: tuple[str, dict[str, Any]], **wanted: Any) -> Any:
    """The book of answers by the names of their files."""
    return imported(*(saved(folder, document, name) for name, document in answers), **wanted)


def test_two_sizes_give_the_prices_of_a_vcpu_and_a_gib_exactly(tmp_path: Path) -> None:
    """A third confirms them; the economy class has its own."""
    made = ali(
        tmp_path,
        ("cn-hangzhou_2-4Gi.json", answer(0.00012252)),
        ("cn-hangzhou_2-8Gi.json", answer(0.00014704)),
        ("cn-hangzhou_4-8Gi.json", answer(0.00024504)),
        ("cn-hangzhou_2-4Gi_economy.json", answer(7.852e-05, parts=(5.4e-05, 2.452e-05))),
    )

    assert [(row.get("class"), row["per"], row["vcpu"], row["memory"]) for row in made.rows] == [
        ("economy", "second", "0.000027", "0.00000613"),
        (None, "second", "0.000049", "0.00000613"),
    ]
    assert {row["from"] for row in made.rows} == {"2026-11-30"}


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"2-4Gi": answer(0.0001)}, "one size does not show what a vCPU and a GiB cost; add the answer"),
        ({"2-4Gi": answer(0.0001), "4-8Gi": answer(0.0002)}, "one size does not show"),
        (
            {"2-4Gi": answer(0.0001), "2-8Gi": answer(0.0002), "4-4Gi": answer(0.0003)},
            "cn-hangzhou_4-4Gi.json: PriceInfo.Price.OriginalPrice: 0.0003 is not the sum of one price of a vCPU",
        ),
        ({"2-4Gi": answer(0.0001), "2-7Gi": answer(0.0002)}, "give no price of a vCPU and a GiB within 18 places"),
        ({"2-4Gi": answer(0.0001), "2-8Gi": answer(0.0003)}, "give no price of a vCPU and a GiB within 18 places"),
        ({"2-4Gi": answer(0)}, "PriceInfo.Price.OriginalPrice: is 0; 2-4Gi is not sold in cn-hangzhou"),
        ({"2-4Gi": answer(0.0003, parts=(0.0001, 0.0001))}, "cpu 0.0001 and memory 0.0001 are not 0.0003"),
        ({"2-4Gi": answer(0.00012252000218722969)}, "with at most 18 places"),
        (
            {"2-4Gi": answer(0.1, SpotPrices={"SpotPrice": [{"ZoneId": "z", "InstanceType": "=1", "SpotPrice": 1}]})},
            "'=1' in 'z' is not a machine",
        ),
        (
            {
                "2-4Gi": answer(
                    0.1, SpotPrices={"SpotPrice": [{"ZoneId": "Z", "InstanceType": "ecs.c6.l", "SpotPrice": 1}]}
                )
            },
            "'ecs.c6.l' in 'Z' is not a machine",
        ),
    ],
)
def test_sizes_that_do_not_make_a_price_are_refused(
    tmp_path: Path, answers: dict[str, dict[str, Any]], error: str
) -> None:
    """With the file and the remedy."""
    with pytest.raises(BookError) as refused:
        ali(tmp_path, *((f"cn-hangzhou_{size}.json", document) for size, document in answers.items()))
    assert error in str(refused.value)


def test_the_price_of_a_machine_type_is_a_row_of_its_own(tmp_path: Path) -> None:
    """ECI's for a second; ECS' for an hour without its disk, which is a guess about ECI."""
    models = [{"Resource": "systemDisk", "OriginalPrice": 0.05}, {"Resource": "instanceType", "OriginalPrice": 0.39}]
    made = ali(
        tmp_path,
        ("cn-hangzhou_ecs.c6.large.json", answer(0.0001)),
        ("cn-hangzhou_ecs.c7.large.json", answer(0.44, price={"DetailInfos": {"ResourcePriceModel": models}})),
    )

    assert [(r["type"], r["per"], r["instance_type"], r.get("confidence")) for r in made.rows] == [
        ("ecs.c6.large", "second", "0.0001", None),
        ("ecs.c7.large", "hour", "0.39", "low"),
    ]


@pytest.mark.parametrize(
    ("name", "resource", "error"),
    [
        ("cn-hangzhou_2-4Gi.json", "instanceType", "is an answer of ECS, which prices machine types; name the file"),
        ("cn-hangzhou_ecs.c7.large.json", "instance", "has no part instanceType; ask for an instance with ChargeType"),
    ],
)
def test_an_answer_of_ecs_is_not_taken_for_one_of_eci(tmp_path: Path, name: str, resource: str, error: str) -> None:
    """Its price is for an hour, or for the period of a subscription."""
    models = {"ResourcePriceModel": [{"Resource": resource, "OriginalPrice": 0.39}]}

    with pytest.raises(BookError, match=error):
        ali(tmp_path, (name, answer(0.44, price={"DetailInfos": models})))


def test_an_account_with_a_discount_is_reminded_of_it(tmp_path: Path) -> None:
    """A book has list prices, and discounts apart."""
    made = ali(tmp_path, ("cn-hangzhou_ecs.c6.large.json", answer(0.0002, price={"DiscountPrice": 0.00005})))

    assert made.rows[0]["instance_type"] == "0.0002"
    assert "this account has 0.00005 off 0.0002; imported is the list price" in made.notes[1]


@pytest.mark.parametrize("name", ["answer.json", "hangzhou.json", "cn-hangzhou_big.json", "cn-hangzhou_2-4Gi_x.json"])
def test_a_name_without_region_and_size_is_refused(tmp_path: Path, name: str) -> None:
    """The answer does not have them."""
    with pytest.raises(
        BookError, match=r"name: must state the region and size of the answer, like cn-hangzhou_2-4Gi\.json"
    ):
        ali(tmp_path, (name, answer(0.1)))
