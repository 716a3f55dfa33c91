"""The `bill` settings: rules by which lines of the provider's bill that name no pod become shared costs."""

from decimal import Decimal
from typing import Literal

import msgspec

from collector.core.cost.allocation import Basis

MATCHING = ("provider", "account", "product", "item", "instance", "kind")


class BillRule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One rule: which lines of the bill it takes, and who pays them. All `bill_*` keys that are given must fit."""

    what: str
    """Name of the shared cost in statements and reports."""
    bill_provider: str = ""
    """Provider of the line, like alibaba. Like the following keys: a text, or the begin of one with `*`. Empty: any."""
    bill_account: str = ""
    """Account of the line."""
    bill_product: str = ""
    """Product code of the line, like nat_gw."""
    bill_item: str = ""
    """Billing item of the line."""
    bill_instance: str = ""
    """Id of what is billed, like ngw-bp1eeee."""
    bill_kind: str = ""
    """Kind of the line, like rounding, tax or commitment."""
    bill_tags: dict[str, str] = {}
    """Tags that the line has, with their values."""
    replaces: str = ""
    """Id of a fee in a price book that this cost replaces, in months whose bill has such lines."""
    clusters: tuple[str, ...] = ()
    """Clusters whose usage bears the cost. Empty: all."""
    product: str = ""
    """Product whose usage bears the cost, like alibaba-eci. Empty: all."""
    basis: Basis = "proportional"
    """How the cost is shared: by spending, in equal parts, by `shares`, or by the count that `metric` names."""
    metric: Literal["", "pods", "seconds"] = ""
    """With `basis: metric`: what is counted."""
    shares: dict[str, str] = {}
    """With `basis: fixed`: each department's part, as text; the parts sum to 1."""


class BillSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What imported bills of the provider mean beyond pods."""

    rules: tuple[BillRule, ...] = ()
    """Rules for lines that name no pod, in order: the first that fits a line makes it a shared cost. Other lines stay
    unexplained, and `lynceus bill show` names them."""


def check_bill(bill: BillSettings) -> None:
    """Raises ValueError for a rule that would take every line, or that shares in no defined way."""
    for i, rule in enumerate(bill.rules):
        place = f"bill.rules[{i}]"
        if not rule.what:
            raise ValueError(f"{place}.what: is empty; name the shared cost")
        if not rule.bill_tags and not any(getattr(rule, f"bill_{name}") for name in MATCHING):
            raise ValueError(f"{place}: would take every line; give it a bill_product, bill_instance or bill_tags")
        if bool(rule.shares) != (rule.basis == "fixed"):
            raise ValueError(f"{place}.shares: belongs to `basis: fixed` and to no other")
        if bool(rule.metric) != (rule.basis == "metric"):
            raise ValueError(f"{place}.metric: belongs to `basis: metric` and to no other")
        if (
            rule.shares
            and (whole := sum(_part(text, f"{place}.shares.{name}") for name, text in rule.shares.items())) != 1
        ):
            raise ValueError(f"{place}.shares: sum to {whole}; they must sum to 1")


def _part(text: str, place: str) -> Decimal:
    try:
        part = Decimal(text)
    except ArithmeticError:
        part = Decimal(-1)
    if not 0 <= part <= 1:
        raise ValueError(f"{place}: {text!r} is not a part; write '0.4' for 40 %")
    return part
