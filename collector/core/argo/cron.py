"""
The life of a cron workflow: what became of each time it was due.

A due time is judged by the state its cron was in when it fell due, and only once. What Argo itself says is stronger than any
reckoning: a workflow named after the due time, or status.lastScheduledTime. While a cron is suspended or stopped nothing is
due, so a year of suspension is no row. The calendar is an argument, since cron expressions are a vendor's matter.

How Argo behaves (workflow/cron/operator.go, 3.4 to 4.1): suspended, stopped, `when` and Forbid with an active run leave
lastScheduledTime where it is; after an outage, or when a forbidding run ends, at most the latest missed time is made up for,
within startingDeadlineSeconds. A run by hand (`argo submit --from`) bears the label and a scheduled-time too, but not the name.
"""

from typing import Protocol

import msgspec
from msgspec.structs import replace

from collector.core.change_log import ChangeLog
from collector.core.facts.workflows import CronRun
from collector.core.live_view import Cron
from collector.core.messages import Observation
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.queue.waiting import one_line
from collector.core.units import HOUR_MS, MINUTE_MS

GRACE_MS = MINUTE_MS
"""How long after a due time its run may take to be seen, startingDeadlineSeconds aside."""
DEADLINE_LIMIT_MS = HOUR_MS
"""A deadline of a day would hide a missed run for a day; beyond this a late run corrects what was told."""
LATE_MS = MINUTE_MS
"""What is judged later than this after its grace fell due while nobody watched."""
DUE_AT_MOST = 100
"""Due times of one cron looked at in one go: after a break the rest is passed over, the break itself is a watch gap."""
REMEMBERED = 20
"""Due times kept after they were told, for the run that comes late all the same."""
HELD_AT_MOST = 200
SCHEDULES_AT_MOST, SCHEDULE_LIMIT, SCHEDULE_TEXT = 100, 1024, 256
"""Schedules of one cron that are followed, their characters read, and the characters of them all that a row repeats."""
DELETED_KEPT_MS = HOUR_MS
"""How long a deleted cron is kept for runs that are told late, and an unknown one's runs for the cron itself."""
UNSEEN_AT_MOST = 1000
_RANK = {"missed": 1, "skipped": 2, "started": 3}
"""Versions of a row: a run proves a miss wrong, whoever reckoned it and when; its name makes it complete (4)."""
SUBMISSION_ERROR = "SubmissionError"
"""The condition of a cron whose run could not be made; Argo takes it away with the next that can."""
UNFORESEEN = "no due time can be foretold: never due, or @every, which counts from the start of the controller"
BOTH = "both schedule and schedules are set, which Argo 3.6 and 3.7 refuse; remove schedule"


class Calendar(Protocol):
    """Due times of a schedule in a time zone; ValueError with words for an operator if either cannot be read."""

    def due(self, schedule: str, timezone: str, after: Instant, until: Instant, at_most: int) -> list[Instant]: ...

    def next_due(self, schedule: str, timezone: str, after: Instant) -> Instant | None: ...


class _Never:
    """The calendar of who asks for none: nothing is ever due."""

    def due(self, schedule: str, timezone: str, after: Instant, until: Instant, at_most: int) -> list[Instant]:  # noqa: ARG002
        return []

    def next_due(self, schedule: str, timezone: str, after: Instant) -> Instant | None:  # noqa: ARG002
        return None


NEVER = _Never()


class CronState(msgspec.Struct, array_like=True, gc=False):
    """What is known of a cron workflow; checkpointed as it is."""

    namespace: str
    name: str
    uid: str = ""
    """Empty: a run of it was seen, itself not yet."""
    version: int = 0
    schedules: list[str] = []
    timezone: str = ""
    policy: str = ""
    deadline_ms: int = 0
    when: bool = False
    suspended: bool = False
    stopped: bool = False
    active: int = 0
    since: Instant = 0
    """What was due up to here came before we saw it, and is not judged."""
    reached: Instant = 0
    """What was due up to here has been noted."""
    next_at: Instant | None = None
    last_at: Instant | None = None
    deleted_at: Instant | None = None
    problem: str = ""
    missed: int = 0
    skipped: int = 0
    runs: dict[Instant, CronRun] = {}
    """By due time: those not judged yet, without an outcome or without a version, and the newest of those that are."""
    refused: str = ""
    """Why Argo could not submit its last run, in its words; a run that it can submit takes them away."""


class Crons:
    """The cron workflows of one cluster, by `namespace/name`: workflows know their cron by its name only."""

    def __init__(self, cluster: str, calendar: Calendar, changes: ChangeLog) -> None:
        self.cluster, self.calendar, self.changes = cluster, calendar, changes
        self.lives: dict[str, CronState] = {}
        self.unseen: dict[str, CronState] = {}
        """Runs of crons that have not been seen: theirs may be told before them."""
        self._keys: dict[str, str] = {}

    def life(self, key: str) -> CronState | None:
        """The state to be checkpointed under a key; None when it is gone."""
        return self.lives.get(key) or self.unseen.get(key)

    def adopt(self, life: CronState) -> None:
        """Take up a checkpointed state."""
        key = _key(life.namespace, life.name)
        if not life.uid:
            self.unseen[key] = life
            return
        self.lives[key] = life
        self._keys[life.uid] = key
        self._schedule_next(life)

    def observe(self, seen: Observation) -> list[CronRun]:
        """Take over what a cron workflow says now; returns the rows that follow."""
        if seen.change in ("deleted", "vanished"):
            return self._part(seen)
        cron: kubernetes.CronWorkflow = seen.object  # type: ignore[assignment]  # the kind says so
        key = _key(cron.metadata.namespace or "", cron.metadata.name or "")
        life = self.lives.get(key)
        if life is not None and seen.version <= life.version:
            return []
        if life is not None and life.uid == seen.uid:
            told = self._advance(life, seen.at)
        else:
            life, told = self._register(key, cron, seen)
        life.version = seen.version
        _describe(life, cron)
        self._schedule_next(life)
        last_at = kubernetes.parse_time(cron.status.lastScheduledTime) if cron.status else None
        if last_at is not None and last_at != life.last_at:
            told += self._began(life, last_at, "", None)
        self.changes.mark("cronworkflows", key)
        return told

    def started(
        self, namespace: str, cron: str, scheduled: str | None, workflow: str, created_at: Instant
    ) -> list[CronRun]:
        """A workflow with a cron's label was seen, with its scheduled-time; returns the rows that follow."""
        due_at = kubernetes.parse_time(scheduled)
        if due_at is None or workflow != f"{cron}-{due_at // 1000}":
            return []  # by hand, or resubmitted: no due time led to it
        key = _key(namespace, cron)
        life = self.life(key)
        if life is None:
            if len(self.unseen) >= UNSEEN_AT_MOST:
                return []
            life = self.unseen[key] = CronState(namespace, cron, deleted_at=created_at)
        return self._began(life, due_at, workflow, created_at)

    def tick(self, now: Instant) -> list[CronRun]:
        """Judge what was due long enough ago; returns the rows that follow. To be called while the watches are up."""
        told = [run for life in self.lives.values() for run in (*self._advance(life, now), *self._settle(life, now))]
        for lives in (self.lives, self.unseen):
            for key in [
                k for k, v in lives.items() if v.deleted_at is not None and now > v.deleted_at + DELETED_KEPT_MS
            ]:
                self._keys.pop(lives.pop(key).uid, None)
                self.changes.mark("cronworkflows", key)
        return told

    def view(self) -> list[Cron]:
        """The cron workflows as they are now."""
        return [_view(self.cluster, life) for life in self.lives.values() if life.deleted_at is None]

    def _register(self, key: str, cron: kubernetes.CronWorkflow, seen: Observation) -> tuple[CronState, list[CronRun]]:
        """The life of a cron seen for the first time, which may bear the name of one before it."""
        made_at = kubernetes.parse_time(cron.metadata.creationTimestamp)
        since = made_at if made_at is not None and seen.change == "added" else seen.at
        life, told = self.lives.get(key), list[CronRun]()
        if life is not None:
            told = self._advance(life, since)
            self._keys.pop(life.uid, None)
        else:
            life = self.unseen.pop(key, None) or CronState(cron.metadata.namespace or "", cron.metadata.name or "")
            life.since = life.reached = since
            life.runs = {due_at: run for due_at, run in life.runs.items() if due_at > since}
        self.lives[key] = life
        self._keys[seen.uid] = key
        life.uid, life.deleted_at = seen.uid, None
        return life, told

    def _part(self, seen: Observation) -> list[CronRun]:
        """A cron is deleted: nothing more is due, and what was not started yet never will be."""
        key = self._keys.get(seen.uid, "")
        life = self.lives.get(key)
        if life is None or life.deleted_at is not None:
            return []
        told = self._advance(life, seen.at)
        life.version, life.deleted_at, life.next_at = max(life.version, seen.version), seen.at, None
        life.runs = {due_at: run for due_at, run in life.runs.items() if run.outcome}
        self.changes.mark("cronworkflows", key)
        return told

    def _schedule_next(self, life: CronState) -> None:
        """When it is due next, or what keeps that from being known."""
        life.next_at = None
        try:
            found = [self.calendar.next_due(schedule, life.timezone, life.reached) for schedule in life.schedules]
        except ValueError as error:  # one that Argo cannot read keeps the others from running too
            life.problem = str(error)
            return
        moments = [at for at in found if at is not None]
        if not moments:
            life.problem = life.problem or UNFORESEEN
        elif not (life.suspended or life.stopped or life.deleted_at is not None):
            life.next_at = min(moments)

    def _advance(self, life: CronState, until: Instant) -> list[CronRun]:
        """Note what fell due up to an instant, by the state it was in; tell the runs that were seen before that."""
        if until <= life.reached:
            return []
        if life.next_at is not None and life.next_at <= until:
            for due_at in self._due(life, until):
                life.runs.setdefault(due_at, self._run(life, due_at))
            self.changes.mark("cronworkflows", _key(life.namespace, life.name))
        early = [run for due_at, run in life.runs.items() if run.outcome and not run.version and due_at <= until]
        life.reached = until
        if life.next_at is not None and life.next_at <= until:
            self._schedule_next(life)
        return [self._tell(life, _as_now(life, run)) for run in early]

    def _due(self, life: CronState, until: Instant) -> list[Instant]:
        zone, after = life.timezone, life.reached
        found = {at for s in life.schedules for at in self.calendar.due(s, zone, after, until, DUE_AT_MOST)}
        return sorted(found)[:DUE_AT_MOST]

    def _began(self, life: CronState, due_at: Instant, workflow: str, at: Instant | None) -> list[CronRun]:
        """A due time led to a run, as the workflow or its cron says; told once the cron is known up to there."""
        run = life.runs.get(due_at) or self._run(life, due_at)
        if life.last_at is None or due_at > life.last_at:
            life.last_at = due_at
        if due_at <= life.since or run.workflow_name or (run.outcome == "started" and not workflow):
            return []
        life.missed -= run.outcome == "missed"
        life.skipped -= run.outcome == "skipped"
        run = replace(run, outcome="started", reason="", message="", workflow_name=workflow, started_at=at)
        life.runs[due_at] = run
        _forget(life)
        self.changes.mark("cronworkflows", _key(life.namespace, life.name))
        return [self._tell(life, run)] if due_at <= life.reached else []

    def _settle(self, life: CronState, now: Instant) -> list[CronRun]:
        """What nothing started in time was missed, or skipped for a reason."""
        told = []
        grace = GRACE_MS + min(life.deadline_ms, DEADLINE_LIMIT_MS)
        for due_at, run in list(life.runs.items()):
            if run.outcome or now < due_at + grace:
                continue
            if now > due_at + grace + LATE_MS and due_at < (life.last_at or 0):
                # Nobody watched, and it has run since: this one may have come and gone.
                del life.runs[due_at]
                continue
            life.missed += not run.reason
            life.skipped += bool(run.reason)
            told.append(self._tell(life, _conclude(life, run)))
        if told:
            _forget(life)
            self.changes.mark("cronworkflows", _key(life.namespace, life.name))
        return told

    def _tell(self, life: CronState, run: CronRun) -> CronRun:
        """The row of a judged due time; the version tells the better knowledge."""
        run = replace(run, version=_RANK[run.outcome] + bool(run.workflow_name))
        life.runs[run.due_at] = run
        return run

    def _run(self, life: CronState, due_at: Instant) -> CronRun:
        """The row that a due time will be, by the present state of its cron; no outcome and no version yet."""
        reason = "forbid" if life.policy == "Forbid" and life.active else "when" if life.when else ""
        return CronRun(
            cluster=self.cluster, namespace=life.namespace, cron=life.name, due_at=due_at, version=0, outcome="",
            reason=reason, workflow_name="", started_at=None, schedule=_text(life), concurrency_policy=life.policy,
        )  # fmt: skip


def _conclude(life: CronState, run: CronRun) -> CronRun:
    """A due time that led to nothing, with what its cron says of it."""
    if run.reason:
        return replace(run, outcome="skipped")
    return replace(run, outcome="missed", reason="submission_error" if life.refused else "", message=life.refused)


def _describe(life: CronState, cron: kubernetes.CronWorkflow) -> None:
    """Take over specification and status."""
    spec, status = cron.spec or kubernetes.CronWorkflowSpec(), cron.status or kubernetes.CronWorkflowStatus()
    schedules = list(dict.fromkeys(s[:SCHEDULE_LIMIT] for s in spec.schedules or [spec.schedule or ""]))
    life.schedules = schedules[:SCHEDULES_AT_MOST]
    life.problem = BOTH if spec.schedule and spec.schedules else ""
    if len(schedules) > SCHEDULES_AT_MOST:
        life.problem = f"of {len(schedules)} schedules only the first {SCHEDULES_AT_MOST} are followed"
    life.timezone = spec.timezone or ""
    life.policy = spec.concurrencyPolicy or "Allow"
    life.deadline_ms = max(0, spec.startingDeadlineSeconds or 0) * 1000
    life.when = bool(spec.when)
    life.suspended, life.stopped = bool(spec.suspend), status.phase == "Stopped"
    life.active = len(status.active or ())
    failed = (c.message for c in status.conditions or () if c.type == SUBMISSION_ERROR and c.status == "True")
    life.refused = one_line(next(failed, None))
    if life.suspended or life.stopped:
        # It may have been so a moment before the due times that are still open: no page for those.
        why = "suspended" if life.suspended else "stopped"
        for due_at, run in life.runs.items():
            if not (run.outcome or run.reason):
                life.runs[due_at] = replace(run, reason=why)


def _forget(life: CronState) -> None:
    """Keep the newest of what was told, and of everything no more than a hostile status may fill."""
    told = sorted(due_at for due_at, run in life.runs.items() if run.version)
    for due_at in {*told[:-REMEMBERED], *sorted(life.runs)[:-HELD_AT_MOST]}:
        del life.runs[due_at]


def _as_now(life: CronState, run: CronRun) -> CronRun:
    return replace(run, schedule=_text(life), concurrency_policy=life.policy)


def _view(cluster: str, life: CronState) -> Cron:
    return Cron(
        cluster=cluster, namespace=life.namespace, name=life.name, schedule=_text(life), timezone=life.timezone,
        suspended=life.suspended, concurrency_policy=life.policy, last_at=life.last_at, next_at=life.next_at,
        missed=life.missed, skipped=life.skipped, active=life.active, problem=life.problem or life.refused,
    )  # fmt: skip


def _text(life: CronState) -> str:
    return "; ".join(life.schedules)[:SCHEDULE_TEXT]


def _key(namespace: str, name: str) -> str:
    return f"{namespace}/{name}"
