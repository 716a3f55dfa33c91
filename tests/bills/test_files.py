"""Packed, cut and encoded files, and files that are none."""

import gzip
import json
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from collector.bills import files, records
from collector.bills.errors import BillError
from tests.bills.reading import SAMPLES, ZH, a_bill, focus, total_of

TEXT = ZH.read_text("utf-8")
ROWS = TEXT.splitlines(keepends=True)
TOTAL = {"CNY": Decimal("1.176445")}
RECORD = (SAMPLES / "google-detailed.jsonl").read_bytes().splitlines()[3]
ROW = "2026-11-01,2026-11-06T01:00:00Z,Usage,1,1,USD,i-1"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8"),
        (TEXT.encode("gb18030"), "gb18030"),
        (gzip.compress(TEXT.encode("gb18030")), "gb18030"),
    ],
    ids=["plain", "mark", "gb18030", "gzip"],
)
def test_the_same_bill_in_each_encoding(tmp_path: Path, content: bytes, encoding: str) -> None:
    """The file's name says nothing; which encoding was read is noted."""
    path = tmp_path / "bill.bin"
    path.write_bytes(content)

    lines, reading = a_bill(path)

    assert total_of(reading) == TOTAL
    assert lines[0].item == "vCPU"
    assert lines[1].meter == "memory"
    assert reading.encodings == {str(path): encoding}


def test_a_bill_in_two_files_of_a_zip(tmp_path: Path) -> None:
    """Each has the header; a folder and what a Mac adds are skipped."""
    path = tmp_path / "bill.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bill/", "")
        archive.writestr("__MACOSX/bill/1.csv", "no bill")
        archive.writestr("bill/1.csv", "".join(ROWS[:3]))
        archive.writestr("bill/2.csv.gz", gzip.compress("".join((ROWS[0], *ROWS[3:])).encode()))

    lines, reading = a_bill(path)

    assert total_of(reading) == TOTAL
    assert [line.file_name for line in lines] == [f"{path}/bill/1.csv"] * 2 + [f"{path}/bill/2.csv.gz"] * 4


def test_a_bill_as_parquet(tmp_path: Path) -> None:
    """Decimals are exact, doubles are their shortest text, times and maps are read."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "focus.parquet"
    table = pyarrow.table(
        {
            "BillingPeriodStart": [date(2026, 11, 1)] * 2,
            "ChargePeriodStart": pyarrow.array(
                [datetime(2026, 11, 6, 1, tzinfo=UTC), None], pyarrow.timestamp("ms", "UTC")
            ),
            "ChargePeriodEnd": pyarrow.array(
                [datetime(2026, 11, 6, 2, tzinfo=UTC).replace(tzinfo=None), None], pyarrow.timestamp("ms")
            ),
            "ChargeCategory": ["Usage", "Tax"],
            "BilledCost": pyarrow.array([Decimal("0.1"), Decimal("0.2")], pyarrow.decimal128(38, 18)),
            "EffectiveCost": [0.1, 1e-7],
            "BillingCurrency": ["USD", "USD"],
            "Tags": pyarrow.array([[("team", "maps")], None], pyarrow.map_(pyarrow.string(), pyarrow.string())),
        }
    )
    parquet.write_table(table, path)

    lines, reading = a_bill(path)

    assert total_of(reading) == {"USD": Decimal("0.1000001")}
    assert (lines[0].begin, lines[0].end) == (1793926800000, 1793930400000)
    assert (lines[0].tags, lines[1].tags) == ({"team": "maps"}, {})
    assert total_of(a_bill(path, invoiced=True)[1]) == {"USD": Decimal("0.3")}


def test_parquet_without_its_library_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the remedy."""
    path = tmp_path / "x"
    path.write_bytes(b"PAR1....")

    def missing(_: str) -> None:
        raise ImportError

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(BillError, match=r"Parquet needs pyarrow; install lynceus\[parquet\]"):
        a_bill(path)


def test_pages_of_the_api_one_a_line_and_a_list(tmp_path: Path) -> None:
    """Answers are read as they arrive, with their items in a list or one level deeper; so is a plain list of rows."""
    page = json.loads((SAMPLES / "alibaba-instance-bill.json").read_text("utf-8"))
    deeper = {"Data": {**page["Data"], "Items": {"Item": page["Data"]["Items"]}}}
    path = tmp_path / "pages.jsonl"
    path.write_text(f"{json.dumps(page)}\n\n{json.dumps(deeper)}\n", encoding="utf-8")
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps([{**page["Data"]["Items"][0], "BillingCycle": "2026-11"}]), encoding="utf-8")

    assert total_of(a_bill(path)[1]) == {"CNY": 2 * Decimal("1.06012")}
    assert total_of(a_bill(rows)[1]) == {"CNY": Decimal("0.31752")}


def test_a_quote_may_be_escaped_in_alibabas_files(tmp_path: Path) -> None:
    """Alibaba escapes with a backslash, others double the quote and keep the backslash."""
    path = tmp_path / "bill.csv"
    path.write_text(ROWS[0] + ROWS[1].replace("team:perception", r'"team:a\"b,c"'), encoding="utf-8")
    other = focus(
        tmp_path,
        f'{ROW},"C:\\"',
        header="BillingPeriodStart,ChargePeriodStart,ChargeCategory,"
        "BilledCost,EffectiveCost,BillingCurrency,ResourceId,ServiceName",
    )

    assert a_bill(path)[0][0].tags == {"team": 'a"b,c'}
    assert a_bill(other)[0][0].product == "C:\\"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xff\xff", "is neither UTF-8 nor GB18030"),
        (gzip.compress(TEXT.encode())[:200], "cannot be read"),
        (b"PK\x03\x04 damaged", "cannot be read"),
        (b"a,b\n1,2\n", r"not a known form of a bill \(.*\); write a `--mapping` of its columns: a, b"),
        (TEXT.encode() + b'"' + b"x" * 200_000, "not valid CSV: field larger"),
        (b"x" * (records.LONGEST + 1), "x:1: the line is longer than 1,048,576 characters"),
        (RECORD + b'\n{"a"', "x:2: not valid JSON"),
        (b"[\n1]", "x:1: is not a JSON object"),
        (b"[1,\n{", "x:1: not valid JSON"),
    ],
)
def test_what_is_no_bill_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    """With its place and a remedy."""
    path = tmp_path / "x"
    path.write_bytes(content)

    with pytest.raises(BillError, match=words):
        a_bill(path)


def test_a_file_that_is_absent_is_named(tmp_path: Path) -> None:
    """Other files are not read then."""
    with pytest.raises(BillError, match="cannot be read: No such file"):
        a_bill(tmp_path / "absent.csv")


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    """It is not an error: a day may have none. Nor are empty lines."""
    (tmp_path / "empty").write_bytes(b"")

    assert a_bill(tmp_path / "empty")[0] == []
    assert len(a_bill(focus(tmp_path, ROW, "", ROW))[0]) == 2


def test_archives_have_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of depth, of files, and of what must be in memory at once."""
    deep = tmp_path / "deep.gz"
    deep.write_bytes(gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"x")))))
    with pytest.raises(BillError, match="packed more than 3 times"):
        a_bill(deep)
    many = tmp_path / "many.zip"
    with zipfile.ZipFile(many, "w") as archive:
        archive.writestr("1", "")
        archive.writestr("2", "")
    monkeypatch.setattr(files, "MOST_MEMBERS", 1)
    with pytest.raises(BillError, match="has more than 1 files"):
        a_bill(many)
    document = tmp_path / "long.json"
    document.write_text("[\n" + "1,\n" * 10, encoding="utf-8")
    monkeypatch.setattr(records, "MOST_JSON", 9)
    with pytest.raises(BillError, match="the document is longer than 64 MiB"):
        a_bill(document)
