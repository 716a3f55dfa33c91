"""
The Argo controller itself: a queue that stands still is often its death, and this page comes first.
"""

from alerts.rules import Alert, Group
from alerts.thresholds import Thresholds
from collector.catalog import metrics as catalog


def build(thresholds: Thresholds) -> Group:
    """The group lynceus-controller."""
    window = thresholds.controller.oom_window_m.value
    killed = Alert(
        name="ControllerOOMKilled",
        # No hold: the counter is exact, one kill is one too many, and a loop of them would reset it each time.
        expr=f"sum by (cluster, container) (increase({catalog.CONTROLLER_OOM_KILLS.name}[{window}m])) > 0",
        severity="critical",
        summary="An Argo controller was killed for lack of memory.",
        description=(
            "{{ $labels.container }} on {{ $labels.cluster }} was OOM-killed "
            f'{{{{ $value | printf "%.0f" }}}} time(s) in {window} minutes; nothing starts there until it is back.'
        ),
        labels=("cluster", "container"),
    )
    return Group(name="lynceus-controller", interval="30s", rules=(killed,))
