"""The difference of a pod in classes: pure, and exact whatever the amounts are."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.billing.bill_classes import CLASSES, classes, difference
from collector.billing.bill_match import PodOnBill
from collector.core.cost.meters import total
from tests.examples import examples

AMOUNT = st.decimals(min_value=-1000, max_value=1000, places=18)
POSITIVE = st.decimals(min_value=0, max_value=1000, places=9)


def on_bill(**changes: Any) -> PodOnBill:
    """A pod of 1 an hour at list price, billed as it was charged."""
    same: dict[str, Any] = {"currency": "USD", "cost": Decimal(1), "to_pay": Decimal(1), "list_cost": Decimal(1)}
    billed = {"billed_currency": "USD", "lines": 1, "used": Decimal(1), "listed": Decimal(1), "places": 6}
    quantity: dict[str, Any] = {"quantity": {"vcpu": Decimal(3600)}, "costs": {"vcpu": Decimal(1)}}
    return PodOnBill(
        **{"pod_uid": "p", **same, **quantity, **billed, "billed_quantity": {"vcpu": Decimal(3600)}, **changes}
    )


def parts(pod: PodOnBill) -> dict[str, Decimal]:
    """Its parts by class."""
    return {name: part for name, _, part in classes(pod)}


@settings(max_examples=examples(400))
@given(
    st.fixed_dictionaries(
        {
            "cost": POSITIVE,
            "to_pay": AMOUNT,
            "list_cost": POSITIVE,
            "used": AMOUNT,
            "listed": POSITIVE,
            "refunded": AMOUNT,
            "rounded": AMOUNT,
            "rest": AMOUNT,
            "unlisted": st.integers(0, 1),
            "unpriced": st.integers(0, 1),
            "lines": st.integers(1, 9),
            "places": st.integers(0, 18),
            "currency": st.sampled_from(["USD", ""]),
            "quantity": st.fixed_dictionaries({"vcpu": POSITIVE}),
            "billed_quantity": st.fixed_dictionaries({"vcpu": POSITIVE}),
        }
    )
)
def test_the_classes_of_a_pod_sum_to_its_difference(values: dict[str, Any]) -> None:
    """To the last digit, whatever the bill has; each class is one that is explained."""
    pod = on_bill(**values)

    found = list(classes(pod))

    assert total(part for _, _, part in found) == difference(pod)
    assert {name for name, _, _ in found} <= set(CLASSES)
    assert {currency for _, currency, _ in found} <= {"USD"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"used": Decimal("1.1"), "listed": Decimal("1.1")}, {"price": "0.1"}),
        ({"used": Decimal("0.8")}, {"discount": "-0.2"}),
        ({"used": Decimal("0.8"), "rest": Decimal("-0.1")}, {"discount": "-0.3"}),
        ({"used": Decimal(2), "listed": Decimal(2), "billed_quantity": {"vcpu": Decimal(7200)}}, {"seconds": "1"}),
        ({"used": Decimal("1.004"), "listed": Decimal("1.004"), "places": 1}, {"rounding": "0.004"}),
        ({"to_pay": Decimal("0.99")}, {"rounding": "0.01"}),
        ({"rounded": Decimal("0.002")}, {"rounding": "0.002"}),
        ({"refunded": Decimal("-0.4")}, {"refund": "-0.4"}),
        ({"used": Decimal(0), "listed": Decimal(0), "refunded": Decimal("-1")}, {"missing": "-1", "refund": "-1"}),
        ({"used": Decimal(0), "listed": Decimal(0), "lines": 0, "billed_currency": ""}, {"missing": "-1"}),
        ({"unpriced": 1, "cost": Decimal(0), "to_pay": Decimal(0)}, {"price": "1"}),
        ({"unlisted": 1, "listed": Decimal(0), "used": Decimal(3)}, {"price": "2"}),
        ({"currency": "", "cost": Decimal(0), "to_pay": Decimal(0), "quantity": {}}, {"seconds": "1"}),
        (
            {
                "cost": Decimal("0.5"),
                "to_pay": Decimal("0.5"),
                "used": Decimal("0.5"),
                "costs": {"vcpu": Decimal("0.5")},
            },
            {},
        ),
    ],
)
def test_each_cause_has_its_class(changes: dict[str, Any], expected: dict[str, str]) -> None:
    """One cause alone is in one class, with the whole difference."""
    assert parts(on_bill(**changes)) == {name: Decimal(part) for name, part in expected.items()}


def test_two_currencies_are_not_subtracted() -> None:
    """Both amounts are shown, each in its own."""
    found = list(classes(on_bill(billed_currency="CNY", used=Decimal(7))))

    assert found == [("currency", "CNY", Decimal(7)), ("currency", "USD", Decimal(-1))]
