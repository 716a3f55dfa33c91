"""A bill in the store, on the real engine: replaced as a whole, or not imported at all."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collector.billing.bill_import import encoded, final_at, import_bill, imports, is_provisional
from collector.billing.rows import read_facts
from collector.bills.alibaba import ALIBABA
from collector.bills.errors import BillError
from collector.bills.read import BillReading
from collector.core.facts.bill_lines import BillImport, BillLine
from collector.reports.report import Report
from collector.store.clickhouse import Store
from tests.billing.test_commands import settings_of
from tests.bills.reading import SAMPLES, ZH, a_bill, focus
from tests.commands import run_command
from tests.store.running import Running

NOVEMBER = 20758
ROW = "2026-11-01,2026-11-06T01:00:00Z,Usage,1,{},USD,i-1"


def imported(store: Store, *paths: Path, load: int = 1000, **how: Any) -> Report:
    """An import at an instant."""
    options: dict[str, Any] = {"accept_bad": False, "is_final": False, "progress": lambda _: None, **how}
    return import_bill(store, paths, BillReading(load=load), **options)


def stored(store: Store) -> list[BillLine]:
    """All lines in the order of the bill."""
    return read_facts(store, BillLine, "FINAL ORDER BY load, ordinal")


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*.[cj]s*")))
def test_lines_are_stored_as_they_were_read(store: Store, name: str) -> None:
    """Every value of every line, in whichever form the bill was."""
    imported(store, SAMPLES / name, load=7)

    read, _ = a_bill(SAMPLES / name)
    assert stored(store) == read


def test_importing_again_replaces(store: Store, tmp_path: Path) -> None:
    """The month of that provider and account, with all its lines; other bills stay."""
    imported(store, ZH)
    first = imported(store, focus(tmp_path, ROW.format(1), ROW.format(2)), load=2000)
    again = imported(store, focus(tmp_path, ROW.format(4)), load=3000)

    assert first.rows == [("2026-11", "focus", "—", 2, Decimal(3), "USD", "provisional")]
    assert again.notes[0] == "2026-11 focus : replaced 2 lines of 3 USD"
    assert [(bill.provider, bill.lines, bill.totals) for bill in imports(store, NOVEMBER)] == [
        ("alibaba", 6, {"CNY": "1.176445"}),
        ("focus", 1, {"USD": "4"}),
    ]
    assert [line.load for line in stored(store)] == [1000] * 6 + [3000]
    assert imports(store, NOVEMBER + 1) == []


def test_an_import_with_a_bad_line_is_refused_as_a_whole(store: Store, tmp_path: Path) -> None:
    """The former bill still counts, and no line is left; accepted, the bad ones are noted."""
    imported(store, focus(tmp_path, ROW.format(1)))
    bad = focus(tmp_path, ROW.format(5), ROW.format("x"))

    with pytest.raises(
        BillError, match=r"(?s)1 lines cannot be read, so nothing was imported.*focus.csv:3: 'x' is not an"
    ):
        imported(store, bad, load=2000)
    assert [line.amount for line in stored(store)] == [1]

    made = imported(store, bad, load=3000, accept_bad=True)
    assert [line.amount for line in stored(store)] == [5]
    assert made.notes[0].startswith("1 lines could not be read and are in no sum: ")
    assert imports(store)[0].bad == 1


def test_a_file_without_lines_is_no_import(store: Store, tmp_path: Path) -> None:
    """Else a month would be replaced by nothing."""
    (tmp_path / "empty.csv").write_bytes(b"")

    with pytest.raises(BillError, match="the files have no lines"):
        imported(store, tmp_path / "empty.csv")


def test_until_when_a_bill_is_provisional(store: Store) -> None:
    """Alibaba's until the 3rd, 12:00 in China; a bill whose provider names no date until its invoice."""
    third = int(datetime(2026, 12, 3, 4, tzinfo=UTC).timestamp() * 1000)
    reading = BillReading(load=1)
    assert final_at(NOVEMBER, reading) is None
    reading.form = ALIBABA
    assert final_at(NOVEMBER, reading) == third

    before, after = (imported(store, ZH, load=load) for load in (third - 1, third))
    invoice = imported(store, SAMPLES / "aws-cur2.csv", load=2000)
    final = imported(store, SAMPLES / "aws-cur2.csv", load=3000, is_final=True)

    assert [made.rows[0][-1] for made in (before, after, invoice, final)] == ["provisional", "final"] * 2
    assert "provisional until 2026-12-03" in before.notes[0]
    assert invoice.notes == ["2026-11 aws: provisional until the provider's invoice; import it with --final then"]
    assert [is_provisional(bill) for bill in imports(store)] == [False, False]


def test_what_was_noticed_is_kept(store: Store, tmp_path: Path) -> None:
    """The encoding, amounts that do not agree, the sign of refunds: with the import."""
    rows = ZH.read_text("utf-8").splitlines()
    path = tmp_path / "bill.csv"
    refund = rows[3].replace("-0.317520", "0.317520")
    path.write_text("\n".join((rows[0], rows[1].replace("0.352800", "0.452800"), refund)), encoding="gb18030")

    imported(store, path)

    [bill] = read_facts(store, BillImport, "FINAL")
    assert bill.notes == [
        f"{path} was read as GB18030",
        "1 lines: list amount - discount differs from the amount by more than 0.01",
        "the bill writes refunds as positive amounts; they are taken off",
    ]
    assert (bill.files, bill.format, bill.account) == (["bill.csv"], "alibaba", "0100000000000001")


def test_an_instant_is_text_in_seconds() -> None:
    """The store would read a number of milliseconds as seconds."""
    line = a_bill(ZH)[0][0]

    assert b'"1793926800.000"' in encoded([line])


def test_a_bill_is_imported_as_a_user_types_it(store: Store, engine: Running, tmp_path: Path) -> None:
    """The command prints what was imported; a mapping that is wrong ends it with 2 and a sentence."""
    config = ("--config", str(settings_of(engine, tmp_path)))
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("provider: x", encoding="utf-8")

    made = run_command("bill", "import", str(ZH), *config)
    wrong = run_command("bill", "import", str(ZH), "--mapping", str(mapping), *config)

    assert made.returncode == 0, made.stderr
    assert "1.176445" in made.stdout
    assert "6 of 6 lines imported" in made.stderr
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "missing required field `columns`" in wrong.stderr
    assert len(stored(store)) == 6
