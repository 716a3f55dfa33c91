"""A cron workflow that is watched: what the tests of core/cron.py share."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import msgspec

from collector.core.argo.cron import Crons, CronState
from collector.core.change_log import ChangeLog
from collector.core.facts.workflows import CronRun
from collector.core.live_view import CronHealth
from collector.core.messages import Observation
from collector.core.model import Instant, version_of
from collector.core.objects import kubernetes
from collector.pipeline import argo_schedule
from tests.builders import MINUTE, NOON, SECOND, decoded, iso

Summary = tuple[str, str, str]
"""Minutes after noon, outcome, reason or the workflow's name."""


def a_cron(
    due: str | list[str] = "* * * * *",
    *,
    uid: str = "u1",
    name: str = "nightly",
    namespace: str = "team",
    created: Instant = NOON,
    last: Instant | None = None,
    active: int = 0,
    phase: str = "Active",
    **spec: Any,
) -> kubernetes.CronWorkflow:
    """A cron workflow as the API shows it; other keywords go into its spec."""
    raw = {
        "metadata": {"name": name, "namespace": namespace, "uid": uid, "creationTimestamp": iso(created)},
        "spec": {"schedules": [due] if isinstance(due, str) else due, **spec},
        "status": {"phase": phase, "lastScheduledTime": iso(last), "active": [{"name": "w"}] * active},
    }
    return decoded(raw, kubernetes.CronWorkflow)


def sight(cron: kubernetes.CronWorkflow, when: Instant, change: Any = "modified") -> Observation:
    """An observation of a cron workflow; a later one has the higher version."""
    version = version_of(0, when // 10)
    return Observation(
        kind="cronworkflows",
        change=change,
        uid=cron.metadata.uid or "",
        object=cron,
        version=version,
        at=when,
        live=change != "listed",
    )


class Watched:
    """Crons with all rows that they emitted."""

    def __init__(self, crons: Crons | None = None) -> None:
        self.crons = crons or Crons("c1", argo_schedule, ChangeLog())
        self.rows: list[CronRun] = []

    def see(self, cron: kubernetes.CronWorkflow, when: Instant, change: Any = "modified") -> None:
        self.rows += self.crons.observe(sight(cron, when, change))

    def run(self, due_at: Instant, *, cron: str = "nightly", name: str = "", at: Instant | None = None) -> None:
        """A workflow of a cron, made a second after it was due."""
        workflow = name or f"{cron}-{due_at // SECOND}"
        self.rows += self.crons.record_run("team", cron, iso(due_at), workflow, at or due_at + SECOND)

    def tick(self, until: Instant, since: Instant | None = None) -> None:
        """Let time pass; with `since`, look at the clock every ten seconds."""
        for now in (*range(since or until, until, 10 * SECOND), until):
            self.rows += chain.from_iterable(self.crons.tick(now))

    def emitted(self) -> list[Summary]:
        """Rows in the order in which they were emitted."""
        return [summary(row) for row in self.rows]

    def final(self) -> list[Summary]:
        """Final rows by due time."""
        return [summary(row) for _, row in sorted(newest_rows(self.rows).items())]

    def view(self) -> CronHealth:
        (view,) = self.crons.view()
        return view


def summary(row: CronRun) -> Summary:
    return f"{(row.due_at - NOON) / MINUTE:g}", row.outcome, row.reason or row.workflow_name


def newest_rows(rows: Iterable[CronRun]) -> dict[tuple[str, str, Instant], CronRun]:
    """Rows that the store keeps: for each due time the one with the highest version."""
    newest: dict[tuple[str, str, Instant], CronRun] = {}
    for row in sorted(rows, key=lambda r: r.version):
        newest[row.namespace, row.cron, row.due_at] = row
    return newest


def watched(cron: kubernetes.CronWorkflow | None = None, when: Instant = NOON) -> Watched:
    """A cron workflow whose creation was observed live."""
    world = Watched()
    world.see(cron or a_cron(), when, "added")
    return world


def name_of(minute: int) -> str:
    return f"nightly-{(NOON + minute * MINUTE) // SECOND}"


def restarted(crons: Crons) -> Crons:
    """Crons restored from the checkpoints of others."""
    fresh = Crons(crons.cluster, crons.calendar, ChangeLog())
    for key in (*crons.states, *crons.unseen):
        fresh.adopt(msgspec.msgpack.decode(msgspec.msgpack.encode(crons.state_of(key)), type=CronState))
    return fresh
