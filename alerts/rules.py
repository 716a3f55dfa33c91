"""
Alerts as data, and the rule groups that Prometheus reads.

What all alerts share stands here once: labels for routing, annotations, where links point, how often rules are evaluated.
Group labels and query offsets are not used, because Debian's promtool (2.42), which checks these files, does not know them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from alerts.numbers import Numbers, span
from alerts.promql import WATCHED
from alerts.teams import Teams, team_label

Severity = Literal["critical", "warning", "none"]
"""Critical pages a person now; warning is a ticket for office hours; none is a sign of life."""

FLEET = "lynceus-fleet"
ITSELF = "lynceus-itself"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recorded series that several rules use."""

    record: str
    expr: str
    interval_s: Literal[10, 30, 60] = 10
    """How often it is evaluated: as often as the pages that read it; less often for windows of days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One condition that a person must know."""

    name: str
    expr: str
    severity: Severity
    summary: str
    """One constant sentence."""
    description: str
    """What is wrong, where, and how bad; may use $labels and $value."""
    hold: str = ""
    """How long the condition must hold before the alert fires."""
    keep_firing: str = ""
    """How long the alert continues after the condition ended, so that it does not flap."""
    dashboard: str = FLEET
    """Uid of the dashboard that shows the situation."""
    labels: tuple[str, ...] = ()
    """Labels of the expression's result; the dashboard's link uses those that are its variables."""
    more_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that the rule adds, such as the windows of a burn rate."""
    needs_watch: bool = False
    """Silent for a cluster that is not fully watched: its figures are out of date, and ClusterUnreachable pages for it."""


Builder = Callable[[Numbers], Alert | tuple[Alert, ...]]
"""Makes an alert of its numbers; several where they differ in severity. The function's name is that of its thresholds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where people read runbooks and dashboards; empty: no link."""

    runbooks: str = ""
    grafana: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules that are evaluated together, in order."""

    name: str
    interval_s: int
    rules: tuple[Recording | Alert, ...]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The group's alerts."""
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))


def groups(topic: str, recordings: Iterable[Recording], alerts: Iterable[Alert]) -> list[Group]:
    """The groups of a topic: pages each 10 s, ratios of days each minute, tickets each 30 s; each with what it reads first."""
    recordings, alerts = list(recordings), list(alerts)
    pages = tuple(alert for alert in alerts if alert.severity == "critical")
    tickets = tuple(alert for alert in alerts if alert.severity != "critical")
    by_interval = {interval_s: _recorded_every(recordings, interval_s) for interval_s in (10, 30, 60)}
    found = (
        # Rules of a group are evaluated in order, so a page reads what was recorded a moment ago.
        Group(name=f"lynceus-{topic}-pages", interval_s=10, rules=(*by_interval[10], *pages)),
        Group(name=f"lynceus-{topic}-days", interval_s=60, rules=by_interval[60]),
        Group(name=f"lynceus-{topic}-tickets", interval_s=30, rules=(*by_interval[30], *tickets)),
    )
    return [group for group in found if group.rules]


def _recorded_every(recordings: Iterable[Recording], interval_s: int) -> tuple[Recording, ...]:
    return tuple(recording for recording in recordings if recording.interval_s == interval_s)


def group_as_read(group: Group, links: Links, teams: Teams) -> Json:
    """The group as Prometheus reads it."""
    rules = [_recording(rule) if isinstance(rule, Recording) else _alert(rule, links, teams) for rule in group.rules]
    return {"name": group.name, "interval": span(group.interval_s), "rules": rules}


def _recording(recording: Recording) -> Json:
    return {"record": recording.record, "expr": recording.expr}


def _alert(alert: Alert, links: Links, teams: Teams) -> Json:
    timing = {"for": alert.hold, "keep_firing_for": alert.keep_firing}
    return {
        "alert": alert.name,
        "expr": expression(alert),
        **{key: value for key, value in timing.items() if value},
        "labels": {"severity": alert.severity, "team": team_label(teams, alert.labels), **alert.more_labels},
        "annotations": {"summary": alert.summary, "description": alert.description, **with_links(alert, links)},
    }


def expression(alert: Alert) -> str:
    """The whole condition."""
    return f"({alert.expr})\nand on (cluster) {WATCHED}" if alert.needs_watch else alert.expr


def with_links(alert: Alert, links: Links) -> dict[str, str]:
    """Links for the person on call: the runbook and the dashboard, as far as their addresses are known."""
    cluster = "?var-cluster={{ $labels.cluster | urlquery }}" if "cluster" in alert.labels else ""
    found = {
        "runbook_url": links.runbooks and f"{links.runbooks}/{alert.name}.md",
        "dashboard_url": links.grafana and f"{links.grafana}/d/{alert.dashboard}{cluster}",
    }
    return {name: link for name, link in found.items() if link}


class _Dumper(yaml.SafeDumper):
    """Writes an expression of several lines as a block."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def as_yaml(content: Json, header: str) -> str:
    """A generated file; its first line says so."""
    return f"# {header}\n" + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
