"""
Alerts about the Argo controller. A queue that does not drain often has this cause, so this page fires first.
"""

import msgspec

from alerts.numbers import Number
from alerts.rules import Alert, Group
from collector.catalog import metrics as catalog


class ControllerThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of controllers."""

    oom_window_m: Number


def build(own: ControllerThresholds) -> Group:
    """The group lynceus-controller."""
    window = own.oom_window_m.value
    killed = Alert(
        name="ControllerOOMKilled",
        # No hold: the counter is exact, one kill is one too many, and a loop of them would reset it each time.
        expr=f"sum by (cluster, container) (increase({catalog.CONTROLLER_OOM_KILLS.name}[{window}m])) > 0",
        severity="critical",
        summary="An Argo controller was OOM-killed.",
        description=(
            "{{ $labels.container }} on {{ $labels.cluster }} was OOM-killed "
            f'{{{{ $value | printf "%.0f" }}}} time(s) in {window} minutes. Nothing starts on this cluster until it is back.'
        ),
        labels=("cluster", "container"),
    )
    return Group(name="lynceus-controller", interval="30s", rules=(killed,))
