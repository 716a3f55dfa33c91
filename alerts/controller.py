"""
Alerts about the Argo controller. A queue that does not drain often has this cause, so these fire first.
"""

from alerts.numbers import Numbers
from alerts.promql import increase
from alerts.rules import Alert, Builder, Recording
from collector.catalog import metrics as catalog

RECORDINGS: tuple[Recording, ...] = ()


def controller_oom_killed(numbers: Numbers) -> Alert:
    """Exact, from the status of its pod; no other system counts these kills."""
    kills = numbers.of(catalog.CONTROLLER_OOM_KILLS)
    return Alert(
        name="ControllerOOMKilled",
        # No hold: the counter is exact, and one kill is one too many.
        expr=f"{increase(catalog.CONTROLLER_OOM_KILLS, kills, numbers.span('window'), 'cluster, container')} > 0",
        severity="critical",
        summary="An Argo controller was OOM-killed.",
        description=(
            "{{ $labels.container }} on {{ $labels.cluster }} was OOM-killed "
            f'{{{{ $value | printf "%.0f" }}}} time(s) in {numbers.words("window")}. '
            "Nothing starts on this cluster until it is back."
        ),
        keep_firing=numbers.span("keep"),
        labels=("cluster", "container"),
    )


BUILDERS: tuple[Builder, ...] = (controller_oom_killed,)
