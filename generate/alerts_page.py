"""
docs/reference/alerts.md, from alerts/.
"""

from collections.abc import Iterator

from alerts import ALL
from alerts.rules import Alert
from alerts.thresholds import load
from generate.markdown import code, page, table

INTRODUCTION = """
Prometheus loads `alerts/generated/*.rules.yaml`.
For the Prometheus operator, run `kubectl apply -k alerts/generated`.

- **critical** pages a person now.
- **warning** is a ticket for office hours.
- **none** is a sign of life: [Watchdog](../../alerts/runbooks/Watchdog.md) always fires.

The numbers are in `alerts/thresholds.yaml`, each with its reason. Run `make generate` after a change.
Set `links.runbooks` and `links.grafana` there first: both are placeholders as shipped.
""".strip()


def build() -> str:
    """The page."""
    alerts = list(_alerts())
    overview = [(_runbook(alert), alert.severity, _hold(alert), alert.summary) for alert in alerts]
    return page(
        title="Alerts",
        source="`alerts/`",
        parts=[
            INTRODUCTION,
            table(("alert and runbook", "severity", "for", "summary"), overview),
            *(part for alert in alerts for part in _section(alert)),
        ],
    )


def _alerts() -> Iterator[Alert]:
    thresholds = load()
    for build_group in ALL.values():
        yield from build_group(thresholds).alerts


def _section(alert: Alert) -> Iterator[str]:
    yield f"## {alert.name} ({alert.severity})"
    yield f"> {alert.description}"
    yield f"```promql\n{alert.expr}\n```"
    labels = ", ".join(map(code, alert.labels)) or "none"
    yield f"Labels: {labels}. Runbook: {_runbook(alert)}."


def _hold(alert: Alert) -> str:
    return alert.hold or "at once"


def _runbook(alert: Alert) -> str:
    return f"[{alert.name}](../../alerts/runbooks/{alert.name}.md)"
