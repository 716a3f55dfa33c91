"""The bill that the import is timed on is what the bench says it is. Nothing is timed here."""

from pathlib import Path

from tests.bench.bills import measure, write_bill
from tests.bills.reading import a_bill


def test_the_bill_has_two_lines_for_each_pod(tmp_path: Path) -> None:
    """All of them are read, and each pod has an id of its own."""
    write_bill(tmp_path / "bill.csv", 100)

    lines, reading = a_bill(tmp_path / "bill.csv")

    assert (len(lines), reading.bad, len({line.pod for line in lines})) == (100, 0, 50)


def test_an_import_is_measured(tmp_path: Path) -> None:
    """With the memory of both processes."""
    found = measure(100, tmp_path)

    assert found["lines"] == 100
    assert min(found.values()) >= 0
