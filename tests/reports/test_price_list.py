"""A price quote and a list of books, as a person or a program reads them."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from collector.prices import book
from collector.prices.quote import QuoteRequest, quote
from collector.reports import price_list
from collector.reports.render import as_json
from collector.reports.report import ReportError
from tests.builders import NOON


def eci_request(**changes: Any) -> QuoteRequest:
    """An hour on ECI in Hangzhou, with changes."""
    return QuoteRequest(**{"product": "alibaba-eci", "seconds": 3600, "region": "cn-hangzhou", **changes})


def quoted(
    form: str, spec: str = "2-4Gi", currency: str = "USD", seconds: int = 3600, purchase: str = "on_demand"
) -> str:
    """What is printed for a spec on ECI."""
    shipped = book.load(["alibaba-eci"], Path(), currency)
    answer = quote(shipped, eci_request(seconds=seconds, spec=spec, purchase=purchase), NOON)
    out = io.StringIO()
    price_list.print_quote(answer, form, Console(file=out, width=120))
    return out.getvalue()


def test_json_has_the_documented_fields() -> None:
    """Scripts rely on their names, and on amounts as strings."""
    assert json.loads(quoted("json")) == {
        "product": "alibaba-eci", "region": "cn-hangzhou", "zone": "", "purchase": "on_demand",
        "class": "general-purpose", "billed_vcpu": "2", "billed_memory_gib": "4", "billed_ephemeral_gib": "0", "gpu": "0",
        "instance_type": "", "billed_seconds": 3600, "currency": "USD", "cost": "0.069264", "list_cost": "0.069264",
        "rounded_cost": "0.069264", "price_book": "alibaba-eci@2026.11.3", "rule": "*/general-purpose/on_demand; unconfirmed",
        "read": "2026-11-29", "spec_source": "annotation", "confidence": "low",
        "meters": [
            {"meter": "vcpu", "quantity": "7200", "unit": "vCPU-Seconds", "unit_price": "0.0000077", "cost": "0.05544"},
            {"meter": "memory", "quantity": "14400", "unit": "GiB-Seconds", "unit_price": "0.00000096",
             "cost": "0.013824"},
        ],
    }  # fmt: skip


def test_json_of_a_machine_type_has_its_hours() -> None:
    """One line, by the type."""
    shown = json.loads(quoted("json", "ecs.c6.large"))

    assert (shown["instance_type"], shown["billed_vcpu"], shown["cost"]) == ("ecs.c6.large", "0", "0.06")
    assert [(m["quantity"], m["unit"]) for m in shown["meters"]] == [("1", "Hours")]


def test_a_person_reads_lines_and_a_total() -> None:
    """With the book and the rule they come from, and what the bill makes of it."""
    shown, rounded = quoted("table"), quoted("table", currency="CNY", seconds=41)

    assert all(word in shown for word in ("vcpu", "7200", "0.0000077", "0.05544", "total", "0.069264"))
    assert (
        "book alibaba-eci@2026.11.3, rule */general-purpose/on_demand; unconfirmed; source read on 2026-11-29" in shown
    )
    assert "as billed" not in shown
    assert "as billed" in rounded


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"purchase": "spot"}, "alibaba-eci 2-4Gi (cn-hangzhou, general-purpose, spot): no price: no_spot_price"),
        ({"spec": "two"}, "no price: malformed_spec"),
        ({"spec": "ecs.g9.large"}, "alibaba-eci ecs.g9.large (cn-hangzhou"),
    ],
)
def test_without_a_price_the_reason_is_the_answer(options: dict[str, Any], message: str) -> None:
    """In either form."""
    for form in ("table", "json"):
        with pytest.raises(ReportError) as error:
            quoted(form, **options)
        assert message in str(error.value)


def test_a_region_without_a_price_has_the_command_that_imports_it() -> None:
    """Where the provider's list is, too; a size that cannot be read has nothing to import."""
    with pytest.raises(ReportError) as error:
        quoted("table", spec="ecs.g9.large")
    assert "no price: no_on_demand_price; save aliyun eci DescribeContainerGroupPrice --RegionId" in str(error.value)
    assert "run `lynceus prices import cn-hangzhou_2-4Gi.json --region cn-hangzhou --out " in str(error.value)
    with pytest.raises(ReportError, match=r"no price: malformed_spec$"):
        quoted("table", spec="two")


def test_a_list_shows_books_versions_currencies_dates_and_sources() -> None:
    """Those in force, and which shipped ones are not."""
    shown = json.loads(as_json(price_list.list_books(book.load(["alibaba-eci"], Path()))))

    assert [(r["book"], r["product"], r["currencies"], r["from"], r["to"]) for r in shown["rows"]] == [
        ("alibaba-eci@2026.11.3", "alibaba-eci", "CNY, USD", "2022-01-01", "open")
    ]
    assert (shown["rows"][0]["unconfirmed"], shown["rows"][0]["read"]) == (5, "2026-11-22 to 2026-11-29")
    assert "ECI billing overview" in shown["rows"][0]["sources"]
    assert "plain-node" in shown["notes"][1]


def test_each_price_is_listed_with_its_evidence(tmp_path: Path) -> None:
    """When its source was read, and what confirms it; an own price needs neither."""
    own = "id: own\nversion: 1\nextends: alibaba-eci\ncurrency: USD\nsources: {x: our contract}\nprices:\n"
    own += "  - {type: ecs.g7.large, per: hour, instance_type: 0.1, from: 2026-01-01, to: 2027-01-01, source: x}\n"
    (tmp_path / "own.yaml").write_text(own, encoding="utf-8")
    listing = price_list.list_prices(book.load(["alibaba-eci", "own.yaml"], tmp_path))
    listed, *shipped = [dict(zip(listing.columns, row, strict=True)) for row in listing.rows]

    assert listed == {
        "book": "own@1", "rule": "*/general-purpose/on_demand/ecs.g7.large", "currency": "USD", "per": "hour",
        "prices": "instance_type 0.1", "from": "2026-01-01", "to": "2027-01-01", "read": "", "source": "our contract",
        "confirmed by": "",
    }  # fmt: skip
    assert shipped[0]["prices"] == "vcpu 0.0000077, memory 0.00000096"
    assert [row["confirmed by"] for row in shipped[:2]] == ["unconfirmed"] * 2
    assert "mainland site" in str(shipped[2]["confirmed by"])
    assert all(row["read"] for row in shipped)


def test_fees_are_listed_with_the_prices() -> None:
    """With the day on which their source was read."""
    listing = price_list.list_prices(book.load(["gke-autopilot"], Path()))
    *_, fee = listing.rows

    assert fee[:8] == (
        "gke-autopilot@2026.11.4", "fee gke-management", "USD", "hour", "0.10", "2025-01-01", "open", "2026-11-29",
    )  # fmt: skip


def test_an_own_file_is_listed_with_what_it_extends(tmp_path: Path) -> None:
    """And one that only adds is of any product."""
    dated = "from: 2026-01-01, to: 2027-01-01, source: x"
    (tmp_path / "own.yaml").write_text(
        f"{{id: own, version: 1, extends: plain-node, sources: {{x: y}}, discounts: [{{id: d, ratio: 0.1, {dated}}}]}}",
        encoding="utf-8",
    )
    (tmp_path / "fx.yaml").write_text("{id: fx, version: 1}", encoding="utf-8")
    listing = price_list.list_books(book.load([*book.shipped_ids(), "own.yaml", "fx.yaml"], tmp_path))
    rows = {row[0]: row[1:8] for row in listing.rows}

    assert rows["own@1"] == ("plain-node (own)", "as the book it extends", 0, 0, "2026-01-01", "2027-01-01", "")
    assert rows["fx@1"] == ("any", "as the book it extends", 0, 0, "", "open", "")
    assert listing.notes == ["amounts are in USD"]


def test_a_checked_book_is_summarised() -> None:
    """One line."""
    fargate = book.read("aws-fargate-eks", Path())

    assert price_list.book_summary("x", fargate) == "x: aws-fargate-eks@2026.11.5, 16 prices, 1 fees, 6 oracles hold"
