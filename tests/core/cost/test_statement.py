"""The statement of a month: its lines sum to what was used and shared, and everything has a payer."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.meters import CONTEXT, total
from collector.core.cost.statement import (
    Edition,
    SharedCost,
    UsageSum,
    changed_lines,
    exact,
    key_of,
    statement_lines,
    to_pay,
)

OCTOBER = Edition(month=20_727, run=3, version=7)
AMOUNTS = st.decimals(-(10**9), 10**9, places=18)
NAMES, CLUSTERS, PRODUCTS = st.sampled_from("abcd"), st.sampled_from("uvw"), st.sampled_from(["eci", "acs"])
CURRENCIES = st.sampled_from(["USD", "CNY"])
USED = st.lists(
    st.builds(
        UsageSum,
        department=NAMES,
        cluster=CLUSTERS,
        product=PRODUCTS,
        currency=CURRENCIES,
        cost=AMOUNTS,
        rounded_cost=AMOUNTS,
        corrections=AMOUNTS,
        seconds=st.integers(0, 10**9),
        pods=st.integers(0, 10**7),
    ),
    max_size=8,
)
SHARED = st.lists(
    st.builds(
        SharedCost,
        kind=st.sampled_from(["fee", "idle", "commitment", "bill"]),
        what=st.sampled_from(["nat", "disk"]),
        book=st.sampled_from(["ours", "theirs"]),
        rule=st.sampled_from(["", "1 a month"]),
        amount=AMOUNTS,
        currency=CURRENCIES,
        basis=st.sampled_from(["proportional", "even", "fixed", "metric"]),
        metric=st.sampled_from(["pods", "seconds"]),
        clusters=st.lists(CLUSTERS, max_size=2, unique=True).map(tuple),
        product=st.sampled_from(["", "eci", "acs"]),
        shares=st.sampled_from([{"a": "0.25", "z": "0.75"}, {"b": "1"}]),
    ),
    max_size=6,
)


def used(cost: str, *, department: str = "a", cluster: str = "u", product: str = "eci", **more: Any) -> UsageSum:
    """A sum of usage whose bill is not rounded."""
    amounts: dict[str, Any] = {
        "currency": "USD",
        "cost": Decimal(cost),
        "rounded_cost": Decimal(cost),
        "seconds": 60,
        "pods": 1,
    }
    return UsageSum(department=department, cluster=cluster, product=product, **(amounts | more))


def fee(amount: str, **more: Any) -> SharedCost:
    """A fee in USD."""
    stated: dict[str, Any] = {"kind": "fee", "what": "nat", "book": "ours", "rule": "", "currency": "USD"}
    return SharedCost(amount=Decimal(amount), **(stated | {"basis": "proportional"} | more))


@given(USED, SHARED)
def test_the_lines_sum_to_usage_and_shared_costs(usage: list[UsageSum], shared: list[SharedCost]) -> None:
    """To the last digit and in each currency alone, rounded as the bill is, and exact without the rounding."""
    lines = statement_lines(usage, shared, OCTOBER)

    for currency in ("USD", "CNY"):
        costs = total(cost.amount for cost in shared if cost.currency == currency)
        rounded = total(use.rounded_cost for use in usage if use.currency == currency)
        unrounded = total(use.cost for use in usage if use.currency == currency)
        assert to_pay(lines).get(currency, 0) == CONTEXT.add(rounded, costs)
        assert exact(lines).get(currency, 0) == CONTEXT.add(unrounded, costs)


@given(USED, SHARED)
def test_every_shared_cost_is_paid_whole(usage: list[UsageSum], shared: list[SharedCost]) -> None:
    """The lines of each cost sum to its amount; nothing is lost and nothing is paid twice."""
    for cost in shared:
        lines = [line for line in statement_lines(usage, [cost], OCTOBER) if line.kind == cost.kind]

        assert total(line.amount for line in lines) == cost.amount
        assert {line.currency for line in lines} <= {cost.currency}


@given(USED, SHARED)
def test_a_line_is_borne_by_usage_of_its_own_kind(usage: list[UsageSum], shared: list[SharedCost]) -> None:
    """A place in a shared line is one where the department used something in that currency; otherwise it is empty."""
    places = {(use.currency, use.department, use.cluster, use.product) for use in usage}

    for line in statement_lines(usage, shared, OCTOBER):
        place = (line.currency, line.department, line.cluster, line.product)
        assert place in places or (line.cluster, line.product) == ("", "")


@given(st.permutations([used("1"), used("2", cluster="v"), used("3", department="b"), used("-4", product="acs")]))
def test_the_order_of_the_sums_means_nothing(usage: list[UsageSum]) -> None:
    """The same month always has the same statement."""
    shared = [fee("10"), fee("7", basis="even"), fee("-3", product="eci")]

    assert statement_lines(usage, shared, OCTOBER) == statement_lines(sorted(usage, key=repr), shared[::-1], OCTOBER)


@given(USED, SHARED, USED, SHARED)
def test_the_store_has_the_new_statement_after_the_changes(
    before: list[UsageSum], costs: list[SharedCost], after: list[UsageSum], new_costs: list[SharedCost]
) -> None:
    """Old lines replaced by the changed ones are the new statement; a vanished line is 0; the same changes nothing."""
    stored = {key_of(line): line for line in statement_lines(before, costs, OCTOBER)}
    computed = statement_lines(after, new_costs, OCTOBER._replace(version=6))

    changes = changed_lines(stored.values(), computed)
    now = stored | {key_of(line): line for line in changes}

    assert all(line.version > OCTOBER.version for line in changes if key_of(line) in stored)
    assert sorted((replace(line, version=6) for line in now.values() if line.amount), key=key_of) == computed
    assert changed_lines(now.values(), computed) == []


PAYERS: list[tuple[SharedCost, str]] = [
    (fee("8"), "a u eci 1, a v acs 3, b u eci 4"),
    (fee("8", clusters=("u",)), "a u eci 1.6, b u eci 6.4"),
    (fee("8", product="acs"), "a v acs 8"),
    (fee("8", basis="even"), "a u eci 1, a v acs 3, b u eci 4"),
    (fee("-8", basis="metric", metric="pods"), "a u eci -0.5, a v acs -1.5, b u eci -6"),
    (fee("8", basis="fixed", shares={"b": "0.5", "z": "0.5"}), "b u eci 4, z - - 4"),
    (fee("14.88", clusters=("w",)), "unallocated - - 14.88"),
    (fee("14.88", product="gke"), "unallocated - - 14.88"),
    (fee("14.88", currency="CNY"), "unallocated - - 14.88"),
]


@pytest.mark.parametrize(("cost", "paid"), PAYERS)
def test_who_pays_a_fee(cost: SharedCost, paid: str) -> None:
    """By hand: a uses 1 in u and 3 in v, b uses 4 in u with six pods; what no department used is unallocated."""
    usage = [used("1"), used("3", cluster="v", product="acs"), used("4", department="b", pods=6)]

    lines = [line for line in statement_lines(usage, [cost], OCTOBER) if line.kind == "fee"]

    found = (
        f"{line.department} {line.cluster or '-'} {line.product or '-'} {line.amount.normalize()}" for line in lines
    )
    assert ", ".join(found) == paid


def test_a_line_states_how_it_was_shared() -> None:
    """The department's weight, the whole, the basis and the rule stand in the line, so that a person can check it."""
    usage = [used("1", seconds=5), used("3", department="b", seconds=15)]
    lines = statement_lines(usage, [fee("8", basis="metric", metric="seconds", rule="8 a month")], OCTOBER)

    found = [(line.department, line.basis, line.weight, line.whole, line.rule) for line in lines if line.kind == "fee"]
    assert found == [
        ("a", "seconds", Decimal(5), Decimal(8), "8 a month"),
        ("b", "seconds", Decimal(15), Decimal(8), "8 a month"),
    ]
    assert {(line.month, line.run, line.version) for line in lines} == {OCTOBER}


def test_the_bill_s_rounding_and_corrections_are_lines_of_their_own() -> None:
    """Usage is exact and without corrections of other months; rounding is what the provider's bill adds or drops."""
    of_use = used("1.004", rounded_cost=Decimal("1.01"), corrections=Decimal("-0.5"))

    lines = statement_lines([of_use], [], OCTOBER)

    assert {line.kind: line.amount for line in lines} == {
        "usage": Decimal("1.504"),
        "correction": Decimal("-0.5"),
        "rounding": Decimal("0.006"),
    }


def test_costs_of_one_name_are_one_line() -> None:
    """A fee before and after its change, and two clusters' fees without usage: amounts add up, both rules are named."""
    shared = [
        fee("1", rule="1 a month"),
        fee("2", rule="2 a month"),
        fee("5", clusters=("v",)),
        fee("6", clusters=("w",)),
    ]
    lines = [line for line in statement_lines([used("1")], shared, OCTOBER) if line.kind == "fee"]

    assert [(line.department, line.amount, line.whole, line.rule) for line in lines] == [
        ("a", Decimal(3), Decimal(3), "1 a month; 2 a month"),
        (UNALLOCATED, Decimal(11), Decimal(11), ""),
    ]
