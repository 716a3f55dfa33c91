"""
Imports the provider's bill of months: its lines first, then the row that makes them count.

A bill is that of one provider, account and month. Importing it again replaces it: readers see the former lines until the new
ones are complete. What an interrupted import left is deleted by the next one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import astuple

from collector.billing.rows import read_facts, write_facts
from collector.bills.errors import BillError
from collector.bills.read import BillKey, BillReading, BillSum, read_bill
from collector.catalog.bill_lines import BILL_LINE
from collector.catalog.columns import AT
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of, month_after
from collector.core.facts.bill_lines import BillImport, BillLine
from collector.core.model import Instant
from collector.reports.report import Report, amount
from collector.store.clickhouse import Store, StoreRows

BATCH = 25_000
"""Lines of one insert; this bounds the memory."""
COLUMNS = ("month", "provider", "account", "lines", "total", "currency", "state")
_INSTANTS = tuple(i for i, column in enumerate(BILL_LINE.stored) if AT in column.type)
_SUPERSEDED = f"""
    ALTER TABLE {DATABASE}.bill_line DELETE
    WHERE month = toDate({{month:UInt16}}) AND provider = {{provider:String}} AND account = {{account:String}}
      AND load != {{load:UInt64}}
"""
_ABANDONED = f"ALTER TABLE {DATABASE}.bill_line DELETE WHERE load = {{load:UInt64}}"


def import_bill(
    store: Store,
    paths: Sequence[Path],
    reading: BillReading,
    *,
    accept_bad: bool,
    is_final: bool,
    progress: Callable[[int], object],
) -> Report:
    """Imports files as the bills of their months and accounts; BillError if they cannot be read, or rows of them."""
    former = {BillKey(row.month, row.provider, row.account): row for row in imports(store)}
    try:
        _insert(store, _batches(read_bill(paths, reading)), progress)
        _refuse(reading, accept_bad=accept_bad)
    except BillError:
        store.command(_ABANDONED, {"load": reading.load})
        raise
    new = [_import(key, counted, paths, reading, is_final) for key, counted in sorted(reading.bills.items())]
    write_facts(store, new)
    for row in new:
        bound = {"month": row.month, "provider": row.provider, "account": row.account, "load": row.version}
        store.command(_SUPERSEDED, bound)
    return _report(new, former, reading)


def _insert(store: Store, batches: Iterator[list[BillLine]], progress: Callable[[int], object]) -> None:
    """Inserts batches, each while the next one is read: the store is as long at it as the reader."""
    with ThreadPoolExecutor(1, "bill") as inserter:
        pending: Future[None] | None = None
        for batch in batches:
            lines, first = encoded(batch), batch[0]
            if pending:
                pending.result()
            pending = inserter.submit(store.insert_json, BILL_LINE, lines, f"bill-{first.load}-{first.ordinal}")
            progress(batch[-1].ordinal)
        if pending:
            pending.result()


def imports(store: StoreRows, month: int | None = None) -> list[BillImport]:
    """Returns the bills that count, of a month or of all."""
    where = "" if month is None else "WHERE month = toDate({month:UInt16})"
    return read_facts(store, BillImport, f"FINAL {where} ORDER BY month, provider, account", {"month": month or 0})


def is_provisional(bill: BillImport) -> bool:
    """Whether the provider may have changed the month after it was imported."""
    return bill.final_at is None or bill.version < bill.final_at


def encoded(lines: Iterable[BillLine]) -> bytes:
    """Lines as JSON arrays; an instant is text in seconds, as the store reads one."""
    return msgspec.json.Encoder().encode_lines([_row(line) for line in lines])


def _row(line: BillLine) -> list[Any]:
    row = list(astuple(line))
    for i in _INSTANTS:
        if (at := row[i]) is not None:
            row[i] = f"{at // 1000}.{at % 1000:03d}"
    return row


def _batches(lines: Iterator[BillLine]) -> Iterator[list[BillLine]]:
    while batch := list(islice(lines, BATCH)):
        yield batch


def _refuse(reading: BillReading, *, accept_bad: bool) -> None:
    if reading.bad and not accept_bad:
        named = "\n  ".join(reading.named)
        raise BillError(
            f"{reading.bad} lines cannot be read, so nothing was imported; correct them, or import the others with "
            f"--accept-bad:\n  {named}"
        )
    if not reading.bills:
        raise BillError("the files have no lines, so nothing was imported")


def _import(key: BillKey, counted: BillSum, paths: Sequence[Path], reading: BillReading, is_final: bool) -> BillImport:
    return BillImport(
        month=key.month,
        provider=key.provider,
        account=key.account,
        version=reading.load,
        files=[path.name for path in paths],
        format=reading.form.name if reading.form else "",
        lines=counted.lines,
        bad=reading.bad,
        totals={currency: amount(cost) for currency, cost in counted.totals.items()},
        final_at=reading.load if is_final else final_at(key.month, reading),
        notes=_notes(reading),
    )


def final_at(month: int, reading: BillReading) -> Instant | None:
    """From when on the provider does not change a month; None: its form does not say."""
    if reading.form is None or reading.form.final is None:
        return None
    day, hour = reading.form.final
    begin = datetime.combine(date_of(month_after(month)), datetime.min.time(), reading.form.zone)
    return int((begin + timedelta(days=day - 1, hours=hour)).timestamp() * 1000)


def _notes(reading: BillReading) -> list[str]:
    notes = [f"{name} was read as GB18030" for name, encoding in reading.encodings.items() if encoding == "gb18030"]
    if reading.unequal:
        notes.append(f"{reading.unequal} lines: list amount - discount differs from the amount by more than 0.01")
    if reading.refunds > 0:
        notes.append("the bill writes refunds as positive amounts; they are taken off")
    if reading.bad:
        notes.append(f"{reading.bad} lines could not be read and are in no sum: {reading.named[0]}")
    return notes


def _report(new: Sequence[BillImport], former: dict[BillKey, BillImport], reading: BillReading) -> Report:
    rows: list[tuple[object, ...]] = []
    notes = _notes(reading)
    for bill in new:
        state = "provisional" if is_provisional(bill) else "final"
        place = (f"{date_of(bill.month):%Y-%m}", bill.provider, bill.account or "—", bill.lines)
        rows += [(*place, Decimal(cost), currency, state) for currency, cost in bill.totals.items()]
        if before := former.get(BillKey(bill.month, bill.provider, bill.account)):
            sums = ", ".join(f"{cost} {currency}" for currency, cost in before.totals.items())
            notes.append(f"{place[0]} {bill.provider} {bill.account}: replaced {before.lines} lines of {sums}")
        if is_provisional(bill):
            notes.append(f"{place[0]} {bill.provider}: {provisional_until(bill)}")
    return Report("Imported bills", COLUMNS, rows, notes)


def provisional_until(bill: BillImport) -> str:
    """Says until when a bill may change, and what to do."""
    if bill.final_at is None:
        return "provisional until the provider's invoice; import it with --final then"
    moment = datetime.fromtimestamp(bill.final_at / 1000).astimezone()
    return f"provisional until {moment:%F %H:%M %z}; import it again after that"
