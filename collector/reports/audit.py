"""
Who saw and changed what: the entries of the audit log, the newest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

from collector.catalog.schema import DATABASE
from collector.core.facts.audit import Action
from collector.core.model import Instant
from collector.reports.report import Query, Report, ReportError

ACTIONS: tuple[str, ...] = get_args(Action)
COLUMNS = (
    "at",
    "until",
    "times",
    "actor",
    "via",
    "scope",
    "address",
    "action",
    "target",
    "outcome",
    "detail",
)
SHORT = ("at", "who", "did", "what", "outcome", "times")
"""What a terminal has room for."""
UNKNOWN = "(unknown)"

ENTRIES = f"""
    SELECT toUnixTimestamp64Milli(at) AS began, toUnixTimestamp64Milli(until) AS ended, {", ".join(COLUMNS[2:])}
    FROM {DATABASE}.audit_entry FINAL
    WHERE until >= fromUnixTimestamp64Milli({{since:Int64}})
      AND ({{who:String}} = '' OR positionCaseInsensitiveUTF8(actor, {{who:String}}) > 0)
      AND (empty({{actions:Array(String)}}) OR has({{actions:Array(String)}}, action))
    ORDER BY audit_entry.at DESC, id
    LIMIT {{most:UInt64}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which entries are wanted."""

    since: Instant
    who: str = ""
    """A part of the actor's name; empty: all."""
    actions: Sequence[str] = ()
    """None: all."""
    most: int = 0
    """0: all."""


def known_actions(words: Sequence[str]) -> list[str]:
    """The actions of --action; ReportError for an unknown one."""
    for word in words:
        if word not in ACTIONS:
            raise ReportError(f"--action {word}: unknown, expected one of {', '.join(ACTIONS)}")
    return [*words]


def list_entries(query: Query, wanted: EntryFilter, *, short: bool) -> Report:
    """Reports the entries; `short` leaves room for a terminal of 80 columns."""
    rows = query(
        ENTRIES,
        {
            "since": wanted.since,
            "who": wanted.who,
            "actions": [*wanted.actions],
            "most": wanted.most or 2**63,
        },
    )
    title = f"Who saw and changed what since {_time(wanted.since)} UTC"
    if not short:
        return Report(title, COLUMNS, [(_time(row[0]), _time(row[1]), *row[2:]) for row in rows])
    return Report(title, SHORT, [_short(dict(zip(("began", "ended", *COLUMNS[2:]), row, strict=True))) for row in rows])


def _short(row: dict[str, object]) -> tuple[object, ...]:
    who = row["actor"] or row["address"] or UNKNOWN
    return (_time(row["began"]), who, row["action"], row["target"], row["outcome"], row["times"])


def _time(at: object) -> str:
    return datetime.fromtimestamp(int(str(at)) / 1000, UTC).strftime("%F %T")
