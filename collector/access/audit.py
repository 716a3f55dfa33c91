"""
The audit log of what visitors saw: entries wait here, in memory and bounded, until a job writes them into the store.

What is asked again and again, such as a live page or a scrape, is one entry for five minutes: it is written at once and,
with its count, again at the end. Refusals are counted by address alone, so that a flood of them is a few rows. Not
thread-safe: the event loop asks.
"""

import logging
import secrets
from collections import deque
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from collector.access.scope import Visitor
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.facts.audit import Action, AuditEntry, Via
from collector.core.model import Instant
from collector.core.units import MINUTE_MS
from collector.shown_text import on_one_line, redact

WINDOW_MS = 5 * MINUTE_MS
MOST_WAITING = 10_000
"""Entries that wait for the store; refusals leave half of them to visitors who may read."""
MOST_AT_ONCE = 1_000
"""Entries of one insert."""
MOST_OPEN: Final[dict[str, int]] = {"read": 4_000, "query": 1_000, "refuse": 1_000}
"""What is counted, and how many different ones at a time; what is beyond is counted under OTHERS."""
OTHERS = "…"
"""Stands for all targets, and of refusals for all addresses, beyond these."""
LONGEST = 256
LONGEST_DETAIL = 512

log = logging.getLogger(__name__)


def entry_of(
    action: Action,
    target: str,
    *,
    visitor: Visitor | None = None,
    address: str = "",
    outcome: str = "ok",
    detail: str = "",
    at: Instant | None = None,
) -> AuditEntry:
    """
    An entry of something that a visitor did; None: a visitor who was refused.

    The texts may be hostile and of any length. Of a target that is a path, the query is omitted.
    """
    when = now_ms() if at is None else at
    return AuditEntry(
        at=when,
        id=secrets.token_hex(8),
        version=1,
        until=when,
        times=1,
        actor=clean(visitor.name) if visitor else "",
        via=visitor.via if visitor else "",
        scope=clean(str(visitor.scope)) if visitor else "",
        address=clean(address),
        action=action,
        target=clean(target.partition("?")[0] if target.startswith("/") else target),
        outcome=clean(outcome),
        detail=clean(detail, LONGEST_DETAIL),
    )


def command_entry(
    action: Action, target: str, actor: str, *, via: Via = "local", at: Instant | None = None
) -> AuditEntry:
    """The entry of a change that a command is about to make."""
    entry = entry_of(action, target, outcome="begun", at=at)
    return replace(entry, actor=clean(actor), via=via, scope="all")


def ended(entry: AuditEntry, outcome: str, detail: str = "", at: Instant | None = None) -> AuditEntry:
    """The entry of a change that has ended; it takes the place of the one of its begin."""
    until = now_ms() if at is None else at
    return replace(entry, version=entry.version + 1, until=until, outcome=outcome, detail=clean(detail, LONGEST_DETAIL))


def clean(text: str, longest: int = LONGEST) -> str:
    """A text of others as an entry may have it: on one line, without secrets, not longer than this."""
    return _clean(text[: 2 * longest], longest)


@lru_cache(maxsize=4096)
def _clean(text: str, longest: int) -> str:
    """Kept for the texts of the last entries: names, scopes and pages are few, and a search for secrets takes time."""
    cleaned = on_one_line(redact(text))
    return cleaned if len(cleaned) <= longest else f"{cleaned[: longest - 1]}…"


class AuditLog:
    """What visitors saw, until the store has it."""

    def __init__(self, counters: Counters, *, log_lines: bool = False) -> None:
        """`log_lines`: each entry is a line of the log too."""
        self._counters, self._log_lines = counters, log_lines
        self._waiting: deque[AuditEntry] = deque()
        self._open: dict[str, dict[Hashable, AuditEntry]] = {action: {} for action in MOST_OPEN}
        """By action and by what entries have in common, the oldest first: what is still being counted."""
        counters.initialise(metrics.AUDIT_DROPPED)

    @property
    def dropped(self) -> int:
        """Entries that are lost."""
        return int(sum(self._counters.values(metrics.AUDIT_DROPPED)))

    @property
    def waiting(self) -> int:
        """Entries that the store does not have yet."""
        return len(self._waiting)

    def record(self, entry: AuditEntry) -> None:
        """Takes an entry; quick, and it never fails."""
        known = self._open.get(entry.action)
        if known is None:
            self._wait(entry)
            return
        if _same(entry) not in known and len(known) >= MOST_OPEN[entry.action]:
            entry = replace(entry, target=OTHERS, address=OTHERS if entry.action == "refuse" else entry.address)
        before = known.get(_same(entry))
        if before is None:
            if len(known) < 2 * MOST_OPEN[entry.action]:
                known[_same(entry)] = entry
            self._wait(entry)
        else:
            times = before.times + 1
            known[_same(entry)] = replace(before, times=times, version=times, until=max(before.until, entry.at))

    def take(self, now: Instant) -> list[AuditEntry]:
        """Hands over entries for one insert. Those that cannot be stored must be given back."""
        for known in self._open.values():
            over = [same for same, entry in known.items() if entry.at <= now - WINDOW_MS]
            for entry in map(known.pop, over):
                if entry.times > 1:
                    self._wait(entry)
        return [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]

    def take_all(self) -> list[AuditEntry]:
        """Hands over everything, counted so far or waiting: the collector ends."""
        counted = [entry for known in self._open.values() for entry in known.values() if entry.times > 1]
        everything = [*self._waiting, *counted]
        self._waiting.clear()
        for known in self._open.values():
            known.clear()
        return everything

    def give_back(self, entries: Sequence[AuditEntry]) -> None:
        """Takes back what was handed over and is not stored."""
        self._waiting.extendleft(reversed(entries))
        for _ in range(len(self._waiting) - MOST_WAITING):
            self._waiting.pop()
            self.drop(1)

    def drop(self, entries: int) -> None:
        """Counts entries that are lost."""
        self._counters.add(metrics.AUDIT_DROPPED, entries)

    def _wait(self, entry: AuditEntry) -> None:
        if self._log_lines:
            log.info("audit entry", extra=_about(entry))
        if len(self._waiting) < MOST_WAITING // (2 if entry.action == "refuse" else 1):
            self._waiting.append(entry)
        else:
            self.drop(1)


def _same(entry: AuditEntry) -> Hashable:
    """What entries that are counted together have in common."""
    if entry.action == "refuse":
        return (entry.address, entry.outcome)
    return (entry.actor, entry.via, entry.scope, entry.address, entry.target, entry.outcome)


def _about(entry: AuditEntry) -> dict[str, object]:
    """An entry as facts of a log line."""
    return {
        "id": entry.id,
        "actor": entry.actor,
        "via": entry.via,
        "scope": entry.scope,
        "address": entry.address,
        "action": entry.action,
        "target": entry.target,
        "outcome": entry.outcome,
        "times": entry.times,
    }
