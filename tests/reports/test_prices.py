"""A price quote as a person or a program reads it."""

import io
import json
from pathlib import Path

from rich.console import Console

from collector.prices import book
from collector.reports.prices import print_quote
from tests.builders import NOON


def quoted(form: str, spec: str = "2-4Gi") -> str:
    """What is printed for an hour of a spec on ECI."""
    shipped = book.load(["alibaba-eci"], Path())
    answer = book.quote(shipped, "alibaba-eci", spec, "cn-hangzhou", "general", "on_demand", 3600, NOON)
    out = io.StringIO()
    print_quote(answer, form, Console(file=out, width=120))
    return out.getvalue()


def test_json_has_the_documented_fields() -> None:
    """Scripts rely on their names, and on amounts as strings."""
    assert json.loads(quoted("json")) == {
        "product": "alibaba-eci", "region": "cn-hangzhou", "billed_vcpu": "2", "billed_memory_gib": "4",
        "instance_type": "", "billed_seconds": 3600, "currency": "USD", "cost": "0.069264", "rounded_cost": "0.069264",
        "price_book": "alibaba-eci@2026.11.1", "rule": "*/general/on_demand",
        "meters": [
            {"meter": "vcpu", "quantity": "7200", "unit": "vCPU-Seconds", "unit_price": "0.0000077", "cost": "0.05544"},
            {"meter": "memory", "quantity": "14400", "unit": "GiB-Seconds", "unit_price": "0.00000096",
             "cost": "0.013824"},
        ],
    }  # fmt: skip


def test_json_of_a_machine_type_has_its_hours() -> None:
    """One line, by the type."""
    told = json.loads(quoted("json", "ecs.c6.large"))

    assert (told["instance_type"], told["billed_vcpu"], told["cost"]) == ("ecs.c6.large", "0", "0.06")
    assert [(m["quantity"], m["unit"]) for m in told["meters"]] == [("1", "Hours")]


def test_a_person_reads_lines_and_a_total() -> None:
    """With the book and the rule they come from."""
    shown = quoted("table")

    assert all(word in shown for word in ("vcpu", "7200", "0.0000077", "0.05544", "total", "0.069264"))
    assert "book alibaba-eci@2026.11.1, rule */general/on_demand" in shown
