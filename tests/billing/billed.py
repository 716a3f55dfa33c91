"""A bill of Alibaba Cloud for pods of tests, as its API answers: it agrees with the charges until a test changes it."""

import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from collector.billing.bill_import import import_bill
from collector.bills.read import BillReading
from collector.core.facts.bills import PodCost, PodRun
from collector.core.model import Fact
from collector.store.clickhouse import Store
from tests.billing.stored import charges_of
from tests.builders import NOON, version
from tests.core.cost.charged import pod
from tests.reports.stored import a_run

Item = dict[str, Any]
ITEMS = {"vcpu": "vCPU", "memory": "Memory", "instance_type": "Instance type", "gpu": "GPU"}


def pods(count: int, **changes: Any) -> list[PodRun]:
    """Pods of an hour on ECI, each of a workflow of its own."""
    return [
        pod(
            **{
                "uid": f"p{i}",
                "name": f"wf-{i}-pod",
                "workflow_uid": f"w{i}",
                "workflow_name": f"wf-{i}",
                "version": version(100),
                "pricing": {
                    "k8s.aliyun.com/eci-instance-id": f"eci-{i}",
                    "k8s.aliyun.com/eci-instance-spec": "2.0-4.0Gi",
                },
                **changes,
            }
        )
        for i in range(count)
    ]


def charged(runs: Iterable[PodRun]) -> list[Fact]:
    """Pods with their workflows and charges."""
    found: list[Fact] = []
    for run in runs:
        workflow = a_run(run.workflow_uid, name=run.workflow_name, department="maps", namespace="team")
        found += [workflow, run, *charges_of(run, workflow)]
    return found


def lines_of(facts: Iterable[Fact]) -> list[Item]:
    """The bill's items of charges: one for each meter."""
    ids = {fact.uid: fact.pricing for fact in facts if isinstance(fact, PodRun)}
    return [
        {
            "BillingCycle": "2026-11",
            "BillingDate": "2026-11-22",
            "ProductCode": "eci",
            "Item": "PayAsYouGoBill",
            "InstanceID": next(v for k, v in ids[charge.pod_uid].items() if k.endswith("instance-id")),
            "BillingItem": ITEMS[meter.meter],
            "Usage": f"{meter.quantity:f}",
            "UsageUnit": "hour" if meter.unit.endswith("Hours") else "second",
            "ListPrice": f"{meter.unit_price:f}",
            "PretaxGrossAmount": f"{meter.cost:f}",
            "InvoiceDiscount": "0",
            "PretaxAmount": f"{meter.cost:f}",
            "Currency": charge.currency,
        }
        for charge in facts
        if isinstance(charge, PodCost)
        for meter in charge.meters
    ]


def times(item: Item, factor: str, *columns: str) -> None:
    """Changes amounts or quantities of an item."""
    for column in columns:
        item[column] = f"{Decimal(item[column]) * Decimal(factor):f}"


def other(product: str, instance: str, amount: str, **changes: Any) -> Item:
    """An item that belongs to no pod."""
    item = {"BillingCycle": "2026-11", "ProductCode": product, "Item": "PayAsYouGoBill", "InstanceID": instance}
    return {**item, "PretaxGrossAmount": amount, "PretaxAmount": amount, "Currency": "USD", **changes}


def import_items(store: Store, folder: Path, items: list[Item], load: int = NOON) -> None:
    """The import of a bill of these items."""
    path = folder / "bill.json"
    path.write_text(json.dumps(items), encoding="utf-8")
    reading = BillReading(load=load)
    import_bill(store, [path], reading, accept_bad=False, is_final=True, progress=lambda _: None)
