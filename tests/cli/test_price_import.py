"""`lynceus prices import`: from a downloaded list to the price of a pod."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from collector.cli.main import app
from collector.cli.price_import import MOST_REGIONS
from collector.prices.book_yaml import BookError
from collector.reports.report import ReportError
from tests.prices.official.made import LISTS, MEMORY, VCPU, answer, offer, saved

HOUR = ("--seconds", "3600", "--at", "2026-12-01", "--format", "json")
DOWNLOADED = 1_796_000_000
"""Second at which the files were last changed: 2026-11-30T01:33:20Z."""


def prices(*arguments: str | Path) -> Result:
    """The command as a user types it."""
    return CliRunner().invoke(app, ["prices", *map(str, arguments)])


def refused(*arguments: str | Path) -> str:
    """The error of a command."""
    error = prices(*arguments).exception
    assert isinstance(error, (ReportError, BookError))
    return str(error)


def downloaded(folder: Path, document: Any, name: str = "list.json") -> Path:
    """A list as a file of a known day."""
    path = saved(folder, document, name)
    os.utime(path, (DOWNLOADED, DOWNLOADED))
    return path


def quoted(config: Path, *arguments: str) -> dict[str, Any]:
    """A quote for an hour."""
    result = prices("quote", *HOUR, *arguments, "--config", config)
    return dict(json.loads(result.stdout)) if result.exit_code == 0 else {"error": str(result.exception)}


def test_a_region_gets_its_price_with_one_command(tmp_path: Path) -> None:
    """Without the list the quote fails and names the command; with its book in `prices` it is the price of the list."""
    (config := tmp_path / "lynceus.yaml").write_text("prices: [aws-fargate-eks]\n")
    ireland = ("--product", "aws-fargate-eks", "--spec", "1vCPU 2GB", "--region", "eu-west-3")
    before = quoted(config, *ireland)["error"]
    assert "no price: no_on_demand_price; save https://pricing.us-east-1.amazonaws.com/" in before
    assert "lynceus prices import index.json --region eu-west-3 --out aws-fargate-eks-eu-west-3.yaml" in before

    list_ = downloaded(tmp_path, offer(*({**part, "region": "eu-west-3"} for part in (VCPU, MEMORY))), "index.json")
    options = ("--region", "eu-west-3", "--out", tmp_path / "aws.yaml")
    done = prices("import", list_, *options)
    config.write_text("prices: [aws-fargate-eks, aws.yaml]\n")
    after = quoted(config, *ireland)

    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines() == [
        "aws-fargate-eks: 1 row of prices and 0 fees, 1 region (eu-west-3), from 2026-11-01",
        "not imported: nothing",
        f"bills are in USD; name it in the settings: prices: [aws-fargate-eks, {tmp_path}/aws.yaml]",
    ]
    assert (after["cost"], after["confidence"], after["read"]) == ("0.04937", "high", "2026-11-30")
    assert prices("check", tmp_path / "aws.yaml").exit_code == 0
    earlier = quoted(config, *ireland, "--at", "2026-10-31")["error"]
    assert "no price: no_on_demand_price; it has one from 2026-11-01 on, and `--from DAY`" in earlier


def test_spot_prices_of_alibaba_go_into_a_series_beside_the_book(tmp_path: Path) -> None:
    """At the time of the answer; the region and size may be options."""
    spot = {"SpotPrice": [{"ZoneId": "cn-hangzhou-b", "InstanceType": "ecs.c6.large", "SpotPrice": 0.056}]}
    path = downloaded(tmp_path, answer(0.0001, SpotPrices=spot), "answer.json")
    options = (
        "--region",
        "cn-hangzhou",
        "--spec",
        "ecs.c6.large",
        "--from",
        "2026-11-01",
        "--out",
        tmp_path / "eci.yaml",
    )
    (config := tmp_path / "lynceus.yaml").write_text("currency: CNY\nprices: [alibaba-eci, eci.yaml]\n")
    done = prices("import", path, *options)
    machine = ("--product", "alibaba-eci", "--instance-type", "ecs.c6.large", "--zone", "cn-hangzhou-b")

    assert "1 spot price added to eci-spot.csv, each used for a day" in done.stderr
    assert "from 2026-11-01" in done.stderr
    assert (tmp_path / "eci-spot.csv").read_text().splitlines()[
        1
    ] == "ecs.c6.large,cn-hangzhou-b,2026-11-30T00:53:20Z,0.056"
    found = quoted(config, *machine, "--purchase", "spot", "--at", "2026-11-30T12:00:00Z")
    assert (found["cost"], found["list_cost"]) == ("0.056", "0.36")


def test_without_a_file_the_book_is_printed(tmp_path: Path) -> None:
    """The summary goes to standard error; of many regions it names some; spot prices need a file."""
    regions = [f"eu-north-{i}" for i in range(MOST_REGIONS + 1)]
    rows = [{**part, "region": region} for region in regions for part in (VCPU, MEMORY)]
    done = prices("import", downloaded(tmp_path, offer(*rows)), "--read", "2026-11-20")
    spot = {"SpotPrice": [{"ZoneId": "z", "InstanceType": "ecs.c6.large", "SpotPrice": 1}]}
    other = prices("import", downloaded(tmp_path, answer(1, SpotPrices=spot), "cn-hangzhou_ecs.c6.large.json"))

    assert "id: aws-fargate-eks-list\nversion: '2026-11-20'\n" in done.stdout
    assert f"9 regions ({', '.join(regions[:MOST_REGIONS])}, ...)" in done.stderr
    assert "not imported: 1 spot price, which need a file: give --out" in other.stderr


def test_an_imported_book_is_replaced_and_another_file_is_not(tmp_path: Path) -> None:
    """A typing error must not cost a book that was written by hand."""
    path = downloaded(tmp_path, offer(VCPU, MEMORY))
    (own := tmp_path / "own.yaml").write_text("id: own\n")

    assert [prices("import", path, "--out", tmp_path / "aws.yml").exit_code for _ in range(2)] == [0, 0]
    assert refused("import", path, "--out", own).endswith(
        "exists, and is not an imported book; give another name, or remove it"
    )
    assert own.read_text() == "id: own\n"
    assert refused("import", path, "--out", tmp_path / "aws.json").endswith("a price book is a file that ends in .yaml")
    assert "cannot be written: No such file" in refused("import", path, "--out", tmp_path / "none" / "aws.yaml")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--from", "today"), "--from: invalid day 'today'"),
        (("--read", "x"), "--read: invalid day 'x'"),
        (("--region", "mars"), "region: no price of mars; the list has us-east-1"),
    ],
)
def test_a_wrong_option_is_refused(options: tuple[str, ...], error: str) -> None:
    """Before anything is written."""
    assert error in refused("import", LISTS / "aws-us-east-1.json", *options)


def test_the_help_shows_where_the_lists_are() -> None:
    """Of each provider."""
    shown = "".join(prices("import", "--help").stdout.split())

    assert "pricing.us-east-1.amazonaws.com" in shown
    assert all(
        place in shown for place in ("prices.azure.com", "cloudbilling.googleapis.com", "DescribeContainerGroupPrice")
    )
