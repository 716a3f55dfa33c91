"""
How far each message is: rows in the store, which all collectors share. Of each step one collector writes the row.

A step's row has the next version, and its insert a token made of message and version. The store takes a token once, so of
collectors that write the same version in the same instant one row is stored, and all read whose. So it is on replicated
tables by ClickHouse Keeper, and on a single server by this table's window. A single server that is killed between token and
row has the token of a version without a row: who writes it finds no row, and writes the version after it.

    known      the report was first seen; what was due before is not owed
    claimed    a collector reads the figures and connects
    sending    everything but the last step is done; from here on no other collector may send
    sent       the receiver has confirmed it
    failed     it was not sent; another attempt follows at `until`
    unsure     it is unknown whether it was sent, and it is not sent again
    missed     it was not sent, and no longer will be
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from collector.catalog.rollups import DELIVERY
from collector.catalog.schema import DATABASE
from collector.core.model import Instant
from collector.store.clickhouse import Store

DeliveryState = Literal["known", "claimed", "sending", "sent", "failed", "unsure", "missed"]
BY_HAND = "by hand"
"""Begins the period of what a command sent."""
TRIES = 4
"""Versions that are tried, where the store has tokens without their rows."""

_COLUMNS = (
    "name, department, period, version, state, holder, mark, attempt, doubts, toUnixTimestamp64Milli(due), "
    "toUnixTimestamp64Milli(at), toUnixTimestamp64Milli(until), receiver, detail"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """How far one message is."""

    name: str
    department: str
    period: str
    version: int = 0
    state: DeliveryState = "known"
    holder: str = ""
    mark: str = ""
    attempt: int = 0
    doubts: int = 0
    due: Instant = 0
    at: Instant = 0
    until: Instant = 0
    receiver: str = ""
    detail: str = ""


def current(store: Store, name: str, department: str, period: str) -> DeliveryRecord | None:
    """Reads how far a message is; None: nothing was done for it."""
    rows = store.query_rows(
        f"SELECT {_COLUMNS} FROM {DATABASE}.{DELIVERY.name} FINAL "
        "WHERE name = {name:String} AND department = {department:String} AND period = {period:String}",
        {"name": name, "department": department, "period": period},
    )
    return _record(rows[0]) if rows else None


def advance(store: Store, before: DeliveryRecord, **changes: object) -> DeliveryRecord | None:
    """
    Writes the next step of a message; None: another collector has written it, and this one has no part in it any more.

    `before` is the row that was read last, or one of version 0.
    """
    for version in range(before.version + 1, before.version + 1 + TRIES):
        step = replace(before, version=version, mark=secrets.token_hex(8), **changes)  # type: ignore[arg-type]
        row = [getattr(step, column.name) for column in DELIVERY.stored]
        key = f"{step.name}\0{step.department}\0{step.period}\0{version}"
        store.insert(DELIVERY, [row], f"delivery {key}")
        stored = current(store, step.name, step.department, step.period)
        if stored is not None and stored.version >= version:
            return step if stored.mark == step.mark else None
    return None


def latest(store: Store, most: int) -> list[DeliveryRecord]:
    """Reads how far the messages are, the newest first."""
    rows = store.query_rows(
        f"SELECT {_COLUMNS} FROM {DATABASE}.{DELIVERY.name} FINAL WHERE state != 'known' ORDER BY at DESC, name "
        "LIMIT {most:UInt32}",
        {"most": most},
    )
    return [_record(row) for row in rows]


def last_sent(store: Store) -> dict[tuple[str, str], Instant]:
    """Reads when a message of each report and department was last sent as scheduled."""
    rows = store.query_rows(
        f"SELECT name, department, toUnixTimestamp64Milli(max(at)) FROM {DATABASE}.{DELIVERY.name} FINAL "
        "WHERE state = 'sent' AND NOT startsWith(period, {by_hand:String}) GROUP BY name, department",
        {"by_hand": BY_HAND},
    )
    return {(name, department): int(at) for name, department, at in rows}


def _record(row: Sequence[object]) -> DeliveryRecord:
    names = [column.name for column in DELIVERY.stored]
    record = DeliveryRecord(**dict(zip(names, row, strict=True)))  # type: ignore[arg-type]
    if record.state not in get_args(DeliveryState):
        raise ValueError(f"{DELIVERY.name}: unknown state {record.state!r}; a newer collector wrote it")
    return record
