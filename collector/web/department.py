"""
The live view for those who read the rows of some departments: what is theirs, and the health of what all share.
"""

from collector.access.scope import Scope
from collector.core.live_view import ClusterHealth, LiveView
from collector.core.model import Instant
from collector.language.language import ENGLISH, Language
from collector.web.api_department import ClusterOfAll, DepartmentLive, SeenGap
from collector.web.money import Money, UnknownMoney, money_now
from collector.web.pages import NO_ANSWER
from collector.web.readiness import GAP_SHOWN_MS


def department_now(
    view: LiveView, scope: Scope, money: Money | UnknownMoney | None, now: Instant, language: Language = ENGLISH
) -> DepartmentLive:
    """What the scope may see; `money` is of its departments alone."""
    # The store's own words may quote what it was reading.
    shown = UnknownMoney(NO_ANSWER) if isinstance(money, UnknownMoney) else money
    return DepartmentLive(
        at_ms=view.at,
        departments=list(scope.departments),
        clusters=[_cluster(cluster, now) for cluster in view.clusters],
        money=None if shown is None else money_now(shown, now, of_all=False, language=language),
    )


def _cluster(cluster: ClusterHealth, now: Instant) -> ClusterOfAll:
    return ClusterOfAll(
        name=cluster.name,
        ready=cluster.ready,
        gaps=[
            SeenGap(kind=gap.kind, begin_at=gap.from_at, end_at=gap.to_at)
            for gap in cluster.gaps
            if now - gap.to_at < GAP_SHOWN_MS
        ],
    )
