"""
Pages of a report for the API: rows in their order, those of the parts after the report's own.

Figures of an open month change from minute to minute. So the pages of a report are taken from the same one while it is
kept here; a page of a report that has changed since is refused, and never mixed with another.
"""

import base64
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from collector.access.scope import Scope
from collector.reports.render import as_json
from collector.reports.report import Report

MOST_KEPT = 16
"""Reports whose other pages may be asked for."""
MOST_ROWS_KEPT = 60_000
"""Of all of them together."""
KEPT_S = 300.0


class PageCursor(NamedTuple):
    """Where a page begins, and in which report."""

    digest: str
    begin: int

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(f"{self.digest}.{self.begin}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> PageCursor | None:
    """The cursor that a text stands for; None: it is none."""
    try:
        digest, _, begin = (
            base64.b64decode(text + "=" * (-len(text) % 4), "-_", validate=True).decode("ascii").partition(".")
        )
    except ValueError:
        return None
    known = begin.isascii() and begin.isdigit() and len(begin) < 10
    found = PageCursor(digest, int(begin)) if known else None
    return found if found and str(found) == text else None


class MadeReport(NamedTuple):
    """A report, and what its pages have in common."""

    report: Report
    rows: int
    """Those of its parts included."""
    digest: str
    """Another one for other figures, and for other parameters."""


def digested(report: Report, request: str) -> MadeReport:
    """A report with its digest, which takes a while for thousands of rows; `request` has its parameters."""
    digest = hashlib.sha256(f"{request}\n{as_json(report)}".encode()).hexdigest()[:24]
    return MadeReport(report, rows_of(report), digest)


def rows_of(report: Report) -> int:
    """Rows of a report, those of its parts included."""
    return len(report.rows) + sum(rows_of(part) for part in report.parts)


def cut(report: Report, begin: int, most: int) -> Report:
    """The report with the rows of one page alone."""
    return _cut(report, begin, most)[0]


def _cut(report: Report, skip: int, take: int) -> tuple[Report, int, int]:
    rows, parts = report.rows[skip : skip + take], list[Report]()
    skip, take = max(0, skip - len(report.rows)), take - len(rows)
    for part in report.parts:
        own, skip, take = _cut(part, skip, take)
        parts.append(own)
    return replace(report, rows=rows, parts=parts), skip, take


class KeptReports:
    """Reports whose later pages may follow, each for the scope that it was made for."""

    def __init__(
        self,
        *,
        most: int = MOST_KEPT,
        most_rows: int = MOST_ROWS_KEPT,
        kept_s: float = KEPT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._most_rows, self._kept_s, self._clock = most, most_rows, kept_s, clock
        self._kept: OrderedDict[tuple[Scope, str, str], tuple[float, MadeReport]] = OrderedDict()

    def keep(self, scope: Scope, request: str, one: MadeReport) -> None:
        """Keeps a report; others are forgotten for it, those that were made first."""
        key = (scope, request, one.digest)
        self._kept.pop(key, None)
        self._kept[key] = (self._clock(), one)
        while len(self._kept) > self._most or sum(one.rows for _, one in self._kept.values()) > self._most_rows:
            self._kept.popitem(last=False)

    def find(self, scope: Scope, request: str, digest: str) -> MadeReport | None:
        """The report that a page was taken from, if it is still kept."""
        at, one = self._kept.get((scope, request, digest), (0.0, None))
        return one if one is not None and self._clock() - at <= self._kept_s else None
