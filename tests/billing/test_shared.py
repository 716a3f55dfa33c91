"""Shared costs on the real engine: who bears which part of a book's fees, and that nothing is lost between the columns."""

from collections.abc import Iterator
from datetime import UTC, date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest

from collector.billing.shared import MonthOfRun, StatementTerms
from collector.billing.statement import compute
from collector.core.cost import charge as billing
from collector.core.cost.billing_days import day_of
from collector.core.cost.meters import total
from collector.core.facts.bills import Period
from collector.core.model import Fact
from collector.prices import book
from collector.prices.lookup import Books
from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from tests.billing.stored import write_all
from tests.builders import HOUR, NOON, SECOND, a_payer, a_pod_run, at
from tests.store.running import start

OWN = """
id: ours
version: "1"
currency: {currency}
sources: {{s: contract}}
fees:
"""
FEE = '  - {{id: f{n}, amount: "{amount}", per: hour, from: 2026-11-01, source: s, {more}}}\n'
PODS = [
    ("a", "maps", "c1", 1),
    ("b", "maps", "c1", 2),
    ("c", "sre", "c1", 4),
    ("d", "sre", "c2", 7),
    ("e", "unallocated", "c2", 1),
]
"""Uid, department, cluster, hours."""


def rows() -> Iterator[Fact]:
    """Charges of five pods, in a month that is open; under a run beside the bill all of them are one department's."""
    books = book.load(["alibaba-eci"], Path())
    yield Period(month=day_of(date(2026, 11, 1)), version=1, active_run=1, state="open", total=None, hash="")
    for uid, department, cluster, hours in PODS:
        ended = NOON + hours * HOUR + 7 * SECOND
        run = a_pod_run(uid=uid, cluster=cluster, finished_at=ended)
        for charge in billing.charges(run, a_payer(department=department), books, UTC, ended):
            yield charge
            yield msgspec.structs.replace(charge, run=2, department="law")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that holds those rows."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    write_all(writer, [*rows()])
    yield writer
    writer.close()
    running.stop()


class Parts(NamedTuple):
    """The shared costs of the month: their sum, the part of each department, and the notes."""

    total: Decimal
    parts: dict[str, Decimal]
    notes: list[str]


def owing(folder: Path, *fees: tuple[str, str], currency: str = "USD") -> Books:
    """Books with own fees: the amount of each in an hour, and its other fields."""
    rows = "".join(FEE.format(n=n, amount=amount, more=more) for n, (amount, more) in enumerate(fees))
    (folder / "ours.yaml").write_text(OWN.format(currency=currency) + rows)
    return book.load(["alibaba-eci", "ours.yaml"], folder)


def shared(stored: Store, books: Books, now: str = "2026-11-11", run: int = 1) -> Parts:
    """What the statement of November has of fees."""
    terms = StatementTerms(books=books, zone=ZoneInfo("UTC"), rules="")
    bill = compute(stored, MonthOfRun(month=day_of(date(2026, 11, 1)), run=run, now=at(now)), terms)
    parts: dict[str, Decimal] = {}
    for line in bill.lines:
        if line.kind == "fee":
            parts[line.department] = parts.get(line.department, Decimal(0)) + line.amount
    return Parts(total(parts.values()), parts, bill.row.notes)


@pytest.mark.parametrize(
    ("amount", "more", "expected"),
    [
        ("1", "basis: even, clusters: [c1]", {"maps": "120", "sre": "120"}),
        ("-0.1", "basis: even, clusters: [c1]", {"maps": "-12", "sre": "-12"}),
        ("1", "basis: even", {"maps": "80", "sre": "80", "unallocated": "80"}),
        ("1", "basis: even, clusters: [c1, c2]", {"maps": "120", "sre": "240", "unallocated": "120"}),
        ("1", "basis: fixed, shares: {maps: 0.25, law: 0.75}", {"maps": "60", "law": "180"}),
        ("1", "basis: metric, metric: pods", {"maps": "96", "sre": "96", "unallocated": "48"}),
        ("1", "basis: proportional, clusters: [c3]", {"unallocated": "240"}),
    ],
)
def test_each_basis_by_hand(stored: Store, tmp_path: Path, amount: str, more: str, expected: dict[str, str]) -> None:
    """Ten days of one USD an hour, on its cluster; the fee of an unused cluster is unallocated."""
    found = shared(stored, owing(tmp_path, (amount, more)))

    assert found.parts == {k: Decimal(v) for k, v in expected.items()}


@pytest.mark.parametrize("basis", ["proportional", "even", "metric, metric: pods"], ids=["cost", "even", "pods"])
def test_a_report_of_a_run_shares_out_by_what_was_used_under_it(stored: Store, tmp_path: Path, basis: str) -> None:
    """What another run concluded of the same pods is not this one's."""
    books = owing(tmp_path, ("1", f"basis: {basis}"))
    alone = shared(stored, books, run=2)

    assert alone.parts == {"law": Decimal(240)}


def test_departments_unallocated_and_shared_are_the_total(stored: Store, tmp_path: Path) -> None:
    """To the last place, with fees that no department's part divides evenly."""
    fees = [("0.1000000000000007", f"basis: {basis}") for basis in ("proportional", "even", "metric, metric: seconds")]
    books = owing(tmp_path, *fees, ("0.3", "clusters: [c1, c2]"), ("7", "basis: fixed, shares: {law: 1}"))
    found = shared(stored, books, now="2026-11-10T12:34:56.789")
    hours = Decimal("228.5824413888888888888888889")
    fee = hours * (Decimal("0.1000000000000007") * 3 + Decimal("0.6") + 7)

    assert sorted(found.parts) == ["law", "maps", "sre", "unallocated"]
    assert total(found.parts.values()) == found.total
    assert abs(found.total - fee) < Decimal("1e-17")


def test_a_fee_of_a_product_is_owed_for_each_cluster_that_used_it(stored: Store, tmp_path: Path) -> None:
    """As for the management of a cluster."""
    more = 'id: ours\nversion: "1"\nextends: alibaba-eci\ncurrency: USD\nsources: {s: contract}\nfees:\n'
    (tmp_path / "ours.yaml").write_text(more + FEE.format(n=1, amount="1", more="basis: even"))
    found = shared(stored, book.load(["alibaba-eci", "ours.yaml"], tmp_path))

    assert found.total == 480


def test_a_fee_without_a_rate_of_exchange_is_named_and_in_no_sum(stored: Store, tmp_path: Path) -> None:
    """Unknown is never 0."""
    found = shared(stored, owing(tmp_path, ("1", "basis: even"), currency="EUR"))

    assert found.notes == ["no exchange rate for f0 of ours@1: it is in no sum"]
    assert not found.total


@pytest.mark.parametrize("more", [{}, {"now": "2026-10-01"}])
def test_without_fees_nothing_is_shared(stored: Store, tmp_path: Path, more: Any) -> None:
    """Nor is what is still to come."""
    books = owing(tmp_path, ("1", "basis: even")) if more else book.load(["alibaba-eci"], tmp_path)

    assert not shared(stored, books, **more).total
