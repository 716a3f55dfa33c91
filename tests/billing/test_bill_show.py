"""A month's bill beside its charges, on the real engine: every line has one fate, every difference its class."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.billing.bill_match import bill_parts, unseen
from collector.billing.bill_show import show
from collector.core.facts.watches import WatchGap
from collector.reports.report import Report, ReportError
from collector.settings.bill import BillRule
from collector.store.clickhouse import Store
from tests.billing.billed import charged, import_items, lines_of, other, pods, times
from tests.billing.stored import write_all
from tests.billing.test_commands import settings_of
from tests.builders import HOUR, NOON
from tests.commands import run_command
from tests.store.running import Running

NOVEMBER = 20758
HOURLY = Decimal("0.069264")
"""2 vCPU and 4 GiB on ECI for an hour, in USD."""
NAT = BillRule(what="nat gateway", bill_product="nat_gw")


def named(report: Report, title: str) -> list[tuple[Any, ...]]:
    """The rows of a table of the report."""
    return next(part.rows for part in report.parts if part.title == title)


def test_a_bill_that_agrees_has_no_differences(store: Store, tmp_path: Path) -> None:
    """All its lines are matched, and sum to the charges."""
    facts = charged(pods(3))
    write_all(store, facts)
    import_items(store, tmp_path, lines_of(facts))

    made = show(store, NOVEMBER, ())

    assert made.rows == [
        ("matched", 6, 3 * HOURLY, "USD"),
        ("shared", 0, Decimal(0), "USD"),
        ("unexplained", 0, Decimal(0), "USD"),
        ("bill", 6, 3 * HOURLY, "USD"),
    ]
    assert [part.rows for part in made.parts] == [[], [], []]


GAP = WatchGap(
    cluster="c1", kind="pods", from_at=NOON, version=1, to_at=NOON + HOUR, cause="expired", objects_unknown=0
)


def used_at(day: int, product: str, instance: str, amount: str) -> dict[str, Any]:
    """An item of half an hour from noon in UTC, which is 20:00 in China."""
    begin, end = (f"2026-11-{day} 20:{minute}:00" for minute in ("00", "30"))
    return other(product, instance, amount, BillingDate="", UsageStartTime=begin, UsageEndTime=end)


def planted(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A bill of eight pods with a difference of one cause each; the pod 7 has none, and two more are not ours."""
    of = {i: [item for item in items if item["InstanceID"] == f"eci-{i}"] for i in range(8)}
    for item in of[0]:
        times(item, "1.1", "ListPrice", "PretaxGrossAmount", "PretaxAmount")
    for item in of[1]:
        times(item, "0.8", "PretaxAmount")
        item["InvoiceDiscount"] = f"{Decimal(item['PretaxGrossAmount']) * Decimal('0.2'):f}"
    for item in of[2]:
        times(item, "1.5", "Usage", "PretaxGrossAmount", "PretaxAmount")
    for item in of[3]:
        item["PretaxGrossAmount"] = item["PretaxAmount"] = f"{Decimal(item['PretaxAmount']):.4f}"
    for item in of[5]:
        item["Currency"] = "CNY"
    return [item for item in items if item not in of[6]] + [
        other("eci", "eci-4", "-0.05", Item="Refund"),
        used_at(22, "eci", "eci-lost", "0.7"),
        used_at(25, "eci", "eci-foreign", "0.9"),
    ]


def test_nine_planted_differences_have_nine_classes(store: Store, tmp_path: Path) -> None:
    """Each of one cause on a pod of its own, with its amount; the sum of the classes is the whole difference."""
    facts = charged(pods(8))
    write_all(store, [*facts, GAP])
    import_items(store, tmp_path, planted(lines_of(facts)))

    made = show(store, NOVEMBER, ())

    found = {
        (name, currency): (count, amount)
        for name, count, amount, currency in named(made, "Differences from the charges")
    }
    assert found == {
        ("price", "USD"): (1, HOURLY * Decimal("0.1")),
        ("discount", "USD"): (1, HOURLY * Decimal("-0.2")),
        ("seconds", "USD"): (1, HOURLY / 2),
        ("rounding", "USD"): (1, Decimal("0.0692") - HOURLY),
        ("refund", "USD"): (1, Decimal("-0.05")),
        ("currency", "CNY"): (1, HOURLY),
        ("currency", "USD"): (1, -HOURLY),
        ("missing", "USD"): (1, -HOURLY),
        ("unseen", "USD"): (1, Decimal("0.7")),
        ("not a workflow's", "USD"): (1, Decimal("0.9")),
    }
    matched = next(row[2] for row in made.rows if row[0] == "matched" and row[3] == "USD")
    of_matched = [
        amount
        for (name, currency), (_, amount) in found.items()
        if currency == "USD" and name not in ("unseen", "not a workflow's")
    ]
    assert matched - 8 * HOURLY == sum(of_matched)
    assert named(made, "Largest differences")[0][:4] == ("missing", "wf-6", "p6", -HOURLY)
    assert len([note for note in made.notes if note.startswith("price: ")]) == 1


def test_the_bill_is_matched_shared_and_unexplained_exactly(store: Store, tmp_path: Path) -> None:
    """Every line has one fate, whatever rules there are; the first rule that fits takes a line."""
    facts = charged(pods(2))
    write_all(store, facts)
    others = [
        other("nat_gw", "ngw-1", "0.195"),
        other("nat_gw", "ngw-2", "0.000000000000000001", Tag="key:team value:maps"),
        other("slb", "lb-1", "0.147"),
        other("oss", "cn-hangzhou;standard", "0"),
        other("eci", "", "0.00248", Item="RoundingAdjustment"),
    ]
    import_items(store, tmp_path, lines_of(facts) + others)
    tagged = BillRule(what="maps' own", bill_tags={"team": "maps"}, bill_provider="alibaba")
    rules = (
        tagged,
        NAT,
        BillRule(what="rounding", bill_kind="rounding"),
        BillRule(what="balancer", bill_instance="lb-*"),
    )
    whole = 2 * HOURLY + Decimal("0.344480000000000001")

    for chosen in ((), rules[:1], rules[1:], rules):
        parts = bill_parts(store, NOVEMBER, chosen)
        assert sum(part.amount for part in parts) == whole
        assert sum(part.lines for part in parts) == 9
    shared = {part.name: part.amount for part in parts if part.fate == "shared"}
    assert shared == {"1": Decimal("1E-18"), "2": Decimal("0.195"), "3": Decimal("0.00248"), "4": Decimal("0.147")}
    unexplained = named(show(store, NOVEMBER, rules[:1]), "Unexplained, by product")
    assert [row[:3] for row in unexplained] == [
        ("eci", "rounding", 1),
        ("nat_gw", "usage", 1),
        ("oss", "usage", 1),
        ("slb", "usage", 1),
    ]


def test_pods_are_known_by_each_of_their_names(store: Store, tmp_path: Path) -> None:
    """The id of an ACS instance, a uid, `namespace-name`; a name of two pods names none of them."""
    acs = {"alibabacloud.com/instance-id": "acs-0", "alibabacloud.com/pod-use-spec": "2-8Gi"}
    named_so = charged(pods(1, pricing=acs))
    same = charged([*pods(1, uid="p8", workflow_uid="w8"), *pods(1, uid="p9", workflow_uid="w9")])
    write_all(store, [*named_so, *same])
    import_items(
        store,
        tmp_path,
        [
            other("acs", "acs-0", "1"),
            other("acs", "eci-0", "2"),
            other("aci", "/subscriptions/s/providers/Microsoft.ContainerInstance/containerGroups/team-wf-0-pod", "4"),
            other("eks", "arn:aws:eks:us-east-1:1:pod/c/n/p/6b1f8a52-0000-4000-8000-000000000001", "8"),
        ],
    )

    sums = {part.fate: Decimal(0) for part in bill_parts(store, NOVEMBER, ())}
    for part in bill_parts(store, NOVEMBER, ()):
        sums[part.fate] += part.amount

    assert sums == {"matched": 1, "unexplained": 14}
    assert [(one.name, one.pods, one.amount) for one in unseen(store, NOVEMBER, ())] == [
        ("not a workflow's", 3, Decimal(14))
    ]


def test_a_month_without_a_bill_is_named(store: Store) -> None:
    """The remedy is the command that imports one."""
    with pytest.raises(ReportError, match=r"no bill of 2026-11 is imported; see `lynceus bill import`"):
        show(store, NOVEMBER, ())


def test_commands_about_the_bill_as_a_user_types_them(store: Store, engine: Running, tmp_path: Path) -> None:
    """Show fits 80 columns and exact amounts are text; learn and reconcile read the same bill; readers need no token."""
    facts = charged(pods(1))
    write_all(store, facts)
    items = lines_of(facts)
    times(items[0], "1.1", "ListPrice", "PretaxGrossAmount", "PretaxAmount")
    import_items(store, tmp_path, [*items, other("nat_gw", "ngw-1", "3")])
    config = ("--config", str(settings_of(engine, tmp_path)))

    shown = run_command("bill", "show", "--month", "2026-11", *config)
    exact = run_command("bill", "show", "--month", "2026-11", "--format", "json", *config)
    address = ("--month", "2026-11", "--url", engine.url)
    by_reader = run_command("bill", "show", "--format", "json", *address)
    learned_by_reader = run_command("prices", "learn", "--all", "--out", str(tmp_path / "r.yaml"), *address)
    learned = run_command("prices", "learn", "--month", "2026-11", "--all", "--out", str(tmp_path / "l.yaml"), *config)
    checked = run_command("prices", "check", str(tmp_path / "l.yaml"))
    import_items(store, tmp_path, [other("nat_gw", "ngw-1", "3", BillingCycle="2026-10")])
    compared = run_command("period", "reconcile", "2026-10", *config)

    assert shown.returncode == 0, shown.stderr
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert msgspec.json.decode(exact.stdout)["rows"][-1] == {
        "part": "bill",
        "lines": 3,
        "amount": "3.074808",
        "currency": "USD",
    }
    assert by_reader.stdout == exact.stdout != "", by_reader.stderr
    assert learned_by_reader.returncode == 0, learned_by_reader.stderr
    assert (tmp_path / "r.yaml").read_bytes() == (tmp_path / "l.yaml").read_bytes()
    assert (learned.returncode, checked.returncode) == (0, 0), learned.stderr + checked.stderr
    assert "0.00000847" in learned.stdout
    assert compared.returncode == 0, compared.stderr
    assert "2026-10 is reconciled" in compared.stdout
