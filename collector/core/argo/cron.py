"""
State of cron workflows: the outcome of each due time (started, missed or skipped).

A due time is judged once, by the state of its cron at that time. Evidence from Argo overrides our own calculation: a
workflow named after the due time, or status.lastScheduledTime. While a cron is suspended or stopped nothing is due, so a
year of suspension gives no rows. The calendar is an argument, since a third-party package evaluates cron expressions.

Behaviour of Argo (workflow/cron/operator.go, 3.4 to 4.1): lastScheduledTime does not change for a cron that is suspended or
stopped, whose `when` is false, or that is forbidden by an active run. After an outage, or when such a run ends, Argo makes
up for at most the latest missed time, within startingDeadlineSeconds. A manual run (`argo submit --from`) has the label and
a scheduled-time too, but not the name.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, Protocol

import msgspec
from msgspec.structs import replace

from collector.core.change_log import ChangeLog
from collector.core.facts.workflows import CronRun, SkipReason
from collector.core.live_view import CronHealth
from collector.core.messages import Observation
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.queue.waiting import one_line
from collector.core.units import HOUR_MS, MINUTE_MS

GRACE_MS = MINUTE_MS
"""Time after a due time in which its run may appear, in addition to startingDeadlineSeconds."""
DEADLINE_LIMIT_MS = HOUR_MS
"""Longest deadline that delays a judgement: a deadline of a day would hide a missed run for a day. A later run corrects it."""
LATE_MS = MINUTE_MS
"""Delay of a judgement beyond which its due time must have fallen into a watch gap."""
DUE_AT_MOST = 100
"""Due times of one cron that are evaluated at once. After a gap the rest is skipped: the gap has a row of its own."""
OF_PERIOD = 3
"""Past due times that count for the period of a cron: one that is due on workdays has a period of three days on Mondays."""
REMEMBERED = 20
"""Due times kept after their row, in case the run appears late."""
HELD_AT_MOST = 200
SCHEDULES_AT_MOST, SCHEDULE_LIMIT, SCHEDULE_TEXT = 100, 1024, 256
"""Limits: schedules of one cron, characters of each, and characters of all schedules in a row."""
DELETED_KEPT_MS = HOUR_MS
"""Time for which a deleted cron is kept for late runs, and runs of an unseen cron for the cron itself."""
UNSEEN_AT_MOST = 1000
_RANK = {"missed": 1, "skipped": 2, "started": 3}
"""Versions of a row: a run overrides a calculated miss, whenever that was calculated; the run's name adds 1."""
SUBMISSION_ERROR = "SubmissionError"
"""Condition of a cron whose run could not be created; Argo removes it with the next run that succeeds."""
UNFORESEEN = "no due time can be calculated: never due, or @every, which counts from the start of the controller"
BOTH = "both schedule and schedules are set, which Argo 3.6 and 3.7 refuse; remove schedule"


class Calendar(Protocol):
    """Due times of a schedule in a time zone; ValueError with a message for an operator if either is invalid."""

    def due(self, schedule: str, timezone: str, after: Instant, until: Instant, at_most: int) -> list[Instant]: ...

    def next_due(self, schedule: str, timezone: str, after: Instant) -> Instant | None: ...


class _Never:
    """Calendar in which nothing is ever due: the default."""

    def due(self, schedule: str, timezone: str, after: Instant, until: Instant, at_most: int) -> list[Instant]:  # noqa: ARG002
        return []

    def next_due(self, schedule: str, timezone: str, after: Instant) -> Instant | None:  # noqa: ARG002
        return None


NEVER = _Never()


class CronState(msgspec.Struct, array_like=True, gc=False):
    """State of a cron workflow, checkpointed as it is."""

    namespace: str
    name: str
    uid: str = ""
    """Empty: a run was seen, the cron itself not yet."""
    version: int = 0
    schedules: list[str] = []
    timezone: str = ""
    policy: str = ""
    deadline_ms: int = 0
    when: bool = False
    suspended: bool = False
    stopped: bool = False
    active: int = 0
    judged_from: Instant = 0
    """Due times up to here are before our first observation and are not judged."""
    noted_until: Instant = 0
    """Due times up to here are in `runs`."""
    next_at: Instant | None = None
    last_at: Instant | None = None
    deleted_at: Instant | None = None
    problem: str = ""
    missed: int = 0
    skipped: int = 0
    runs: dict[Instant, CronRun] = {}
    """By due time: rows not judged yet, which have no outcome or no version, and the newest judged ones."""
    submission_error: str = ""
    """Argo's message why it could not submit the last run; the next submitted run clears it."""
    succeeded_at: Instant | None = None
    """Latest due time whose run succeeded, as far as runs were observed."""
    period_ms: int | None = None
    """Longest time between two of the last and the next due times; None: nothing is due."""


class Crons:
    """Cron workflows of one cluster by `namespace/name`, since workflows reference their cron only by name."""

    def __init__(self, cluster: str, calendar: Calendar, changes: ChangeLog) -> None:
        self.cluster, self.calendar, self.changes = cluster, calendar, changes
        self.states: dict[str, CronState] = {}
        self.unseen: dict[str, CronState] = {}
        """Crons known only by their runs, which may be observed before the cron."""
        self._keys: dict[str, str] = {}

    def state_of(self, key: str) -> CronState | None:
        """State to checkpoint under a key; None: deleted."""
        return self.states.get(key) or self.unseen.get(key)

    def adopt(self, state: CronState) -> None:
        """Restore a checkpointed state."""
        key = _key(state.namespace, state.name)
        if not state.uid:
            self.unseen[key] = state
            return
        self.states[key] = state
        self._keys[state.uid] = key
        self._schedule_next(state)

    def observe(self, seen: Observation) -> list[CronRun]:
        """Take an observation of a cron workflow; returns the resulting rows."""
        if seen.change in ("deleted", "vanished"):
            return self._mark_deleted(seen)
        cron: kubernetes.CronWorkflow = seen.object  # type: ignore[assignment]  # the kind says so
        key = _key(cron.metadata.namespace or "", cron.metadata.name or "")
        state = self.states.get(key)
        if state is not None and seen.version <= state.version:
            return []
        if state is not None and state.uid == seen.uid:
            rows = self._advance(state, seen.at)
        else:
            state, rows = self._register(key, cron, seen)
        state.version = seen.version
        _describe(state, cron)
        self._schedule_next(state)
        last_at = kubernetes.parse_time(cron.status.lastScheduledTime) if cron.status else None
        if last_at is not None and last_at != state.last_at:
            rows += self._mark_started(state, last_at, "", None)
        self.changes.mark("cronworkflows", key)
        return rows

    def record_run(
        self, namespace: str, cron: str, scheduled: str | None, workflow: str, created_at: Instant
    ) -> list[CronRun]:
        """Record a workflow with a cron's label and its scheduled-time; returns the resulting rows."""
        due_at = _due_time(cron, scheduled, workflow)
        if due_at is None:
            return []
        key = _key(namespace, cron)
        state = self.state_of(key)
        if state is None:
            if len(self.unseen) >= UNSEEN_AT_MOST:
                return []
            state = self.unseen[key] = CronState(namespace, cron, deleted_at=created_at)
        return self._mark_started(state, due_at, workflow, created_at)

    def record_success(self, namespace: str, cron: str, scheduled: str | None, workflow: str) -> None:
        """Record that a workflow with a cron's label and its scheduled-time succeeded."""
        due_at, state = _due_time(cron, scheduled, workflow), self.state_of(_key(namespace, cron))
        if due_at is not None and state is not None and due_at > (state.succeeded_at or 0):
            state.succeeded_at = due_at
            self.changes.mark("cronworkflows", _key(namespace, cron))

    def tick(self, now: Instant) -> Iterator[list[CronRun]]:
        """Judge due times whose grace is over; yields each cron's rows. Call only while the watches are up."""
        for state in [*self.states.values()]:
            yield [*self._advance(state, now), *self._judge(state, now)]
        for states in (self.states, self.unseen):
            expired = [
                k for k, v in states.items() if v.deleted_at is not None and now > v.deleted_at + DELETED_KEPT_MS
            ]
            for key in expired:
                self._keys.pop(states.pop(key).uid, None)
                self.changes.mark("cronworkflows", key)

    def view(self) -> list[CronHealth]:
        """Present rows of all cron workflows."""
        return [_view(self.cluster, state) for state in self.states.values() if state.deleted_at is None]

    def _register(self, key: str, cron: kubernetes.CronWorkflow, seen: Observation) -> tuple[CronState, list[CronRun]]:
        """Register a cron that is observed for the first time; an earlier cron may have had the same name."""
        created_at = kubernetes.parse_time(cron.metadata.creationTimestamp)
        since = created_at if created_at is not None and seen.change == "added" else seen.at
        state, rows = self.states.get(key), list[CronRun]()
        if state is not None:
            rows = self._advance(state, since)
            self._keys.pop(state.uid, None)
        else:
            state = self.unseen.pop(key, None) or CronState(cron.metadata.namespace or "", cron.metadata.name or "")
            state.judged_from = state.noted_until = since
            state.runs = {due_at: run for due_at, run in state.runs.items() if due_at > since}
        self.states[key] = state
        self._keys[seen.uid] = key
        state.uid, state.deleted_at = seen.uid, None
        return state, rows

    def _mark_deleted(self, seen: Observation) -> list[CronRun]:
        """Mark a cron as deleted: nothing more is due, and due times without a run will never start."""
        key = self._keys.get(seen.uid, "")
        state = self.states.get(key)
        if state is None or state.deleted_at is not None:
            return []
        rows = self._advance(state, seen.at)
        state.version, state.deleted_at, state.next_at = max(state.version, seen.version), seen.at, None
        state.runs = {due_at: run for due_at, run in state.runs.items() if run.outcome}
        self.changes.mark("cronworkflows", key)
        return rows

    def _schedule_next(self, state: CronState) -> None:
        """Calculate the next due time, or the problem that prevents it."""
        state.next_at = state.period_ms = None
        try:
            due = self._next_due(state, state.noted_until)
        except ValueError as error:  # for Argo, one invalid schedule prevents the others too
            state.problem = str(error)
            return
        if due is None:
            state.problem = state.problem or UNFORESEEN
        elif not (state.suspended or state.stopped or state.deleted_at is not None):
            state.next_at = due
            noted = sorted(at for at in state.runs if at <= state.noted_until)[-OF_PERIOD:]
            times = [*noted, due, *filter(None, [self._next_due(state, due)])]
            state.period_ms = max((later - earlier for earlier, later in pairwise(times)), default=None)

    def _next_due(self, state: CronState, after: Instant) -> Instant | None:
        next_times = (self.calendar.next_due(s, state.timezone, after) for s in state.schedules)
        return min((at for at in next_times if at is not None), default=None)

    def _advance(self, state: CronState, until: Instant) -> list[CronRun]:
        """Add due times up to an instant, by the state at that time; returns rows of runs that were observed early."""
        if until <= state.noted_until:
            return []
        if state.next_at is not None and state.next_at <= until:
            for due_at in self._due(state, until):
                state.runs.setdefault(due_at, self._new_run(state, due_at))
            self.changes.mark("cronworkflows", _key(state.namespace, state.name))
        early = [run for due_at, run in state.runs.items() if run.outcome and not run.version and due_at <= until]
        state.noted_until = until
        if state.next_at is not None and state.next_at <= until:
            self._schedule_next(state)
        return [self._with_version(state, _as_now(state, run)) for run in early]

    def _due(self, state: CronState, until: Instant) -> list[Instant]:
        zone, after = state.timezone, state.noted_until
        due = {at for s in state.schedules for at in self.calendar.due(s, zone, after, until, DUE_AT_MOST)}
        return sorted(due)[:DUE_AT_MOST]

    def _mark_started(self, state: CronState, due_at: Instant, workflow: str, at: Instant | None) -> list[CronRun]:
        """Mark a due time as started, by a workflow or by its cron; emits its row if the due time is already noted."""
        run = state.runs.get(due_at) or self._new_run(state, due_at)
        if state.last_at is None or due_at > state.last_at:
            state.last_at = due_at
        if due_at <= state.judged_from or run.workflow_name or (run.outcome == "started" and not workflow):
            return []
        state.missed -= run.outcome == "missed"
        state.skipped -= run.outcome == "skipped"
        run = replace(run, outcome="started", reason="", message="", workflow_name=workflow, started_at=at)
        state.runs[due_at] = run
        _forget(state)
        self.changes.mark("cronworkflows", _key(state.namespace, state.name))
        return [self._with_version(state, run)] if due_at <= state.noted_until else []

    def _judge(self, state: CronState, now: Instant) -> list[CronRun]:
        """Judge due times without a run after their grace: missed, or skipped for a reason."""
        rows = []
        grace = GRACE_MS + min(state.deadline_ms, DEADLINE_LIMIT_MS)
        for due_at, run in list(state.runs.items()):
            if run.outcome or now < due_at + grace:
                continue
            if now > due_at + grace + LATE_MS and due_at < (state.last_at or 0):
                # This due time is in a watch gap, and a later one has run: its run may have come and gone unobserved.
                del state.runs[due_at]
                continue
            state.missed += not run.reason
            state.skipped += bool(run.reason)
            rows.append(self._with_version(state, _conclude(state, run)))
        if rows:
            _forget(state)
            self.changes.mark("cronworkflows", _key(state.namespace, state.name))
        return rows

    def _with_version(self, state: CronState, run: CronRun) -> CronRun:
        """Row of a judged due time; the row with better evidence has the higher version."""
        run = replace(run, version=_RANK[run.outcome] + bool(run.workflow_name))
        state.runs[run.due_at] = run
        return run

    def _new_run(self, state: CronState, due_at: Instant) -> CronRun:
        """Row of a due time by the present state of its cron, without outcome and version."""
        reason: SkipReason | Literal[""] = (
            "forbid" if state.policy == "Forbid" and state.active else "when" if state.when else ""
        )
        return CronRun(
            cluster=self.cluster,
            namespace=state.namespace,
            cron=state.name,
            due_at=due_at,
            version=0,
            outcome="",
            reason=reason,
            workflow_name="",
            started_at=None,
            schedule=_text(state),
            concurrency_policy=state.policy,
        )


def _conclude(state: CronState, run: CronRun) -> CronRun:
    """Outcome of a due time without a run, with the cron's reason or message."""
    if run.reason:
        return replace(run, outcome="skipped")
    reason: Literal["", "submission_error"] = "submission_error" if state.submission_error else ""
    return replace(run, outcome="missed", reason=reason, message=state.submission_error)


def _describe(state: CronState, cron: kubernetes.CronWorkflow) -> None:
    """Copy specification and status into the state."""
    spec, status = cron.spec or kubernetes.CronWorkflowSpec(), cron.status or kubernetes.CronWorkflowStatus()
    schedules = list(dict.fromkeys(s[:SCHEDULE_LIMIT] for s in spec.schedules or [spec.schedule or ""]))
    state.schedules = schedules[:SCHEDULES_AT_MOST]
    state.problem = BOTH if spec.schedule and spec.schedules else ""
    if len(schedules) > SCHEDULES_AT_MOST:
        state.problem = f"of {len(schedules)} schedules only the first {SCHEDULES_AT_MOST} are followed"
    state.timezone = spec.timezone or ""
    state.policy = spec.concurrencyPolicy or "Allow"
    state.deadline_ms = max(0, spec.startingDeadlineSeconds or 0) * 1000
    state.when = bool(spec.when)
    state.suspended, state.stopped = bool(spec.suspend), status.phase == "Stopped"
    state.active = len(status.active or ())
    failed = (c.message for c in status.conditions or () if c.type == SUBMISSION_ERROR and c.status == "True")
    state.submission_error = one_line(next(failed, None))
    if state.suspended or state.stopped:
        # The change may have come shortly before due times that are still open: these must not count as missed.
        reason: SkipReason = "suspended" if state.suspended else "stopped"
        for due_at, run in state.runs.items():
            if not (run.outcome or run.reason):
                state.runs[due_at] = replace(run, reason=reason)


def _forget(state: CronState) -> None:
    """Forget all but the newest judged due times, and everything beyond what a hostile status may fill."""
    judged = sorted(due_at for due_at, run in state.runs.items() if run.version)
    for due_at in {*judged[:-REMEMBERED], *sorted(state.runs)[:-HELD_AT_MOST]}:
        del state.runs[due_at]


def _as_now(state: CronState, run: CronRun) -> CronRun:
    return replace(run, schedule=_text(state), concurrency_policy=state.policy)


def _view(cluster: str, state: CronState) -> CronHealth:
    return CronHealth(
        cluster=cluster,
        namespace=state.namespace,
        name=state.name,
        schedule=_text(state),
        timezone=state.timezone,
        suspended=state.suspended,
        concurrency_policy=state.policy,
        last_at=state.last_at,
        next_at=state.next_at,
        missed=state.missed,
        skipped=state.skipped,
        active=state.active,
        problem=state.problem or state.submission_error,
        succeeded_at=state.succeeded_at,
        period_ms=state.period_ms,
    )


def _due_time(cron: str, scheduled: str | None, workflow: str) -> Instant | None:
    """Due time of a run; None: a manual or resubmitted run, which has another name than Argo's own."""
    due_at = kubernetes.parse_time(scheduled)
    return due_at if due_at is not None and workflow == f"{cron}-{due_at // 1000}" else None


def _text(state: CronState) -> str:
    return "; ".join(state.schedules)[:SCHEDULE_TEXT]


def _key(namespace: str, name: str) -> str:
    return f"{namespace}/{name}"
