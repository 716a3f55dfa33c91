"""Shared costs on the real engine: who bears which part of a book's fees, and that nothing is lost between the columns."""

from collections.abc import Iterator
from datetime import UTC, date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.catalog.tables import TABLE_OF
from collector.core.cost import charge as billing
from collector.core.cost.meters import total
from collector.core.facts.bills import Period
from collector.core.model import Fact
from collector.prices import book
from collector.prices.lookup import Books
from collector.reports.cost import cost
from collector.reports.report import Query, Report, Span
from collector.reports.shared_costs import shared_costs
from collector.store.schema.migrate import migrate
from tests.builders import HOUR, NOON, SECOND, a_payer, a_pod_run, at
from tests.store.running import start

SPAN = Span(date(2026, 11, 1), date(2026, 12, 1))
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
    yield Period(
        month=(SPAN.begin - billing.EPOCH_DAY).days, version=1, active_run=1, state="open", total=None, hash=""
    )
    for uid, department, cluster, hours in PODS:
        ended = NOON + hours * HOUR + 7 * SECOND
        run = a_pod_run(uid=uid, cluster=cluster, finished_at=ended)
        for charge in billing.charges(run, a_payer(department=department), books, UTC, ended):
            yield charge
            yield msgspec.structs.replace(charge, run=2, department="law")


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """Questions to the engine that holds those rows."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    encoder = msgspec.msgpack.Encoder(decimal_format="string")
    for number, fact in enumerate(rows()):
        writer.insert(TABLE_OF[type(fact)], msgspec.msgpack.decode(encoder.encode([fact])), f"batch-{number}")
    writer.close()
    reader = running.reader()
    yield lambda sql, parameters: reader.query_rows(sql, dict(parameters))
    reader.close()
    running.stop()


def owing(folder: Path, *fees: tuple[str, str], currency: str = "USD") -> Books:
    """Books with own fees: the amount of each in an hour, and its other fields."""
    rows = "".join(FEE.format(n=n, amount=amount, more=more) for n, (amount, more) in enumerate(fees))
    (folder / "ours.yaml").write_text(OWN.format(currency=currency) + rows)
    return book.load(["alibaba-eci", "ours.yaml"], folder)


def reported(ask: Query, books: Books, by: str = "department", now: str = "2026-11-11") -> Report:
    return cost(ask, SPAN, by, shared=partial(shared_costs, ask, SPAN, books, at(now), run=0))


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
def test_each_basis_by_hand(ask: Query, tmp_path: Path, amount: str, more: str, expected: dict[str, str]) -> None:
    """Ten days of one USD an hour, on its cluster; the fee of an unused cluster is unallocated."""
    found = shared_costs(ask, SPAN, owing(tmp_path, (amount, more)), at("2026-11-11"))

    assert {name: part for name, part in found.parts.items() if part} == {k: Decimal(v) for k, v in expected.items()}


@pytest.mark.parametrize("basis", ["proportional", "even", "metric, metric: pods"], ids=["cost", "even", "pods"])
def test_a_report_of_a_run_shares_out_by_what_was_used_under_it(ask: Query, tmp_path: Path, basis: str) -> None:
    """What another run concluded of the same pods is not this one's."""
    books = owing(tmp_path, ("1", f"basis: {basis}"))
    report = cost(ask, SPAN, "department", 2, partial(shared_costs, ask, SPAN, books, at("2026-11-11"), run=2))
    alone = shared_costs(ask, SPAN, books, at("2026-11-11"), run=2)

    assert [(row[0], row[-1]) for row in report.rows] == [("law", Decimal(240))]
    assert alone.parts == {"law": Decimal(240)}


def test_departments_unallocated_and_shared_are_the_total(ask: Query, tmp_path: Path) -> None:
    """To the last place, with fees that no department's part divides evenly."""
    fees = [("0.1000000000000007", f"basis: {basis}") for basis in ("proportional", "even", "metric, metric: seconds")]
    books = owing(tmp_path, *fees, ("0.3", "clusters: [c1, c2]"), ("7", "basis: fixed, shares: {law: 1}"))
    report = reported(ask, books, now="2026-11-10T12:34:56.789")
    spent = ask("SELECT sum(cost) FROM cost_current", {})[0][0]
    ours, shared = (total(row[i] for row in report.rows) for i in (1, -1))
    hours = Decimal("228.5824413888888888888888889")
    fee = hours * (Decimal("0.1000000000000007") * 3 + Decimal("0.6") + 7)

    assert report.columns[-1] == "shared"
    assert [row[0] for row in report.rows] == ["sre", "maps", "unallocated", "law"]
    assert ours == spent
    assert abs(shared - fee) < Decimal("1e-17")
    assert report.notes[0].startswith(
        f"shared costs {shared.normalize():f} USD, with them {(ours + shared).normalize():f} USD"
    )


def test_rows_that_are_no_departments_say_that_more_is_owed(ask: Query, tmp_path: Path) -> None:
    """A sum without the fees must not be taken for the whole."""
    report = reported(ask, owing(tmp_path, ("1", "basis: even")), by="cluster")

    assert "shared" not in report.columns
    assert report.notes[0].endswith("they are in no row, `--by department` allocates them")


def test_a_fee_of_a_product_is_owed_for_each_cluster_that_used_it(ask: Query, tmp_path: Path) -> None:
    """As for the management of a cluster."""
    more = 'id: ours\nversion: "1"\nextends: alibaba-eci\ncurrency: USD\nsources: {s: contract}\nfees:\n'
    (tmp_path / "ours.yaml").write_text(more + FEE.format(n=1, amount="1", more="basis: even"))
    found = shared_costs(ask, SPAN, book.load(["alibaba-eci", "ours.yaml"], tmp_path), at("2026-11-11"))

    assert found.total == 480


def test_a_fee_without_a_rate_of_exchange_is_named_and_in_no_sum(ask: Query, tmp_path: Path) -> None:
    """Unknown is never 0."""
    report = reported(ask, owing(tmp_path, ("1", "basis: even"), currency="EUR"))

    assert report.notes[1] == "no exchange rate for f0 of ours@1; not in any sum"


@pytest.mark.parametrize("more", [{}, {"now": "2026-10-01"}])
def test_without_fees_the_report_is_as_it_was(ask: Query, tmp_path: Path, more: Any) -> None:
    """No column of zeros; nor for what is still to come."""
    books = owing(tmp_path, ("1", "basis: even")) if more else book.load(["alibaba-eci"], tmp_path)
    report = reported(ask, books, **more)

    assert "shared" not in report.columns
    assert not report.notes[0].startswith("shared")
