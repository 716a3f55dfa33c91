"""A cron workflow that is watched: what the tests of core/cron.py share."""

from collections.abc import Iterable
from typing import Any

import msgspec

from collector.core.argo.cron import Crons, CronState
from collector.core.change_log import ChangeLog
from collector.core.facts.workflows import CronRun
from collector.core.live_view import Cron
from collector.core.messages import Observation
from collector.core.model import Instant, version_of
from collector.core.objects import kubernetes
from collector.pipeline import argo_schedule
from tests.builders import MINUTE, NOON, SECOND, decoded, iso

Told = tuple[str, str, str]
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
    """A cron workflow as the API shows it; what is not named here goes into its spec."""
    told = {
        "metadata": {"name": name, "namespace": namespace, "uid": uid, "creationTimestamp": iso(created)},
        "spec": {"schedules": [due] if isinstance(due, str) else due, **spec},
        "status": {"phase": phase, "lastScheduledTime": iso(last), "active": [{"name": "w"}] * active},
    }
    return decoded(told, kubernetes.CronWorkflow)


def sight(cron: kubernetes.CronWorkflow, when: Instant, change: Any = "modified") -> Observation:
    """One sight of a cron workflow; a later one has the higher version."""
    version = version_of(0, when // 10)
    return Observation("cronworkflows", change, cron.metadata.uid or "", cron, version, when, change != "listed")


class Watched:
    """Crons with all they ever told."""

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
            self.rows += self.crons.tick(now)

    def told(self) -> list[Told]:
        """The rows in the order in which they were told."""
        return [in_short(row) for row in self.rows]

    def kept(self) -> list[Told]:
        """The rows that stay, by due time."""
        return [in_short(row) for _, row in sorted(kept(self.rows).items())]

    def view(self) -> Cron:
        (view,) = self.crons.view()
        return view


def in_short(row: CronRun) -> Told:
    return f"{(row.due_at - NOON) / MINUTE:g}", row.outcome, row.reason or row.workflow_name


def kept(rows: Iterable[CronRun]) -> dict[tuple[str, str, Instant], CronRun]:
    """What the store keeps: of each due time the highest version, of equal ones any."""
    found: dict[tuple[str, str, Instant], CronRun] = {}
    for row in sorted(rows, key=lambda r: r.version):
        found[row.namespace, row.cron, row.due_at] = row
    return found


def watched(cron: kubernetes.CronWorkflow | None = None, when: Instant = NOON) -> Watched:
    """A cron workflow that was made under our eyes."""
    world = Watched()
    world.see(cron or a_cron(), when, "added")
    return world


def name_of(minute: int) -> str:
    return f"nightly-{(NOON + minute * MINUTE) // SECOND}"


def restarted(crons: Crons) -> Crons:
    """Crons taken up from the checkpoints of others."""
    fresh = Crons(crons.cluster, crons.calendar, ChangeLog())
    for key in (*crons.states, *crons.unseen):
        fresh.adopt(msgspec.msgpack.decode(msgspec.msgpack.encode(crons.state_of(key)), type=CronState))
    return fresh
