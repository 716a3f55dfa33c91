"""
Reads the files of a bill into lines: recognises the form, refuses what would be counted wrongly, and adds everything up.

A row that cannot be read is bad: it is counted and named, and the others are read. What makes the whole bill wrong stops the
import: an unknown form, two signs for refunds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from collector.bills.alibaba import ALIBABA, breaks_identity
from collector.bills.aws import AWS
from collector.bills.azure import AZURE
from collector.bills.errors import BadRowError, BillError
from collector.bills.files import BillFile, bill_files, readable
from collector.bills.focus import FOCUS
from collector.bills.form import BillForm, LineCost
from collector.bills.google import GOOGLE
from collector.bills.line import LinePlace, bill_line
from collector.bills.records import Record, records
from collector.core.cost.meters import CONTEXT
from collector.core.facts.bill_lines import BillLine
from collector.core.model import Instant
from collector.core.units import ZERO

FORMS = (AWS, FOCUS, GOOGLE, ALIBABA, AZURE)
BAD_KEPT = 100
"""Bad rows that are named; all are counted."""
MOST_BILLS = 10_000
"""Accounts and months in one import."""
MOST_HEADERS = 1000
"""Sets of columns of JSON records that are remembered."""


class BillKey(NamedTuple):
    """Whose bill of what month: what an import replaces."""

    month: int
    provider: str
    account: str


@dataclass(slots=True)
class BillSum:
    """What was read of one bill."""

    lines: int = 0
    totals: dict[str, Decimal] = field(default_factory=dict)
    """By currency."""


@dataclass(slots=True, kw_only=True)
class BillReading:
    """How to read a bill, and what was read of it so far."""

    load: Instant
    mapping: BillForm | None = None
    invoiced: bool = False
    """Take what is invoiced instead of the amortised cost, where the bill states both."""
    account: str = ""
    """Of bills that do not name one."""
    form: BillForm | None = None
    """Of all files: conventions of two forms are never mixed."""
    bills: dict[BillKey, BillSum] = field(default_factory=dict)
    ordinal: int = 0
    bad: int = 0
    named: list[str] = field(default_factory=list)
    """The first bad rows, with file, line and reason."""
    encodings: dict[str, str] = field(default_factory=dict)
    """By file; empty: Parquet."""
    unequal: int = 0
    """Lines in which list amount - discount is not the amount, of a provider that promises it."""
    refunds: int = 0
    """1: refunds are written as positive amounts, -1: as negative ones, 0: there is none yet."""


def read_bill(paths: Iterable[Path], reading: BillReading) -> Iterator[BillLine]:
    """Yields the lines of files in their order; `reading` has the sums when all are read."""
    for path in paths:
        for file in bill_files(path):
            reading.encodings[file.name] = file.encoding
            with readable(file.name):
                yield from _lines(file, reading)


def _lines(file: BillFile, reading: BillReading) -> Iterator[BillLine]:
    header: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    form: BillForm | None = None
    named: dict[tuple[str, ...], tuple[str, ...]] = {}
    for record in records(file, lambda header: recognise(file.name, header, reading).escape):
        if record.header is not header:
            header = record.header
            form = form or recognise(file.name, header, reading)
            if len(named) >= MOST_HEADERS:
                named = {}
            names = named.get(header) or named.setdefault(header, form.names(header))
        try:
            line = _line(file.name, record, names, reading)
        except BadRowError as error:
            reading.bad += 1
            if len(reading.named) < BAD_KEPT:
                reading.named.append(f"{file.name}:{record.row}: {error}")
            continue
        yield line


def recognise(name: str, header: tuple[str, ...], reading: BillReading) -> BillForm:
    """The form of a bill by the header of a file; BillError if it is unknown, or another than that of the files before."""
    found = next((form for form in (reading.mapping, *FORMS) if form and form.fits(header)), None)
    listed = ", ".join(header)[:500]
    if reading.mapping and found is not reading.mapping:
        absent = next(h for (h,) in reading.mapping.columns.values() if h not in header)
        raise BillError(f"{name}: has no column {absent!r} of the mapping; its columns: {listed}")
    if found is None:
        known = ", ".join(form.name for form in FORMS)
        raise BillError(f"{name}: not a known form of a bill ({known}); write a `--mapping` of its columns: {listed}")
    if reading.form and found is not reading.form:
        raise BillError(f"{name}: is {found.name}, but files before it are {reading.form.name}; import them apart")
    reading.form = found
    return found


def _line(file: str, record: Record, names: tuple[str, ...], reading: BillReading) -> BillLine:
    """The line of a record, counted; BadRowError says why there is none."""
    form = reading.form
    assert form is not None  # noqa: S101 - recognised before the first record
    if len(record.texts) != len(names):
        raise BadRowError(f"has {len(record.texts)} columns, but the header has {len(names)}")
    row = dict(zip(names, record.texts, strict=True))
    if form.constants:
        row |= form.constants
    cost = form.cost(row, reading.invoiced)
    if form.signs and cost.kind == "refund" and cost.amount:
        cost = _signed(f"{file}:{record.row}", cost, reading)
    line = bill_line(row, form, cost, LinePlace(file, record.row, reading.load, reading.ordinal + 1, reading.account))
    _count(line, reading)
    reading.unequal += form is ALIBABA and breaks_identity(cost)
    return line


def _signed(place: str, cost: LineCost, reading: BillReading) -> LineCost:
    """A refund as a negative amount; BillError if some refunds of the bill are positive and others negative."""
    sign = 1 if cost.amount > ZERO else -1
    if reading.refunds not in (0, sign):
        remedy = "it is not known which of them take money off; ask the provider, or import them with a `--mapping`"
        raise BillError(f"{place}: the bill writes refunds as positive and as negative amounts; {remedy}")
    reading.refunds = sign
    if sign < 0:
        return cost
    listed, discount = cost.list_amount, cost.discount
    return LineCost(cost.kind, -cost.amount, listed and -listed, discount and -discount)


def _count(line: BillLine, reading: BillReading) -> None:
    key = BillKey(line.month, line.provider, line.account)
    tally = reading.bills.get(key)
    if tally is None:
        if len(reading.bills) >= MOST_BILLS:
            raise BillError(
                f"{line.file_name}:{line.row}: more than {MOST_BILLS:,} months and accounts; import fewer files"
            )
        tally = reading.bills[key] = BillSum()
    reading.ordinal += 1
    tally.lines += 1
    tally.totals[line.currency] = CONTEXT.add(tally.totals.get(line.currency, ZERO), line.amount)
