"""
Alerts about the Argo controller. A queue that does not drain often has this cause, so these fire first.
"""

from alerts.numbers import Numbers
from alerts.promql import increase, once
from alerts.rules import Alert, Builder, Recording
from collector.catalog import metrics as catalog

CONTAINER = ("cluster", "container")
WHERE = "{{ $labels.container }} on {{ $labels.cluster }}"
COUNT = '{{ $value | printf "%.0f" }}'

LEADING = f"cluster:{catalog.CONTROLLER_LEADER.name}:sum_ready"

RECORDINGS = (
    Recording(
        # A Lease may name a pod that is gone or not ready: such a pod does not lead. Where no leader is known, no series.
        record=LEADING,
        expr=(
            f"sum by (cluster) ({once(catalog.CONTROLLER_LEADER, catalog.CONTROLLER_LEADER.name)}\n"
            f"* on (cluster, pod) {once(catalog.CONTROLLER_READY, catalog.CONTROLLER_READY.name)})"
        ),
    ),
)


def _kills(numbers: Numbers) -> str:
    kills = numbers.of(catalog.CONTROLLER_OOM_KILLS)
    return increase(catalog.CONTROLLER_OOM_KILLS, kills, numbers.span("window"), "cluster, container")


def _at_least(count: float) -> str:
    """A bound for `increase()`, which extrapolates: whole events do not give whole numbers."""
    return f">= {count - 0.5:g}"


def controller_oom_killed(numbers: Numbers) -> Alert:
    """Exact, from the status of its pod; no other system counts these kills."""
    return Alert(
        name="ControllerOOMKilled",
        # No hold: the counter is exact, and one kill is one too many.
        expr=f"{_kills(numbers)} > 0",
        severity="critical",
        summary="An Argo controller was OOM-killed.",
        description=(
            f"The kubelet reports OOMKilled for {WHERE}: {COUNT} time(s) in {numbers.words('window')}. "
            "If no replica leads, ControllerNoLeader fires as well."
        ),
        keep_firing=numbers.span("keep"),
        labels=CONTAINER,
    )


def controller_oom_loop(numbers: Numbers) -> Alert:
    """It does not recover by itself: another remedy than for a single kill."""
    return Alert(
        name="ControllerOOMLoop",
        expr=f"{_kills(numbers)} {_at_least(numbers['kills'])}",
        severity="critical",
        summary="An Argo controller is OOM-killed again and again.",
        description=(
            f"The kubelet reports OOMKilled for {WHERE}: {COUNT} times in {numbers.words('window')}. "
            "It will not recover by itself: raise its memory limit now."
        ),
        keep_firing=numbers.span("keep"),
        labels=CONTAINER,
    )


def controller_no_leader(numbers: Numbers) -> Alert:
    """Nothing starts, whatever the cause."""
    return Alert(
        name="ControllerNoLeader",
        expr=f"{numbers.of(LEADING)} == 0",
        severity="critical",
        summary="No replica of the Argo controller leads.",
        description=(
            "No replica of the Argo controller on {{ $labels.cluster }} has been both ready and the leader for "
            f"{numbers.words('hold')}. Nothing starts there, and no step advances."
        ),
        hold=numbers.span("hold"),
        labels=("cluster",),
        needs_watch=True,
    )


BUILDERS: tuple[Builder, ...] = (controller_oom_killed, controller_oom_loop, controller_no_leader)
