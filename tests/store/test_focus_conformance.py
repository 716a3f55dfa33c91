"""The official validator on files of the export; `make test-focus`."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from collector.store.clickhouse import Store
from collector.store.focus import FocusFile, columns_of, write_file
from collector.store.focus_rows import Grain
from collector.store.schema.migrate import migrate
from generate.focus_page import CRITERIA
from tests.billing.stored import write_all
from tests.store.focus_facts import a_month
from tests.store.focus_validator import judge
from tests.store.running import start

pytestmark = pytest.mark.focus

COMMITMENTS = "COMMITMENT_DISCOUNT_SUPPORTED"
INVOICE = {"InvoiceId-C-005-C"}
"""Wants what InvoiceId-C-004-C forbids, of every file."""
STATUS = {f"CommitmentDiscountStatus-C-{number}-C" for number in ("000", "002", "004")}
"""The last one wants what CommitmentDiscountStatus-C-003-C forbids; the others contain it."""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that holds a month with every kind of row."""
    running = start(tmp_path_factory.mktemp("store"))
    writer = running.writer()
    migrate(writer)
    write_all(writer, a_month())
    writer.close()
    reader = running.reader()
    yield reader
    reader.close()
    running.stop()


@pytest.mark.parametrize("output_format", ["csv", "parquet"])
@pytest.mark.parametrize("grain", ["day", "pod"])
def test_only_rules_that_exclude_each_other_fail(
    grain: Grain, output_format: str, reader: Store, tmp_path: Path
) -> None:
    """With all criteria that the page claims, each kind of row, and both grains and formats."""
    file = tmp_path / f"november.{output_format}"
    wanted = FocusFile(
        begin=date(2026, 11, 1),
        end=date(2026, 12, 1),
        zone="Asia/Shanghai",
        grain=grain,
        output_format=output_format,
        columns=columns_of([], grain),
    )
    write_file(reader, wanted, file)

    whole = judge(file)
    without = judge(file, [name for name in CRITERIA if name != COMMITMENTS])

    assert sorted(whole.failed) == sorted(INVOICE | STATUS)
    assert sorted(without.failed) == sorted(INVOICE)
    assert whole.passed > without.passed > 250


def test_a_fault_is_found(reader: Store, tmp_path: Path) -> None:
    """The validator is really asked: a file without a column that must be there fails the rules of the column."""
    file = tmp_path / "wrong.csv"
    columns = columns_of([], "day")
    wanted = FocusFile(begin=date(2026, 11, 1), end=date(2026, 12, 1), zone="UTC", columns=columns)
    write_file(reader, wanted, file)
    right = file.read_text(encoding="utf-8")
    file.write_text(right.replace(",ChargeCategory,", ",Category,"), encoding="utf-8")

    assert ",ChargeCategory," in right
    assert [rule for rule in judge(file).failed if rule.startswith("ChargeCategory-")]
