"""
Planted causes of a higher bill, each alone in a namespace, priced by the real code and read from the real engine.
"""

import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from rich.console import Console

from collector.core.cost import charge
from collector.core.cost.billing_days import day_of
from collector.core.cost.comparison import DifferenceSplit, PartName, PeriodCost, compare, summed, whole
from collector.core.facts.bills import PodCost, StatementLine
from collector.core.model import Fact, Instant
from collector.core.units import ZERO
from collector.prices import book
from collector.prices.lookup import Books
from collector.reports import cost
from collector.reports.comparison_source import read_period
from collector.reports.comparison_words import duration
from collector.reports.filters import Filter
from collector.reports.questions import compare_cost, span_before
from collector.reports.render import as_csv, print_report
from collector.reports.report import Query, Report, ReportError, Span
from tests.builders import ACS_2C8G, DAY, ECI_2C4G, HOUR, MINUTE, SECOND, a_payer, a_pod_run, at
from tests.reports.engine import holding

SEPTEMBER, OCTOBER = Span(date(2026, 9, 1), date(2026, 10, 1)), Span(date(2026, 10, 1), date(2026, 11, 1))
BEGINS = {SEPTEMBER: at("2026-09-03T08:00:00"), OCTOBER: at("2026-10-03T08:00:00")}
FLEET = Path(__file__).parents[2] / "collector" / "demo" / "demo-prices.yaml"
DEARER = """
id: dearer
version: "1"
extends: alibaba-acs
currency: USD
sources: {ours: "a test"}
prices:
- {per: second, region: cn-beijing, vcpu: "0.00000286", memory: "0.000001408", from: 2026-10-01, source: ours}
"""
TYPE = {**ECI_2C4G, "k8s.aliyun.com/eci-instance-spec": "ecs.c6.large"}
SPOT = {**TYPE, "k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo"}
CAUSES: dict[str, tuple[PartName, dict[str, Any], dict[str, Any]]] = {
    "dearer": ("price", {"pricing": ACS_2C8G, "region": "cn-beijing"}, {"pricing": ACS_2C8G, "region": "cn-beijing"}),
    "longer": ("work", {}, {"main_s": 1200, "version": "v2"}),
    "bought": ("mix", {"pricing": SPOT}, {"pricing": TYPE}),
    "tried": ("waste", {}, {"retried": 12}),
    "renamed": ("ownership", {"department": "hd-maps"}, {"department": "maps"}),
    "busier": ("volume", {}, {"runs": 30, "retried": 6}),
    "shared": ("shared", {}, {}),
    "corrected": ("corrections", {}, {}),
}
"""By namespace the part that is to show the cause, and what is planted before and after."""


def work(
    books: Books,
    namespace: str,
    begin: Instant,
    *,
    runs: int = 20,
    retried: int = 4,
    main_s: int = 600,
    version: str = "v1",
    department: str = "",
    **pods: Any,
) -> Iterator[PodCost]:
    """Charges of a template's runs, an hour apart; some had a try before that failed."""
    for number in range(runs):
        created = begin + number * HOUR
        uid = f"{namespace}-{created}"
        payer = a_payer(
            template=f"t-{namespace}",
            template_version=version,
            department=department or namespace,
            finished=True,
            outcome="succeeded",
            retried_nodes=frozenset({"again"}),
        )
        for node in ("fit", "again") if number < retried else ("fit",):
            pod = a_pod_run(
                namespace=namespace,
                created_at=created,
                uid=f"{uid}-{node}",
                workflow_uid=uid,
                workflow_name=uid,
                node_id=node,
                step=node,
                scheduled_at=created,
                instance_created_at=created,
                main_started_at=created + 10 * SECOND,
                finished_at=created + (10 + main_s) * SECOND,
                **pods,
            )
            yield from charge.charges(pod, payer, books, ZoneInfo("UTC"), begin + 300 * DAY)


def fee(month: Span, amount: str) -> StatementLine:
    """A fee that the department of one namespace pays."""
    return StatementLine(
        month=day_of(month.begin),
        run=1,
        currency="USD",
        department="shared",
        kind="fee",
        what="load-balancer",
        book="ours@1",
        cluster="c1",
        product="alibaba-eci",
        version=1,
        basis="proportional",
        weight=ZERO,
        whole=Decimal(amount),
        amount=Decimal(amount),
        rule="load-balancer",
    )


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """Two months with every cause."""
    folder = tmp_path_factory.mktemp("causes")
    (folder / "dearer.yaml").write_text(DEARER, encoding="utf-8")
    books = book.load(["alibaba-eci", "alibaba-acs", "dearer.yaml", str(FLEET)], folder)
    facts: list[Fact] = []
    for namespace, (_, before, after) in CAUSES.items():
        for span, planted in ((SEPTEMBER, before), (OCTOBER, after)):
            facts += work(books, namespace, BEGINS[span], **planted)
    late = next(fact for fact in facts if isinstance(fact, PodCost) and fact.namespace == "corrected")
    day = day_of(date(2026, 10, 9))
    facts.append(replace(late, entry=1, day=day, corrects=late.day, cost=Decimal("0.75"), rounded_cost=Decimal("0.75")))
    facts += [fee(SEPTEMBER, "1.5"), fee(OCTOBER, "4.25")]
    with holding(folder, facts) as store:
        yield store


def splits_of(query: Query, *filters: Filter) -> list[DifferenceSplit]:
    """The differences between the two months, of what passes filters."""
    before, after = (read_period(query, span, filters).costs for span in (SEPTEMBER, OCTOBER))
    return compare(before.get("USD", PeriodCost()), after["USD"])


@pytest.mark.parametrize("namespace", [name for name in CAUSES if name != "renamed"])
def test_a_cause_is_in_its_own_part(query: Query, namespace: str) -> None:
    """At least 95 % of the difference is in the part of what was planted, and no other part has more than 5 %."""
    everything = whole(splits_of(query, Filter("namespace", (namespace,))))
    part = CAUSES[namespace][0]
    difference = everything.difference
    others = [abs(amount) for name, amount in everything.parts.items() if name != part]

    assert difference > 0
    assert Decimal("0.95") <= everything.parts[part] / difference <= Decimal("1.05")
    assert max(others) <= difference * Decimal("0.05")


def test_a_renamed_department_is_ownership(query: Query) -> None:
    """All that the old name paid is moved to the new one; the whole did not change."""
    splits = splits_of(query, Filter("namespace", ("renamed",)))
    old, new = (next(split for split in splits if split.row.department == name) for name in ("hd-maps", "maps"))

    assert new.parts["ownership"] >= new.difference * Decimal("0.95") > 0
    assert old.parts["ownership"] == old.difference == -new.parts["ownership"]
    assert not whole(splits).difference


def test_both_sides_are_what_the_cost_report_has(query: Query) -> None:
    """Before and after are what is to pay by `report cost`, of the whole and of every department, to the last digit."""
    splits = splits_of(query)
    for span, side in ((SEPTEMBER, "before"), (OCTOBER, "after")):
        report = cost.cost(query, span, "department")
        to_pay = {row[0]: row[report.columns.index("to pay")] for row in report.rows}
        found = {one.row.department: getattr(one, side) for one in summed(splits, ("department",))}
        assert {name: amount for name, amount in found.items() if amount} == to_pay


def test_filters_divide_a_comparison(query: Query) -> None:
    """A filter and its opposite have differences that sum to that of all."""
    chosen, rest = (Filter("namespace", ("longer", "shared"), excluded) for excluded in (False, True))
    parts = [whole(splits_of(query, one)).difference for one in (chosen, rest)]

    assert sum(parts) == whole(splits_of(query)).difference
    assert whole(splits_of(query, Filter("template_version", ("v2",)))).after > 0


def shown(report: Report) -> str:
    """What a terminal of 80 columns shows."""
    text = io.StringIO()
    print_report(report, "table", Console(file=text, width=80, force_terminal=False))
    return text.getvalue()


def test_the_report_names_the_movers(query: Query) -> None:
    """A sentence for each of the largest movers with the version or the item behind it; nothing is wider than 80."""
    report = compare_cost(query, OCTOBER, "2026-09", "template")
    text = shown(report)

    assert report.notes[0] == "shared costs 2.75 USD more: fee load-balancer is 4.25 USD, 1.50 USD before"
    assert any(note.startswith("t-corrected 0.75 USD more by corrections") for note in report.notes)
    assert "maps has workflows that cost 0.28 USD before, when hd-maps paid for them" in report.notes
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert [row[0] for row in report.parts[0].rows] == [
        "volume",
        "work",
        "price",
        "mix",
        "waste",
        "shared",
        "corrections",
    ]


@pytest.mark.parametrize(
    ("namespace", "words"),
    [
        ("dearer", "a second on alibaba-acs on_demand cn-beijing costs +10.0 %"),
        ("bought", "alibaba-eci spot cn-hangzhou has 0 % of its seconds, 100 % before"),
        ("tried", "retried pods cost 0.14 USD, 0.05 USD before; most in tried-"),
        ("busier", "30 good runs, 20 before"),
        ("longer", "20.2 min a run, 10.2 min before; version v2, since 2026-10-03, takes 20.2 min"),
    ],
)
def test_a_mover_is_explained(query: Query, namespace: str, words: str) -> None:
    """The sentence of a cause names what changed, now and before."""
    report = compare_cost(query, OCTOBER, "before", "department", filters=[Filter("namespace", (namespace,))])

    assert words in report.notes[0]


def test_what_a_file_has(query: Query) -> None:
    """CSV has a row for each department and template with all parts, which sum to the difference exactly."""
    report = compare_cost(query, OCTOBER, "2026-09", "department,template")
    header, *lines = as_csv(report).splitlines()

    assert header.startswith("department,template,before,after,difference,volume,work,price,mix,waste,shared,")
    assert len(lines) == len(report.rows) == 9
    for row in report.rows:
        assert sum(row[5:-1]) == row[4]


def test_parts_sum_to_the_difference(query: Query) -> None:
    """Of the whole and of each template, whatever is below a cent too."""
    for namespace in ("", *CAUSES):
        chosen = [Filter("namespace", (namespace,))] if namespace else []
        [why] = compare_cost(query, OCTOBER, "before", "department", filters=chosen).parts

        assert sum(row[1] for row in why.rows) == why.totals[0][1]


def test_only_the_largest_rows(query: Query) -> None:
    """`--top` adds up the others; the total is that of all."""
    every, few = (compare_cost(query, OCTOBER, "before", "template", most=most) for most in (0, 2))

    assert [row[0] for row in few.rows][2:] == ["others"]
    assert few.totals == every.totals
    assert sum(row[3] for row in few.rows) == every.totals[0][3]


def test_wrong_use_is_refused(query: Query) -> None:
    """A pricing run, and columns that a comparison does not have."""
    with pytest.raises(ReportError, match="leave out --run"):
        compare_cost(query, OCTOBER, "before", "department", run=2)
    with pytest.raises(ReportError, match="--by creator: no such column"):
        compare_cost(query, OCTOBER, "before", "creator")
    with pytest.raises(ReportError, match="invalid month"):
        compare_cost(query, OCTOBER, "last", "department")


def test_months_without_anything_are_equal(query: Query) -> None:
    """Two months before the first charge: no row, no currency, and no difference."""
    report = compare_cost(query, Span(date(2025, 2, 1), date(2025, 3, 1)), "before", "department")

    assert report.rows == []


@pytest.mark.parametrize(
    ("span", "before"),
    [
        ((date(2026, 10, 1), date(2026, 11, 1)), (date(2026, 9, 1), date(2026, 10, 1))),
        ((date(2026, 1, 1), date(2026, 4, 1)), (date(2025, 10, 1), date(2026, 1, 1))),
        ((date(2026, 10, 5), date(2026, 10, 12)), (date(2026, 9, 28), date(2026, 10, 5))),
    ],
)
def test_the_time_before(span: tuple[date, date], before: tuple[date, date]) -> None:
    """Whole months are compared with as many months, other periods with as many days."""
    assert span_before(Span(*span)) == Span(*before)


def test_lengths_for_people() -> None:
    """Seconds, minutes or hours."""
    lengths = (41, 20 * MINUTE / SECOND, 3 * HOUR / SECOND)
    assert [duration(seconds) for seconds in lengths] == ["41 s", "20.0 min", "3.0 h"]


def test_a_shared_item_is_the_departments_own(query: Query) -> None:
    """The item behind shared costs is what the department pays of it, not what all pay."""
    for name, expected in (("shared", 1), ("maps", 0)):
        report = compare_cost(query, OCTOBER, "2026-09", "template", filters=[Filter("department", (name,))])
        assert (
            len([note for note in report.notes if "fee load-balancer is 4.25 USD, 1.50 USD before" in note]) == expected
        )
