"""
docs/reference/alerts.md, from alerts/.
"""

from collections.abc import Iterator

from alerts import TOPICS, TWINS, build
from alerts.numbers import Number
from alerts.rules import Alert, expression
from alerts.thresholds import Thresholds, load
from generate.markdown import code, page, table

INTRODUCTION = """
Prometheus loads `alerts/generated/*.rules.yaml`.
For the Prometheus operator, run `kubectl apply -k alerts/generated`.

- **critical** pages a person now.
- **warning** is a ticket for office hours.
- **none** is a sign of life: [Watchdog](../../alerts/runbooks/Watchdog.md) always fires.

Every alert has a label `team` for routing.
""".strip()

ON_TWINS = """
Without a Lynceus collector, Argo's own series and those of kube-state-metrics show a part of the same incidents.
These alerts are in `alerts/generated-twins`, and off by default.
Load `alerts/generated-twins/twins.rules.yaml`, or run `kubectl apply -f alerts/generated-twins/twins-prometheusrule.yaml`.
With a collector do not load them: they would page a second time.
""".strip()

TUNING = """
Each number can be changed, for all series or for a cluster, a namespace, a queue, a lock or a cron workflow.
Write a file with what differs:

```text
teams:
  default: sre
  owners:
    - {team: ml, namespaces: [ml-*, training]}
alerts:
  queue_backlog:
    age: 30
    depth:
      value: 200
      overrides:
        - {queue: nightly-training, value: 5000, reason: filled at 22:00 for the whole night}
```

`lynceus generate alerts --thresholds FILE --out DIR` makes the rules with these numbers.
If several overrides name a series, the one with most labels wins, of equal ones the last.
""".strip()


def build_page() -> str:
    """The page."""
    thresholds = load()
    alerts, twins = (
        [alert for groups in build(thresholds, topics=topics).values() for group in groups for alert in group.alerts]
        for topics in (TOPICS, TWINS)
    )
    return page(
        title="Alerts",
        source="`alerts/`",
        parts=[
            INTRODUCTION,
            _overview(alerts),
            "## Twins",
            ON_TWINS,
            _overview(twins),
            "## Numbers",
            TUNING,
            table(("number", "value", "reason"), list(_numbers(thresholds))),
            *(part for alert in (*alerts, *twins) for part in _section(alert)),
        ],
    )


def _overview(alerts: list[Alert]) -> str:
    rows = [(_runbook(alert), alert.severity, _hold(alert), alert.summary) for alert in alerts]
    return table(("alert and runbook", "severity", "for", "summary"), rows)


def _numbers(thresholds: Thresholds) -> Iterator[tuple[str, str, str]]:
    for topic in (*TOPICS.values(), *TWINS.values()):
        for builder in topic.BUILDERS:
            for name, number in thresholds.alerts[builder.__name__].items():
                yield code(f"{builder.__name__}.{name}"), _value(number), number.reason


def _value(number: Number) -> str:
    return f"{number.value:g} {number.unit}"


def _section(alert: Alert) -> Iterator[str]:
    yield f"## {alert.name} ({alert.severity})"
    yield f"> {alert.description}"
    yield f"```promql\n{expression(alert)}\n```"
    labels = ", ".join(map(code, alert.labels)) or "none"
    yield f"Labels: {labels}. Runbook: {_runbook(alert)}."


def _hold(alert: Alert) -> str:
    return alert.hold or "at once"


def _runbook(alert: Alert) -> str:
    return f"[{alert.name}](../../alerts/runbooks/{alert.name}.md)"
