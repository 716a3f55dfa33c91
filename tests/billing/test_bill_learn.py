"""Prices that a bill states: a book that passes its checks, with which no pod of the bill stays without a price."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collector.billing.bill_learn import LearnTerms, learn
from collector.billing.reprice import activate, prepare
from collector.core.facts.bills import PodCost
from collector.prices import book
from collector.reports.report import Report, ReportError, Span
from collector.store.clickhouse import Store
from tests.billing.billed import Item, charged, import_items, lines_of, other, pods
from tests.billing.stored import ZONE, a_preparation, write_all

NOVEMBER = 20758
ACS = "alibabacloud.com/"
GPU_CARD = {
    f"{ACS}instance-id": "acs-0",
    f"{ACS}pod-use-spec": "2-8Gi",
    f"{ACS}compute-class": "gpu",
    f"{ACS}gpu-model-series": "L20",
    f"{ACS}pod-gpu-use-spec": "1",
}
ECI = "k8s.aliyun.com/eci-"


def eci(instance: str, kind: str, **more: str) -> dict[str, str]:
    """Marks of an ECI pod of an instance type."""
    marks = {"instance-id": instance, "instance-spec": kind, **more}
    return {f"{ECI}{name}": value for name, value in marks.items()}


def an_hour(instance: str, item: str, price: str, quantity: str = "1", **changes: Any) -> Item:
    """An item of hours of something at a price."""
    cost = f"{Decimal(price) * Decimal(quantity):f}"
    return other("eci", instance, cost, BillingItem=item, Usage=quantity, UsageUnit="hour", ListPrice=price, **changes)


def learned(store: Store, out: Path, product: str = "", *, every: bool = False, force: bool = False) -> Report:
    """Prices of November."""
    return learn(store, NOVEMBER, LearnTerms(product=product, every=every, force=force, zone=ZONE), out)


def unpriced_after(store: Store, folder: Path, *files: str) -> tuple[int, dict[str, Decimal | None]]:
    """Reprices November with these files beside the shipped books: the pods without a price, and what each costs."""
    books = book.load([*book.shipped_ids(), *files], folder)
    work = a_preparation(store, books, Span(date(2026, 11, 1), date(2026, 12, 1)))
    prepare(work)
    activate(work)
    costs = dict(store.query_rows("SELECT pod_uid, cost FROM lynceus.cost_current"))
    return sum(cost is None for cost in costs.values()), costs


def a_bill_of_types(store: Store, folder: Path) -> None:
    """A GPU type of ECI, a GPU of ACS and spot of an ECS type: pods without a price, and the bill of them."""
    spot = {"spot-strategy": "SpotAsPriceGo"}
    facts = charged(
        [
            *pods(1, uid="gpu", pricing=eci("eci-gpu", "ecs.gn6i-c4g1.xlarge")),
            *pods(1, uid="spot", pricing=eci("eci-spot", "ecs.c6.large", **spot), zone="cn-hangzhou-b"),
            *pods(1, uid="card", pricing=GPU_CARD, gpu=Decimal(1)),
        ]
    )
    assert [fact.cost for fact in facts if isinstance(fact, PodCost)] == [None] * 3
    write_all(store, facts)
    items = [
        an_hour("eci-gpu", "ecs.gn6i-c4g1.xlarge", "1.5"),
        an_hour("eci-spot", "ecs.c6.large", "0.011"),
        an_hour("acs-0", "vCPU", "0.02", "2"),
        an_hour("acs-0", "Memory", "0.01", "8"),
        an_hour("acs-0", "GPU", "2.5"),
    ]
    import_items(store, folder, items)


def test_after_learning_every_pod_of_the_bill_has_a_price(store: Store, tmp_path: Path) -> None:
    """Each at the bill's price, from files that pass the check."""
    a_bill_of_types(store, tmp_path)

    with pytest.raises(ReportError, match="states prices of alibaba-acs, alibaba-eci; choose one with --product"):
        learned(store, tmp_path / "learned.yaml")
    of_eci = learned(store, tmp_path / "eci.yaml", "alibaba-eci")
    of_acs = learned(store, tmp_path / "acs.yaml", "alibaba-acs")

    assert [row[3:9] for row in of_eci.rows] == [
        ("on_demand", "ecs.gn6i-c4g1.xlarge", "instance_type", "1.5", "hour", "USD"),
        ("spot", "ecs.c6.large", "instance_type", "0.011", "hour", "USD"),
    ]
    assert {(row[5], row[4], row[6]) for row in of_acs.rows} == {
        ("gpu", "L20", "2.5"),
        ("memory", None, "0.01"),
        ("vcpu", None, "0.02"),
    }
    assert (tmp_path / "eci.csv").read_text("utf-8").splitlines() == [
        "instance_type,zone,time,price",
        "ecs.c6.large,cn-hangzhou-b,2026-11-22T12:00:00Z,0.011",
    ]
    assert unpriced_after(store, tmp_path, "eci.yaml", "acs.yaml") == (
        0,
        {"gpu": Decimal("1.5"), "spot": Decimal("0.011"), "card": Decimal("2.62")},
    )


def test_prices_of_every_pod(store: Store, tmp_path: Path) -> None:
    """Also of those that the books know; of several prices the most used one, and a list price that disagrees is not taken."""
    facts = charged(pods(3))
    write_all(store, facts)
    items = lines_of(facts)
    for item in items:
        if item["InstanceID"] == "eci-0":
            item["ListPrice"] = item["PretaxGrossAmount"] = "0.5"
    import_items(store, tmp_path, items)
    out = tmp_path / "learned.yaml"
    with pytest.raises(ReportError, match="states no prices of pods that have none; --all"):
        learned(store, out)

    made = learned(store, out, every=True)

    assert {(row[5], row[6], row[9]) for row in made.rows} == {("memory", "0.00000096", 2), ("vcpu", "0.0000077", 2)}
    assert made.notes[1].startswith("2 other prices of the same kind")
    with pytest.raises(ReportError, match=r"learned\.yaml: exists"):
        learned(store, out, every=True)
    assert learned(store, out, every=True, force=True).rows == made.rows


@pytest.mark.parametrize(
    ("out", "product", "words"),
    [
        ("x.txt", "", "must end in .yaml"),
        ("x.yaml", "azure-aci", "--product azure-aci: the bill states prices of alibaba-eci"),
    ],
)
def test_what_cannot_be_learned_is_named(store: Store, tmp_path: Path, out: str, product: str, words: str) -> None:
    """With the remedy; without a bill there is nothing to learn."""
    with pytest.raises(ReportError, match="no bill of 2026-11 is imported"):
        learned(store, tmp_path / "x.yaml")
    facts = charged(pods(1))
    write_all(store, facts)
    import_items(store, tmp_path, lines_of(facts))

    with pytest.raises(ReportError, match=words):
        learned(store, tmp_path / out, product, every=True)
