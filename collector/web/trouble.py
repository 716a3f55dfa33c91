"""
What somebody may have to do something about: stuck workflows, cron workflows that did not run, controllers.
"""

from collections.abc import Iterable

from collector.core import live_view
from collector.core.model import Instant
from collector.core.workflow.stuck import REMEDIES
from collector.web import api_models

STUCK_SHOWN = CRONS_SHOWN = 100


def stuck(rows: Iterable[live_view.Stuck], at: Instant) -> list[api_models.Stuck]:
    """The workflows that have not moved for longest, each with what to look at."""
    oldest = sorted(rows, key=lambda row: (row.since, row.cluster, row.namespace, row.name))
    return [
        api_models.Stuck(
            cluster=row.cluster,
            namespace=row.namespace,
            name=row.name,
            uid=row.uid,
            cause=row.cause,
            words=row.words,
            advice=REMEDIES.get(row.cause, ""),
            age_ms=max(0, at - row.since),
        )
        for row in oldest[:STUCK_SHOWN]
    ]


def crons(rows: Iterable[live_view.Cron], at: Instant) -> list[api_models.Cron]:
    """The cron workflows, those with something to be looked at first."""
    return [_cron(row, at) for row in sorted(rows, key=_by_trouble)[:CRONS_SHOWN]]


def _by_trouble(row: live_view.Cron) -> tuple[int, bool, int, str, str, str]:
    return (-row.missed, not row.problem, -row.skipped, row.cluster, row.namespace, row.name)


def _cron(row: live_view.Cron, at: Instant) -> api_models.Cron:
    return api_models.Cron(
        cluster=row.cluster,
        namespace=row.namespace,
        name=row.name,
        schedule=row.schedule,
        timezone=row.timezone,
        suspended=row.suspended,
        problem=row.problem,
        missed=row.missed,
        skipped=row.skipped,
        active=row.active,
        last_age_ms=None if row.last_at is None else max(0, at - row.last_at),
        due_in_ms=None if row.next_at is None or row.suspended else row.next_at - at,
    )


def controllers(rows: Iterable[live_view.ControllerHealth], cluster: str) -> list[api_models.Controller]:
    """The controller pods of a cluster, the leader first."""
    return [_controller(r) for r in sorted(rows, key=lambda r: (not r.leader, r.pod)) if r.cluster == cluster]


def _controller(row: live_view.ControllerHealth) -> api_models.Controller:
    limit = row.memory_limit_bytes or None
    return api_models.Controller(
        namespace=row.namespace,
        pod=row.pod,
        ready=row.ready,
        leader=row.leader,
        restarts=row.restarts,
        crash_loop=row.crash_loop,
        memory_bytes=row.memory_bytes,
        memory_limit_bytes=limit,
        memory_share=None if limit is None or row.memory_bytes is None else row.memory_bytes / limit,
        detail=row.detail,
    )
