"""The FOCUS export: what is to pay and the exact cost to the last digit, split charges, pieces, and safe CSV."""

import csv
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from collector.catalog.focus_columns import COLUMNS
from collector.cli.main import app
from collector.connect import ExternalError
from collector.core.cost.meters import CONTEXT, total
from collector.core.facts.bills import PodCost, StatementLine
from collector.core.model import Fact
from collector.store.clickhouse import Store
from collector.store.export import ExportError
from collector.store.focus import Cell, FocusFile, columns_of, join_cells, pieces, write_file, write_folder
from collector.store.focus_rows import Grain
from collector.store.focus_totals import totals
from tests.billing.stored import write_all
from tests.examples import examples
from tests.store.focus_facts import UNIT, a_charge, a_line, a_month, charges, lines
from tests.store.running import Running

Row = dict[str, str]
GRAIN = pytest.mark.parametrize("grain", ["day", "pod"])
TABLES = ("pod_cost", "cost_daily", "statement_line", "commitment_hour", "period")


def holds(writer: Store, facts: Sequence[Fact]) -> None:
    """Replaces what the store holds."""
    for table in TABLES:
        writer.command(f"TRUNCATE TABLE lynceus.{table}")
    write_all(writer, facts)


def november(grain: Grain = "day", **changes: Any) -> FocusFile:
    """A file of a whole month."""
    values: dict[str, Any] = {
        "begin": date(2026, 11, 1),
        "end": date(2026, 12, 1),
        "zone": "Asia/Shanghai",
        "grain": grain,
        "columns": columns_of([], grain),
    }
    return FocusFile(**{**values, **changes})


def rows_of(reader: Store, wanted: FocusFile, folder: Path) -> list[Row]:
    """The rows of a CSV file, as programs that are not ours read them."""
    write_file(reader, wanted, folder / "out.csv", force=True)
    with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def summed(rows: Sequence[Row], column: str, **where: str) -> Decimal:
    """The sum of a column over the rows with some values."""
    return total(Decimal(row[column]) for row in rows if all(row[name] == value for name, value in where.items()))


@GRAIN
@settings(max_examples=examples(20), suppress_health_check=list(HealthCheck))
@given(drawn=st.lists(charges(), min_size=1, max_size=5), shared=st.lists(lines(), max_size=5))
def test_the_sums_are_those_of_the_statement(
    grain: Grain,
    drawn: list[PodCost],
    shared: list[StatementLine],
    writer: Store,
    reader: Store,
    tmp_path: Path,
) -> None:
    """To the last digit, of each department: BilledCost is to pay, EffectiveCost is exact. Ratios of a charge sum to 1."""
    by_key = {(line.kind, line.what, line.department, line.cluster): line for line in shared}
    holds(writer, [*drawn, *by_key.values()])

    rows = rows_of(reader, november(grain), tmp_path)

    for department in ("maps", "search", "unallocated"):
        charged = [charge for charge in drawn if charge.department == department]
        others = [line.amount for line in by_key.values() if line.department == department]
        exact = total([*map(exact_of, charged), *others])
        to_pay = total([*map(to_pay_of, charged), *others])
        assert summed(rows, "EffectiveCost", x_Department=department) == exact
        assert summed(rows, "BilledCost", x_Department=department) == to_pay
    assert all(ratio == 1 for ratio in ratios(rows).values())
    for row in rows:
        if row["PricingQuantity"]:
            check_products(row)


def exact_of(charge: PodCost) -> Decimal:
    """The cost of a charge that has a price."""
    assert charge.cost is not None
    return charge.cost


def to_pay_of(charge: PodCost) -> Decimal:
    """The cost as the provider's bill rounds it."""
    return exact_of(charge) if charge.rounded_cost is None else charge.rounded_cost


def ratios(rows: Sequence[Row]) -> dict[tuple[str, ...], Decimal]:
    """What the parts of each split charge sum to."""
    sums: dict[tuple[str, ...], Decimal] = {}
    for row in rows:
        if row["AllocatedMethodId"]:
            key = tuple(row[name] for name in ("x_CostKind", "ChargeDescription", "ChargeCategory", "BillingCurrency"))
            (element,) = json.loads(row["AllocatedMethodDetails"], parse_float=Decimal, parse_int=Decimal)["Elements"]
            sums[key] = CONTEXT.add(sums.get(key, Decimal(0)), element["AllocatedRatio"])
    return sums


def check_products(row: Row) -> None:
    """Unit price x quantity is the cost, to the 18th place."""
    for cost, price in (("ContractedCost", "ContractedUnitPrice"), ("ListCost", "ListUnitPrice")):
        product = CONTEXT.multiply(Decimal(row[price]), Decimal(row["PricingQuantity"]))
        assert abs(CONTEXT.subtract(product, Decimal(row[cost]))) < UNIT


@GRAIN
def test_a_month_has_a_row_of_each_kind(grain: Grain, writer: Store, reader: Store, tmp_path: Path) -> None:
    """Commitments are used, unused and bought; corrections name the day they correct; refunds are credits."""
    holds(writer, a_month())

    rows = rows_of(reader, november(grain), tmp_path)

    by_kind = {row["x_CostKind"]: row for row in rows}
    assert set(by_kind) == {"usage", "used", "purchase", "unused", "rounding", "correction", "fee", "idle", "bill"}
    assert [
        (row["CommitmentDiscountStatus"], row["CommitmentDiscountId"]) for row in (by_kind["used"], by_kind["unused"])
    ] == [
        ("Used", "sp-1"),
        ("Unused", "sp-1"),
    ]
    bought = summed(rows, "BilledCost", x_CostKind="purchase")
    assert bought == summed(rows, "EffectiveCost", x_CostKind="used") + summed(
        rows, "EffectiveCost", x_CostKind="unused"
    )
    correction = by_kind["correction"]
    assert (correction["ChargeClass"], correction["ChargePeriodStart"]) == ("Correction", "2026-10-22T16:00:00Z")
    assert correction["BillingPeriodStart"] == "2026-10-31T16:00:00Z"
    assert {row["ChargeCategory"] for row in rows if row["x_CostKind"] == "bill"} == {"Usage", "Credit"}
    assert {row["x_State"] for row in rows} == {"reconciled"}
    nobody = next(row for row in rows if row["x_Department"] == "unallocated")
    assert (nobody["AllocatedResourceId"], nobody["AllocatedTags"]) == ("", "")
    assert by_kind["fee"]["ResourceId"] == "fee/gateway"


def test_parts_of_a_split_charge_have_its_dimensions(writer: Store, reader: Store, tmp_path: Path) -> None:
    """What is not an amount, not an allocated column and not ours is the same in all parts."""
    holds(writer, a_month())

    fees = [row for row in rows_of(reader, november(), tmp_path) if row["x_CostKind"] == "fee"]

    own = {
        "BilledCost",
        "EffectiveCost",
        "PricingQuantity",
        "ContractedCost",
        "ListCost",
        "PricingCurrencyEffectiveCost",
    }
    same = [
        column.name for column in COLUMNS if column.name in fees[0] and not column.name.startswith(("x_", "Allocated"))
    ]
    assert len(fees) == 3
    for name in set(same) - own:
        assert len({row[name] for row in fees}) == 1, name
    assert sorted({row["AllocatedResourceName"] for row in fees}) == ["", "maps", "search"]


def test_a_cell_is_neither_a_formula_nor_a_number(writer: Store, reader: Store, tmp_path: Path) -> None:
    """Names get an apostrophe, decimals a point; quotes and commas read back; JSON is as it was."""
    holds(writer, a_month())

    rows = rows_of(reader, november(), tmp_path)

    assert {row["x_Department"] for row in rows} == {"maps", "search", "unallocated", "'=1+1"}
    assert {row["SubAccountName"] for row in rows} == {"prod", "'2026", ""}
    assert 'a "b", c' in {row["x_WorkflowTemplate"] for row in rows}
    decimals = [column.name for column in COLUMNS if column.kind == "decimal" and not column.per_pod]
    assert all("." in row[name] for row in rows for name in decimals if row[name])
    assert {json.loads(row["Tags"])["department"] for row in rows if row["Tags"]} == {"maps", "=1+1"}


def test_parquet_has_the_same_rows_with_types(writer: Store, reader: Store, tmp_path: Path) -> None:
    """A file of several pieces, and the files of a folder, which the store writes itself."""
    holds(writer, a_month())
    expected = rows_of(reader, november(), tmp_path)
    wanted = november(output_format="parquet")

    write_file(reader, wanted, tmp_path / "a.parquet")
    files = write_folder(reader, wanted, tmp_path / "folder")

    for rows in (read(tmp_path / "a.parquet"), [row for file in files for row in read(file)]):
        assert sorted(row["BilledCost"] for row in rows) == sorted(Decimal(row["BilledCost"]) for row in expected)
        assert {row["InvoiceId"] for row in rows} == {None}
        assert {row["BillingPeriodStart"] for row in rows} == {datetime(2026, 10, 31, 16, tzinfo=UTC)}


def read(file: Path) -> list[dict[str, Any]]:
    """The rows of a Parquet file."""
    rows: list[dict[str, Any]] = parquet.read_table(file).to_pylist()  # type: ignore[no-untyped-call]
    return rows


def test_a_folder_has_a_folder_for_each_day(writer: Store, reader: Store, tmp_path: Path) -> None:
    """Files of an earlier export of the same days are replaced as a whole, and only with --force; others stay."""
    holds(writer, a_month())
    other = tmp_path / "2026" / "12" / "01" / "shared.csv"
    other.parent.mkdir(parents=True)
    other.touch()
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c" / "shared.csv").touch()

    files = write_folder(reader, november(), tmp_path)

    names = ["2026/11/01/shared.csv", "2026/11/21/charges-001.csv", "2026/11/22/charges-001.csv"]
    assert [str(file.relative_to(tmp_path)) for file in files] == names
    with pytest.raises(ExportError, match="--force"):
        write_folder(reader, november(), tmp_path)
    holds(writer, [a_charge("p-9")])
    again = write_folder(reader, november(), tmp_path, force=True)
    assert again == [file for file in files if "21" not in file.parts]
    assert [file.exists() for file in (*files, other)] == [True, False, True, True]


def test_a_file_is_replaced_only_with_force(reader: Store, tmp_path: Path) -> None:
    """As with other exports."""
    (tmp_path / "out.csv").touch()

    with pytest.raises(ExportError, match="--force"):
        write_file(reader, november(), tmp_path / "out.csv")


def test_columns_are_chosen_by_name(writer: Store, reader: Store, tmp_path: Path) -> None:
    """In the order of the file, whatever the case; an unknown name is an error that lists all."""
    holds(writer, [a_charge("p-1")])

    rows = rows_of(reader, november(columns=columns_of(["x_department", "BilledCost"], "day")), tmp_path)

    assert [list(row) for row in rows] == [["BilledCost", "x_Department"]] * 2
    with pytest.raises(ExportError, match="x_step unknown with --grain day; there are BilledCost, "):
        columns_of(["x_Step"], "day")
    assert [column.name for column in columns_of(["x_Step"], "pod")] == ["x_Step"]


@given(
    sizes=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9)), max_size=9),
    most=st.integers(1, 20),
    by_day=st.booleans(),
)
def test_cells_are_joined_while_they_are_small(sizes: list[tuple[int, int]], most: int, by_day: bool) -> None:
    """Every cell is in one piece, in order; a piece has one cell or few rows, and by day never two days."""
    cells = [
        Cell(date(2026, 11, day), str(at), datetime(1970, 1, 1, tzinfo=UTC), rows)
        for at, (day, rows) in enumerate(sorted(sizes))
    ]

    joined = list(join_cells(cells, most, by_day=by_day))

    assert [cell for piece in joined for cell in piece] == cells
    assert all(len(piece) == 1 or sum(cell.rows for cell in piece) <= most for piece in joined)
    assert not by_day or all(len({cell.day for cell in piece}) == 1 for piece in joined)


@GRAIN
def test_pieces_have_every_row_once(grain: Grain, writer: Store, reader: Store) -> None:
    """However fine a period is cut: by day, by cluster, by the hour in which pods were created."""
    some = [
        a_charge(
            f"p-{at}",
            cluster=f"c{at % 3}",
            day=a_charge("").day - at % 2,
            created_at=a_charge("").created_at + at * 1_900_000,
        )
        for at in range(12)
    ]
    holds(writer, some)

    cut = [piece for piece in pieces(reader, november(grain), max_rows=4) if not piece.is_shared]

    counted = [reader.query_rows(f"SELECT sum(effective) FROM ({piece.rows})", piece.parameters)[0][0] for piece in cut]
    assert total(counted) == total(map(exact_of, some))
    assert len(cut) > 5


def test_control_totals(writer: Store, reader: Store) -> None:
    """Sums by currency, charges without a price, months without a statement, and a statement that is of an earlier time."""
    holds(writer, a_month())

    paid, unpriced, differs = totals(reader, november())
    holds(writer, [a_charge("p-1"), a_charge("p-2", currency="CNY")])
    dollars_, missing, again = totals(reader, november())[1:]

    assert paid == "BilledCost sums to 13.714463199999999999 USD, EffectiveCost to 13.705290599999999999 USD"
    assert unpriced.startswith("1 charges have no known price")
    assert "2026-11: pods cost " in differs
    assert dollars_.startswith("BilledCost sums to 0.0011544 USD")
    assert missing == again == "2026-11 has no statement yet: fees, idle nodes and unused commitments are missing"
    holds(writer, [a_charge("p-1"), a_line("usage", "0.0011544"), a_line("fee", "1", currency="CNY")])
    assert len(totals(reader, november())) == 2


def test_the_command_writes_a_file_or_a_folder(running: Running, writer: Store, tmp_path: Path) -> None:
    """A name without suffix is a folder; options of focus are refused elsewhere, and other formats here."""
    holds(writer, a_month())
    command = ["export", "focus", "--month", "2026-11", "--url", running.url, "--format", "csv"]

    a_file = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "a.csv"), "--grain", "pod"])
    a_folder = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "bills"), "--columns", "BilledCost"])

    assert a_file.stderr.splitlines()[0] == f"{tmp_path / 'a.csv'}: costs from 2026-11-01 to 2026-11-30"
    assert a_folder.stderr.splitlines()[0] == f"{tmp_path / 'bills'}: 3 files"
    assert "BilledCost sums to 13.71" in a_file.stderr
    for wrong, why in (
        (["export", "focus", "--format", "json"], "choose csv or parquet"),
        (["export", "focus", "--columns", "Cost"], "cost unknown with --grain day"),
        (["export", "pod_cost", "--grain", "pod"], "are for `lynceus export focus` only"),
        ([*command, "--from", "2026-11-01"], "--month is a whole month"),
    ):
        refused = CliRunner().invoke(app, [*wrong, "--out", str(tmp_path / "b.csv")]).exception
        assert why in str(refused)
    assert isinstance(CliRunner().invoke(app, [*command, "--out", str(tmp_path / "bills")]).exception, ExternalError)
