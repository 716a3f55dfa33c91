"""
Facts that a collector has written: pods, workflows, and their charges under the first run.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from collector.billing import runs
from collector.billing.reprice import Preparation, Terms
from collector.billing.rows import write_facts
from collector.clock import now_ms
from collector.core.cost import charge
from collector.core.cost.billing_days import months_of
from collector.core.facts.bills import Period, PodCost, PodRun
from collector.core.facts.workflows import WorkflowRun
from collector.core.model import Fact
from collector.core.rules import Rules
from collector.prices import book
from collector.prices.lookup import Books
from collector.reports.report import Span
from collector.store.clickhouse import Store
from tests.builders import NOON, RULES, a_payer, a_pod_run, version
from tests.core.cost.charged import shipped
from tests.reports.stored import a_run

ZONE = ZoneInfo("UTC")
NOVEMBER = Span(date(2026, 11, 1), date(2026, 12, 1))
DEARER = """
id: dearer
version: "1"
extends: alibaba-eci
currency: USD
sources: {ours: "a test"}
prices:
- {per: second, region: "*", vcpu: "0.0000154", memory: "0.00000192", from: 2020-01-01, source: ours}
"""


def write_all(store: Store, facts: Sequence[Fact]) -> None:
    """Store facts of any kinds."""
    for kind in dict.fromkeys(map(type, facts)):
        write_facts(store, [fact for fact in facts if type(fact) is kind])


def charges_of(
    pod: PodRun, run: WorkflowRun | None, *, pricing_run: int = 1, books: Books | None = None
) -> list[PodCost]:
    """Returns the charges that the collector writes at a pod's end."""
    life = None
    if run is not None:
        life = a_payer(
            department=run.department, project=run.project, creator=run.creator, template=run.template,
            attempt=run.attempt, finished=True, outcome=run.outcome, version=run.version,
        )  # fmt: skip
    return charge.charges(pod, life, books or shipped(), ZONE, now_ms(), pricing_run=pricing_run)


def a_past(number: int = 3, *, department: str = "maps", **changes: Any) -> list[Fact]:
    """Workflows of one pod each that ran a minute on the 22nd of November, and what they cost then."""
    past: list[Fact] = []
    for i in range(number):
        uid = f"{department}-{i}"
        run = a_run(uid, department=department, namespace=changes.get("namespace", "team"))
        pod = a_pod_run(**{"uid": f"p-{uid}", "workflow_uid": uid, "node_id": f"p-{uid}", "version": version(100),
                           "created_at": NOON, **changes})  # fmt: skip
        past += [run, pod, *charges_of(pod, run)]
    return past


@cache
def dearer(folder: Path) -> Books:
    """The shipped books with ECI at twice its price."""
    (folder / "dearer.yaml").write_text(DEARER, encoding="utf-8")
    return book.load([*book.shipped_ids(), "dearer.yaml"], folder)


def a_preparation(store: Store, books: Books, span: Span = NOVEMBER, rules: Rules = RULES) -> Preparation:
    """A repricing without progress output."""
    months: list[Period] = runs.periods_of(store, months_of(span.begin, span.end))
    terms = Terms(books=books, zone=ZONE, rules=lambda _: rules, digest="digest")
    return Preparation(
        store=store, terms=terms, months=months, now=now_ms, report_step=lambda _: None, progress=lambda *_: None
    )


def current(store: Store) -> dict[tuple[str, int, int], Any]:
    """Returns the bill: cost by pod, day and entry."""
    rows = store.query_rows("SELECT pod_uid, toUInt16(day), entry, cost, department, class FROM lynceus.cost_current")
    return {(pod, day, entry): (cost, *more) for pod, day, entry, cost, *more in rows}


def changed(fact: Any, **changes: Any) -> Any:
    """A fact with other values."""
    return msgspec.structs.replace(fact, **changes)
