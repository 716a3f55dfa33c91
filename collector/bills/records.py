"""
Records of a bill's files: a header and the texts of its columns, with the place for messages.

Numbers of JSON and decimals of Parquet become text exactly; doubles of Parquet become their shortest text.
"""

import csv
import importlib
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from collector.bills import google
from collector.bills.errors import BillError
from collector.bills.files import BillFile, text_of

LONGEST = 1 << 20
"""Characters of a line; the longest lines are records of JSON with labels."""
MOST_JSON = 64 << 20
"""Characters of a file that is one JSON document; one page of an API's answer has 300 records."""
PARQUET_ROWS = 10_000


class Record(NamedTuple):
    """One record; the header is the same object for all records of a CSV file."""

    row: int
    header: tuple[str, ...]
    texts: Sequence[str]


Escape = Callable[[tuple[str, ...]], str | None]
"""The character by which a CSV file of this header escapes quotes."""
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def records(file: BillFile, escape: Escape) -> Iterator[Record]:
    """The records of a file; BillError names the line that has none."""
    if not file.encoding:
        yield from _parquet(file)
        return
    with file.open() as opened, text_of(file, opened) as text:
        lines = _lines(file.name, text)
        first = next(lines, "")
        if first.lstrip()[:1] in ("{", "["):
            yield from _json(file.name, first, lines)
        elif first:
            yield from _csv(file.name, first, lines, escape)


def _lines(name: str, text: io.TextIOWrapper) -> Iterator[str]:
    """Lines of bounded length."""
    number = 0
    while line := text.readline(LONGEST):
        number += 1
        if len(line) == LONGEST:
            raise BillError(f"{name}:{number}: the line is longer than {LONGEST:,} characters; export it as CSV")
        yield line


def _csv(name: str, first: str, lines: Iterator[str], escape: Escape) -> Iterator[Record]:
    header = tuple(next(csv.reader([first])))
    reader = csv.reader(lines, escapechar=escape(header))
    try:
        for texts in reader:
            if texts:
                yield Record(reader.line_num + 1, header, texts)
    except csv.Error as error:
        raise BillError(f"{name}:{reader.line_num + 1}: not valid CSV: {error}; export the file again") from None


def _json(name: str, first: str, lines: Iterator[str]) -> Iterator[Record]:
    """Records of JSON lines, or of one document over all lines."""
    try:
        document = _decode(first)
    except msgspec.DecodeError:
        text = io.StringIO()
        size = text.write(first)
        for line in lines:
            size += text.write(line)
            if size > MOST_JSON:
                raise BillError(f"{name}: the document is longer than 64 MiB; write a record a line") from None
        yield from _objects(name, 0, _decoded(name, 1, text.getvalue()))
        return
    yield from _objects(name, 1, document)
    for number, line in enumerate(lines, 2):
        if line.strip():
            yield from _objects(name, number, _decoded(name, number, line))


def _decoded(name: str, number: int, line: str) -> Any:
    try:
        return _decode(line)
    except msgspec.DecodeError as error:
        raise BillError(f"{name}:{number}: not valid JSON: {error}; export the file again") from None


def _objects(name: str, number: int, document: Any) -> Iterator[Record]:
    """The records of a document: itself, the objects of a list, or the items of an answer of the billing API."""
    whole: dict[str, Any] = {}
    listed = document if isinstance(document, list) else [document]
    if isinstance(document, dict) and isinstance(data := document.get("Data"), dict):
        whole = {key: value for key, value in data.items() if not isinstance(value, (list, dict))}
        items = data.get("Items")
        listed = items.get("Item", []) if isinstance(items, dict) else items or []
    for place, item in enumerate(listed, 1):
        if not isinstance(item, dict):
            raise BillError(f"{name}:{number or place}: is not a JSON object; a bill has an object for each line")
        row = google.flat(item) if google.is_record(item) else {k: _text(v) for k, v in {**whole, **item}.items()}
        yield Record(number if len(listed) == 1 and number else place, tuple(row), tuple(row.values()))


def _parquet(file: BillFile) -> Iterator[Record]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise BillError(f"{file.name}: Parquet needs pyarrow; install lynceus[parquet], or export CSV") from None
    with file.open() as opened:
        number = 0
        for batch in parquet.ParquetFile(opened).iter_batches(batch_size=PARQUET_ROWS):
            header = tuple(batch.schema.names)
            columns = [[_text(value) for value in column.to_pylist()] for column in batch.columns]
            for texts in zip(*columns, strict=True):
                number += 1
                yield Record(number, header, texts)


def _text(value: Any) -> str:
    """A value as the text that a CSV file would have."""
    match value:
        case None:
            text = ""
        case str():
            text = value
        case Decimal():
            text = f"{value:f}"
        case datetime() if not value.tzinfo:
            text = value.replace(tzinfo=UTC).isoformat()
        case date():
            text = value.isoformat()
        case list() | dict():
            pairs = dict(value) if isinstance(value, list) and all(isinstance(v, tuple) for v in value) else value
            text = msgspec.json.encode(pairs).decode()
        case _:
            text = str(value)
    return text
