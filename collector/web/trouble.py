"""
What a person may have to act on: stuck workflows, cron workflows that missed runs, controllers.
"""

from collections.abc import Iterable

from collector.core import live_view
from collector.core.model import Instant
from collector.core.workflow.stuck import REMEDIES
from collector.language.language import Language
from collector.web.api_model import age, age_or_none
from collector.web.api_models import Controller, Cron, Stuck

STUCK_SHOWN = CRONS_SHOWN = 100


def stuck(rows: Iterable[live_view.StuckWorkflow], at: Instant, language: Language) -> list[Stuck]:
    """The workflows that have not moved for longest, each with advice."""
    oldest = sorted(rows, key=lambda row: (row.since, row.cluster, row.namespace, row.name))
    return [
        Stuck.of(row, advice=language.text(REMEDIES.get(row.cause, "")), age_ms=age(at, row.since))
        for row in oldest[:STUCK_SHOWN]
    ]


def crons(rows: Iterable[live_view.CronHealth], at: Instant, language: Language) -> list[Cron]:
    """The cron workflows, those that need attention first."""
    return [_cron(row, at, language) for row in sorted(rows, key=_by_trouble)[:CRONS_SHOWN]]


def _by_trouble(row: live_view.CronHealth) -> tuple[int, bool, int, str, str, str]:
    return (-row.missed, not row.problem, -row.skipped, row.cluster, row.namespace, row.name)


def _cron(row: live_view.CronHealth, at: Instant, language: Language) -> Cron:
    due_in_ms = None if row.next_at is None or row.suspended else row.next_at - at
    # A message of Argo is in no catalogue, and stays as it is.
    problem = language.text(row.problem)
    return Cron.of(row, problem=problem, last_age_ms=age_or_none(at, row.last_at), due_in_ms=due_in_ms)


def controllers(rows: Iterable[live_view.ControllerHealth], cluster: str) -> list[Controller]:
    """The controller pods of a cluster, the leader first."""
    return [_controller(r) for r in sorted(rows, key=lambda r: (not r.leader, r.pod)) if r.cluster == cluster]


def _controller(row: live_view.ControllerHealth) -> Controller:
    limit = row.memory_limit_bytes or None
    share = None if limit is None or row.memory_bytes is None else row.memory_bytes / limit
    return Controller.of(row, memory_limit_bytes=limit, memory_share=share)
