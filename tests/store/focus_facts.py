"""
Facts for the tests of the FOCUS export: a month with every kind of row, and charges and lines drawn at random.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from collector.core.cost.billing_days import day_of
from collector.core.cost.meters import CONTEXT, total
from collector.core.facts.bills import CommitmentHour, Meter, Period, PodCost, StatementLine
from collector.core.model import Fact
from tests.builders import NOON

NOVEMBER = day_of(date(2026, 11, 1))
DAY = day_of(date(2026, 11, 22))
"""The day of NOON."""
VCPU = Meter("vcpu", Decimal(120), "vCPU-Seconds", Decimal("0.0000077"), Decimal("0.000924"))
MEMORY = Meter("memory", Decimal(240), "GiB-Seconds", Decimal("0.00000096"), Decimal("0.0002304"))
UNIT = Decimal(1).scaleb(-18)
COST = total((VCPU.cost, MEMORY.cost))
CHARGE = PodCost(
    cluster="prod",
    namespace="team",
    created_at=NOON,
    pod_uid="",
    run=1,
    day=DAY,
    entry=0,
    version=1,
    workflow_uid="",
    workflow_name="nightly-1",
    attempt=1,
    step="main",
    template="nightly",
    department="maps",
    project="",
    creator="",
    product="alibaba-eci",
    region="cn-hangzhou",
    purchase="on_demand",
    class_="useful",
    currency="USD",
    cost=COST,
    cost_pending=Decimal(0),
    list_cost=COST,
    rounded_cost=COST,
    billed_from=NOON,
    billed_to=NOON + 60_000,
    billed_seconds=60,
    billed_vcpu=Decimal(2),
    billed_memory_gib=Decimal(4),
    instance_type="",
    gpu=Decimal(0),
    meters=(VCPU, MEMORY),
    price_book="alibaba-eci/1",
    rule="*",
    spec_source="annotation",
    confidence="high",
    status="final",
)


def a_charge(uid: str, **changes: Any) -> PodCost:
    """A charge of two meters at list prices, or of other meters."""
    cost = total(meter.cost for meter in changes.get("meters", CHARGE.meters))
    amounts = {"cost": cost, "list_cost": cost, "rounded_cost": cost}
    return replace(CHARGE, **{"pod_uid": uid, "workflow_uid": f"w-{uid}", **amounts, **changes})


def a_line(kind: str, amount: str, **changes: Any) -> StatementLine:
    """A line of November's statement."""
    values: dict[str, Any] = {
        "month": NOVEMBER,
        "run": 1,
        "currency": "USD",
        "department": "maps",
        "kind": kind,
        "what": "gateway",
        "book": "alibaba-eci/1",
        "cluster": "prod",
        "product": "alibaba-eci",
        "version": 1,
        "basis": "proportional",
        "weight": Decimal(1),
        "whole": Decimal(amount),
        "amount": Decimal(amount),
        "rule": "*",
    }
    return StatementLine(**{**values, **changes})


def a_month() -> list[Fact]:
    """A month with every kind of row, and names that a spreadsheet would run or take for numbers."""
    hourly = Meter("instance_type", Decimal("0.016666666666666667"), "Hours", Decimal("0.06"), Decimal("0.001"))
    covered = {"covered_cost": Decimal("0.0005"), "committed_cost": Decimal("0.000273"), "cost": Decimal("0.0009274")}
    dearer = {"list_cost": Decimal("0.002"), "department": "=1+1", "template": 'a "b", c'}
    nat = {"what": "nat", "book": "bill/2026-11", "basis": "even"}
    return [
        a_charge("p-1"),
        a_charge("p-2", **covered),
        a_charge("p-3", meters=(hourly,), purchase="spot", instance_type="ecs.c6.large", cluster="2026"),
        a_charge("p-4", rounded_cost=Decimal("0.01"), class_="failed", day=DAY - 1),
        a_charge("p-5", **dearer, product="our-cloud", currency="USD"),
        a_charge("p-1", entry=1, cost=Decimal("-0.0001"), list_cost=Decimal(0), meters=(), corrects=DAY - 30),
        a_charge("p-6", cost=None, list_cost=None, rounded_cost=None, meters=(), confidence="unpriced"),
        *(a_line("fee", "3.333333333333333333", department=name) for name in ("maps", "search", "unallocated")),
        a_line("idle", "1.5", book="plain-node/1", what="nodes", basis="proportional"),
        a_line("commitment", "0.7", what="sp-1"),
        a_line("bill", "2", **nat),
        a_line("bill", "-0.5", **nat, department="search"),
        a_line("usage", "0.0066618", what="alibaba-eci"),
        CommitmentHour(
            run=1,
            at=NOON,
            book="alibaba-eci/1",
            commitment="sp-1",
            version=1,
            day=DAY,
            currency="USD",
            committed=Decimal(1),
            listed=Decimal(1),
            covered=Decimal(1),
            used=Decimal("0.3"),
            unused=Decimal("0.7"),
        ),
        Period(month=NOVEMBER, version=1, active_run=1, state="reconciled", total=None, hash=""),
    ]


def _units(most: int) -> st.SearchStrategy[Decimal]:
    return st.integers(0, most).map(lambda units: Decimal(units).scaleb(-18, CONTEXT))


@st.composite
def charges(draw: st.DrawFn) -> PodCost:
    """A charge of any price, discount, rounding and commitment, or the correction of one."""
    uid, places = draw(st.uuids()).hex, _units(10**19)
    meters = tuple(
        Meter(name, draw(places), unit, draw(_units(10**16)), draw(places))
        for name, unit in draw(
            st.sampled_from([[("vcpu", "vCPU-Seconds"), ("memory", "GiB-Seconds")], [("flat", "Hours")], []])
        )
    )
    own = total(meter.cost for meter in meters) if meters else draw(places)
    which = {"department": draw(st.sampled_from(["maps", "search"])), "day": draw(st.sampled_from([DAY, DAY + 1]))}
    rounded = draw(st.none() | places)
    match draw(st.sampled_from(["plain", "covered", "correction", "discount"])):
        case "covered" if own:
            covered = min(own, draw(places))
            committed = draw(_units(int(covered.scaleb(18, CONTEXT))))
            cost = CONTEXT.add(CONTEXT.subtract(own, covered), committed)
            amounts = {"covered_cost": covered, "committed_cost": committed, "cost": cost, "list_cost": own}
            return a_charge(uid, meters=meters, rounded_cost=rounded, **which, **amounts)
        case "correction":
            cost = draw(places) - draw(places)
            entry = {"entry": 1, "corrects": DAY - 30, "cost": cost, "list_cost": cost, "rounded_cost": rounded}
            return a_charge(uid, meters=(), **which, **entry)
        case "discount":
            listed = CONTEXT.add(own, draw(places))
            return a_charge(uid, meters=meters, cost=own, list_cost=listed, rounded_cost=rounded, **which)
        case _:
            known = draw(st.sampled_from([own, None]))
            return a_charge(uid, meters=meters, cost=own, list_cost=known, rounded_cost=rounded, **which)


@st.composite
def lines(draw: st.DrawFn) -> StatementLine:
    """A shared cost of any kind, or a refund."""
    kind = draw(st.sampled_from(["fee", "idle", "commitment", "bill"]))
    amount = draw(_units(10**20).filter(bool))
    if kind == "bill" and draw(st.booleans()):
        amount = -amount
    names = {
        "department": draw(st.sampled_from(["maps", "search", "unallocated"])),
        "cluster": draw(st.sampled_from("abc")),
    }
    return a_line(kind, str(amount), what=draw(st.sampled_from(["x", "y"])), **names)
