"""A locked bill is locked: all readers, with whatever price books, read the same; and what was changed by force shows."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from collector.billing import runs
from collector.billing.month_list import list_months
from collector.billing.rows import read_facts, write_facts
from collector.billing.shared import StatementTerms
from collector.billing.statement import stored_lines, write_due
from collector.core.facts.bills import Period, StatementLine
from collector.prices import book
from collector.store.clickhouse import Store
from tests.billing.stored import changed, write_all
from tests.billing.test_lock import OCTOBER, TERMS, TODAY, lock_now, locked, october, stated
from tests.builders import HOUR, NOON
from tests.commands import run_command
from tests.store.running import Running

FEES = """
id: ours
version: "1"
currency: USD
sources: {s: contract}
fees:
- {id: nat, amount: "0.1", per: hour, from: 2026-10-01, source: s}
- {id: slb, amount: "FEE", per: month, from: 2026-10-01, source: s, basis: even}
- {id: log, amount: "3", per: month, from: 2026-10-01, source: s, basis: metric, metric: seconds, clusters: [c1]}
- {id: dns, amount: "5", per: month, from: 2026-10-01, source: s, basis: fixed, shares: {maps: 0.5, law: 0.5}}
"""


def ours(folder: Path, fee: str = "7") -> StatementTerms:
    """Books with fees of all kinds."""
    (folder / "ours.yaml").write_text(FEES.replace("FEE", fee), encoding="utf-8")
    return StatementTerms(books=book.load(["alibaba-eci", "ours.yaml"], folder), zone=ZoneInfo("UTC"), rules="rules")


def rich(store: Store, terms: StatementTerms) -> Period:
    """October of three departments with fees, locked."""
    write_all(store, [*october(2), *october(1, department="vision"), *october(3, department="sre", cluster="c2")])
    stated(store, terms)
    return lock_now(store, terms=terms)


def lines(store: Store) -> list[StatementLine]:
    """The lines that readers print."""
    return read_facts(
        store, StatementLine, "ORDER BY currency, department, kind, what, cluster", source="statement_current"
    )


def test_twenty_edits_of_the_books_change_no_locked_line(store: Store, engine: Running, tmp_path: Path) -> None:
    """Neither the collectors' round nor a later look has any part in a locked bill; the open month follows the books."""
    period, report = rich(store, ours(tmp_path)), ("report", "cost", "--month", "2026-10")
    before, text = lines(store), printed(engine, tmp_path, 7, *report)

    for edit in range(20):
        for _ in write_due(store, ours(tmp_path, fee=str(edit)), TODAY, NOON + edit * HOUR):
            pass
        assert [line for line in lines(store) if line.month == OCTOBER] == before

    assert len(lines(store)) > len(before)
    assert printed(engine, tmp_path, 99, *report) == text
    assert runs.periods_of(store, [OCTOBER]) == [period]
    assert [row[6] for row in list_months(store).rows if row[0] == "2026-10"] == ["yes"]


def _amount(line: Any) -> list[Any]:
    return [changed(line, amount=line.amount + Decimal("0.000000000000000001"))]


def _department(line: Any) -> list[Any]:
    return [changed(line, amount=Decimal(0)), changed(line, department="other")]


TAMPERED: dict[str, Callable[[Any], list[Any]]] = {
    "amount": _amount,
    "department": _department,
    "added": lambda line: [changed(line, what="more")],
    "zeroed": lambda line: [changed(line, amount=Decimal(0))],
    "rule": lambda line: [changed(line, rule="another")],
}


def test_each_of_twenty_tampered_lines_is_found(store: Store, tmp_path: Path) -> None:
    """An amount by the last digit, a payer, a line more, a line of 0, another reason: of each of four lines."""
    rich(store, ours(tmp_path))
    by_what = {line.what: line for line in lines(store)}
    version, found = NOON, 0

    for line in [by_what[what] for what in ("alibaba-eci", "slb", "log", "dns")]:
        for tamper in TAMPERED.values():
            new = tamper(line)
            write_facts(store, [changed(other, version=version + 1) for other in new])
            found += [row[6] for row in list_months(store).rows] == ["NO"]
            version += 2
            undone = [changed(other, amount=Decimal(0), version=version) for other in new]
            write_facts(store, undone)
            write_facts(store, [changed(line, version=version + 1)])
            assert [row[6] for row in list_months(store).rows] == ["yes"]

    assert found == 20


def test_lines_that_were_written_since_are_named(store: Store, tmp_path: Path) -> None:
    """So that a person knows where to look."""
    rich(store, ours(tmp_path))
    [line, *_] = [line for line in lines(store) if line.what == "slb"]
    write_facts(store, [changed(line, amount=Decimal(1), version=line.version + 1)])

    assert list_months(store).notes == [
        f"2026-10: the lines are not those that were locked; written since: {line.department} fee slb {line.cluster} 1.00 USD"
    ]


def test_a_removed_line_is_found(store: Store, tmp_path: Path) -> None:
    """Also where nothing was written."""
    rich(store, ours(tmp_path))
    store.command("ALTER TABLE lynceus.statement_line DELETE WHERE what = 'dns' SETTINGS mutations_sync = 1")

    assert list_months(store).notes == ["2026-10: the lines are not those that were locked"]


def test_a_month_locked_by_the_release_before_is_checked_by_its_charges(store: Store) -> None:
    """It has no hash of lines; those that are computed of it later do not count."""
    write_all(store, october())
    period = locked(store)
    store.command("TRUNCATE TABLE lynceus.statement_line")
    store.command("TRUNCATE TABLE lynceus.month_statement")
    write_facts(store, [changed(period, statement_hash="", version=period.version + 1)])
    assert [row[6] for row in list_months(store).rows] == ["yes"]
    assert list_months(store).notes == ["2026-10: no statement was computed yet"]

    for _ in write_due(store, TERMS, TODAY, NOON + HOUR):
        pass

    [row] = [row for row in list_months(store).rows if row[0] == "2026-10"]
    assert (row[3], row[6]) == (period.total, "yes")


def test_a_write_that_arrives_after_the_lock_changes_nothing(store: Store, tmp_path: Path) -> None:
    """A round that had begun before the lock: its lines have lower versions than those of the lock."""
    rich(store, ours(tmp_path))
    before = stored_lines(store, OCTOBER, 1)

    write_facts(store, [changed(line, amount=line.amount + 1, version=NOON - HOUR) for line in before])

    assert stored_lines(store, OCTOBER, 1) == before
    assert [row[6] for row in list_months(store).rows] == ["yes"]


def printed(engine: Running, folder: Path, number: int, *words: str) -> str:
    """What a reader with price books of his own gets, who has no token of the store's writer."""
    path = folder / f"{number}.yaml"
    (folder / f"p{number}.yaml").write_text(FEES.replace("FEE", str(number)), encoding="utf-8")
    path.write_text(f"prices: [alibaba-eci, ./p{number}.yaml]\n", encoding="utf-8")
    result = run_command(*words, "--url", f"{engine.url}/lynceus", "--config", str(path))
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("output", ["json", "csv", "table"])
@pytest.mark.parametrize(
    "words", [("period", "list"), ("report", "cost", "--month", "2026-10")], ids=["months", "cost"]
)
def test_five_readers_with_five_price_books_read_the_same(
    store: Store, engine: Running, tmp_path: Path, words: tuple[str, ...], output: str
) -> None:
    """Byte for byte, whatever their own books are, without the writer's token, and in 80 columns."""
    rich(store, ours(tmp_path))
    readers = range(5 if output == "json" else 1)

    [text] = {printed(engine, tmp_path, number, *words, "--format", output) for number in readers}

    assert output != "table" or max(map(len, text.splitlines())) <= 80
    if output == "json":
        pay = [Decimal(row["to pay"]) for row in msgspec.json.decode(text)["rows"]]
        assert sum(pay) == sum(line.amount for line in lines(store))
