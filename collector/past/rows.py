"""
Writes the past: patterns and the list of their copies go to a database of their own, in which the store makes the rows.

A row of a copy is its pattern's row with later instants and with another end of each name and uid; amounts stay as they were
priced. Every row has the time at which a collector would have stored it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from collector.catalog import columns as c
from collector.catalog.bills import POD_COST, POD_RUN
from collector.catalog.columns import Column
from collector.catalog.rollups import ROLLUP_STATE, ROLLUPS, ROUND, Housekeeping, Rollup
from collector.catalog.schema import DATABASE, Table
from collector.catalog.workflows import STEP_RUN, WORKFLOW_RUN
from collector.core.model import Fact
from collector.core.units import DAY_MS
from collector.past.copies import PatternCopy
from collector.past.marks import TAIL
from collector.past.patterns import Pattern
from collector.store.clickhouse import Store
from collector.store.spool import packing

SCRATCH = "lynceus_past"
"""The database of patterns; it is dropped in the end."""
STORED_AFTER_MS = 2000
COPY = Housekeeping(
    "copy",
    "Copies of patterns",
    order_by=("number",),
    columns=(
        c.big("number", "Number of the copy"),
        c.count("pattern", "Number of the pattern"),
        Column("shift_ms", "Int64", "Milliseconds by which the copy is later"),
    ),
)
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Those of the random end of a name that Kubernetes generates."""
_NAME_END = ", ".join(
    f"substring('{_LETTERS}', 1 + intDiv(number * 7919, pow(27, {place})::UInt64) % 27, 1)" for place in range(5)
)
_COPIES = f"""
    SELECT concat(leftPad(lower(hex(pattern)), 8, '0'), '-0000-4000-8000-') AS workflow_uid, shift_ms,
           intDiv(shift_ms, {DAY_MS}) AS shift_days, concat({_NAME_END}) AS name_end,
           leftPad(lower(hex(bitAnd(number * 25214903917, 281474976710655))), 12, '0') AS uid_end
    FROM {SCRATCH}.{COPY.name}
"""
"""The copies, with the ends of their names and uids: of each number another one, which looks like chance."""
ENDS = {"pod_run": "finished_at", "pod_cost": "billed_to", "workflow_run": "finished_at", "step_run": "finished_at"}
"""By table the column of the instant after which a collector stored the row."""
UIDS = ("uid", "workflow_uid", "pod_uid")


def write_copies(store: Store, patterns: Sequence[Pattern], copies: Sequence[PatternCopy]) -> None:
    """Writes the copies of patterns: their workflows, pods, steps and charges."""
    facts: dict[Table, Iterable[Fact]] = {
        WORKFLOW_RUN: (pattern.run for pattern in patterns),
        POD_RUN: (pod for pattern in patterns for pod in pattern.pods),
        STEP_RUN: (step for pattern in patterns for step in pattern.steps),
        POD_COST: (charge for pattern in patterns for charge in pattern.charges),
    }
    with _scratch(store):
        store.insert(COPY, [(number, *copy) for number, copy in enumerate(copies, 1)], "copies", database=SCRATCH)
        for table, rows in facts.items():
            packed = msgspec.msgpack.decode(packing.encode(list(rows)))
            store.insert(table, packed, "patterns", database=SCRATCH)
            store.command(copy_statement(table))


TABLES: tuple[Table, ...] = (WORKFLOW_RUN, POD_RUN, STEP_RUN, POD_COST)


@contextmanager
def _scratch(store: Store) -> Iterator[None]:
    store.command(f"DROP DATABASE IF EXISTS {SCRATCH} SYNC")
    store.command(f"CREATE DATABASE {SCRATCH} ENGINE = Atomic")
    try:
        for table in TABLES:
            store.command(f"CREATE TABLE {SCRATCH}.{table.name} AS {DATABASE}.{table.name} ENGINE = Memory")
        columns = ", ".join(f"{column.name} {column.type}" for column in COPY.columns)
        store.command(f"CREATE TABLE {SCRATCH}.{COPY.name} ({columns}) ENGINE = Memory")
        yield
    finally:
        store.command(f"DROP DATABASE IF EXISTS {SCRATCH} SYNC")


def copy_statement(table: Table) -> str:
    """Returns the statement that makes a table's rows of its patterns."""
    key = "uid" if table is WORKFLOW_RUN else "workflow_uid"
    names = ", ".join(f"`{column.name}`" for column in table.stored)
    values = ", ".join(_copied(column) for column in table.stored)
    stored_at = f"pattern.{ENDS[table.name]} + toIntervalMillisecond(copy.shift_ms + {STORED_AFTER_MS})"
    return f"""
        INSERT INTO {DATABASE}.{table.name} ({names}, inserted_at)
        SELECT {values}, {stored_at}
        FROM ({_COPIES}) AS copy INNER JOIN {SCRATCH}.{table.name} AS pattern
            ON pattern.{key} = copy.workflow_uid
        SETTINGS max_insert_block_size = 1000000, min_insert_block_size_rows = 1000000
    """


def _copied(column: Column) -> str:
    """Returns the SQL of a column in a copy."""
    own = f"pattern.`{column.name}`"
    if "DateTime64" in column.type:
        return f"{own} + toIntervalMillisecond(copy.shift_ms)"
    if column.name == "day":
        return f"{own} + copy.shift_days"
    if column.name in UIDS:
        return f"if({own} = '', '', concat({own}, copy.uid_end))"
    if column.name == "pricing":
        return f"mapApply((key, text) -> (key, replaceOne(text, '{TAIL}', copy.uid_end)), {own})"
    if column.type == "String":
        return f"replaceOne({own}, '{TAIL}', copy.name_end)"
    return own


def roll_up_days(store: Store, months: Iterable[tuple[int, int]]) -> None:
    """Fills the rollups of whole months, in one statement each, and records their days as up to date."""
    at = {"at": store.ping()}
    for rollup in ROLLUPS:
        for begin, end in months:
            days = f">= toDate({begin}) AND {{day}} < toDate({end})"
            inside = f"{rollup.day_of} {days.format(day=rollup.day_of)}"
            store.command(f"INSERT INTO {DATABASE}.{rollup.name} ({rollup.names}) {rollup.computed(inside)}")
            stored = f"{DATABASE}.{rollup.name} WHERE {rollup.day} {days.format(day=rollup.day)}"
            store.command(f"{_record(rollup, f'DISTINCT {rollup.day}', run=int(rollup.by_run))} FROM {stored}", at)
        store.command(_record(rollup, ROUND, run=0), at)


def _record(rollup: Rollup, days: str, *, run: int) -> str:
    """Returns the statement that records days of a rollup as rebuilt."""
    return f"""
        INSERT INTO {DATABASE}.{ROLLUP_STATE.name} (day, name, version, built_at, run)
        SELECT {days}, '{rollup.name}', {{at:UInt64}}, fromUnixTimestamp64Milli({{at:Int64}}), {run}"""
