"""A bill of each provider: its total, and what each line is."""

from decimal import Decimal

import pytest

from tests.bills.reading import SAMPLES, a_bill, total_of

NOVEMBER = 20758
TOTALS = {
    "alibaba-items-zh.csv": ({"CNY": "1.176445"}, {"CNY": "1.176445"}),
    "alibaba-instance-bill.json": ({"CNY": "1.06012"}, {"CNY": "1.06012"}),
    "alibaba-v2-paths.csv": ({"CNY": "0.197480"}, {"CNY": "0.197480"}),
    "aws-cur2.csv": ({"USD": "0.048556"}, {"USD": "0.045"}),
    "google-detailed.jsonl": ({"USD": "1.3041260"}, {"USD": "1.3041260"}),
    "azure-amortized.csv": ({"USD": "1.0928"}, {"USD": "1.0928"}),
    "focus-1.3-split.csv": ({"USD": "0.885"}, {"USD": "0.085"}),
}
"""Amortised and invoiced, as they were summed by hand."""
KINDS = {
    "alibaba-items-zh.csv": "usage usage refund commitment usage usage",
    "alibaba-instance-bill.json": "usage usage refund commitment usage",
    "alibaba-v2-paths.csv": "usage rounding refund usage usage",
    "aws-cur2.csv": "usage usage usage refund split usage",
    "google-detailed.jsonl": "usage usage usage tax",
    "azure-amortized.csv": "usage usage refund usage",
    "focus-1.3-split.csv": "usage usage usage refund usage",
}
UID = "6b1f8a52-0000-4000-8000-00000000000"
PODS = {
    "alibaba-items-zh.csv": "eci-bp1aaaa0001 eci-bp1aaaa0001 eci-bp1aaaa0001 - - -",
    "alibaba-instance-bill.json": "eci-bp1aaaa0001 acs-aaaa0002 eci-bp1aaaa0001 - -",
    "alibaba-v2-paths.csv": "eci-bp1aaaa0001 - eci-bp1aaaa0001 eci-bp1aaaa0001 -",
    "aws-cur2.csv": f"{UID}1 {UID}1 - - {UID}2 -",
    "google-detailed.jsonl": "- - - -",
    "azure-amortized.csv": "argo-wf-1-123 argo-wf-1-123 argo-wf-1-123 -",
    "focus-1.3-split.csv": "pod-uid-1 - - - -",
}
SAMPLE = pytest.mark.parametrize("name", TOTALS)


@SAMPLE
def test_a_bills_total_is_that_of_its_lines(name: str) -> None:
    """To the last digit, amortised and as invoiced; no line is dropped, those of 0 included."""
    for invoiced, totals in zip((False, True), TOTALS[name], strict=True):
        lines, reading = a_bill(SAMPLES / name, invoiced=invoiced)

        assert total_of(reading) == {currency: Decimal(text) for currency, text in totals.items()}
        assert sum(line.amount for line in lines) == sum(total_of(reading).values())
        assert (reading.bad, reading.unequal) == (0, 0)


@SAMPLE
def test_each_line_has_its_kind_and_its_pod(name: str) -> None:
    """A refund is not usage, a savings plan is not a product, and a line names a pod only by an id that can be one."""
    lines, _ = a_bill(SAMPLES / name)

    assert [line.kind for line in lines] == KINDS[name].split()
    assert [line.pod or "-" for line in lines] == PODS[name].split()
    assert {line.month for line in lines} == {NOVEMBER}
    assert [line.ordinal for line in lines] == list(range(1, len(lines) + 1))


def test_what_a_line_of_alibaba_holds() -> None:
    """Ids stay text, times are those of China, coupons are discounts, and unknown columns are kept."""
    lines, reading = a_bill(SAMPLES / "alibaba-items-zh.csv")
    memory, storage = lines[1], lines[5]

    assert memory.account == "0100000000000001"
    assert (memory.begin, memory.end) == (1793926800000, 1793930400000)
    assert (memory.meter, memory.quantity, memory.unit, memory.unit_seconds) == ("memory", Decimal(14400), "秒", 1)
    assert (memory.list_price, memory.list_amount) == (Decimal("0.00000613"), Decimal("0.088272"))
    assert memory.discount == Decimal("0.058827")
    assert memory.tags == {"team": "perception"}
    assert memory.other["产品"] == "弹性容器实例"
    assert storage.instance == "cn-hangzhou;standard"
    assert set(reading.encodings.values()) == {"utf-8"}


def test_what_a_record_of_google_holds() -> None:
    """Labels are tags, credits are a discount, and the month is the invoice's."""
    first, second, *_ = a_bill(SAMPLES / "google-detailed.jsonl")[0]

    assert first.tags["goog-k8s-cluster-name"] == "sim"
    assert (first.quantity, first.unit_seconds, first.discount) == (Decimal(500), 3600, None)
    assert second.discount == Decimal("0.0019690")


def test_the_share_of_an_instance_costs_nothing_more() -> None:
    """A split line repeats the money of the line of its node."""
    split = a_bill(SAMPLES / "aws-cur2.csv")[0][4]

    assert (split.kind, split.amount) == ("split", Decimal(0))
    assert split.other["split_line_item_split_cost"] == "0.0125"
