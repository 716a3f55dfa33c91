"""
Alerts as data, and the rule files that Prometheus reads.

What all alerts share stands here once: their annotations and where their links point. Group labels and query offsets
are not used, because Debian's promtool (2.42), which checks these files, does not know them.
"""

from dataclasses import dataclass
from typing import Any, Literal

import yaml

from alerts.numbers import Links

Severity = Literal["critical", "warning", "none"]
"""Critical pages a person now; warning is a ticket for office hours; none is a sign of life."""

DASHBOARD = "lynceus-fleet"
ITSELF = "lynceus-itself"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recorded series that several rules of the group use."""

    record: str
    expr: str


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
    dashboard: str = DASHBOARD
    """Uid of the dashboard that shows the situation."""
    labels: tuple[str, ...] = ()
    """Labels of the expression's result; the dashboard's link uses those that are its variables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules that are evaluated together, in order."""

    name: str
    interval: str
    rules: tuple[Recording | Alert, ...]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The group's alerts."""
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))


def group_as_read(group: Group, links: Links) -> Json:
    """The group as Prometheus reads it."""
    rules = [_recording(rule) if isinstance(rule, Recording) else _alert(rule, links) for rule in group.rules]
    return {"name": group.name, "interval": group.interval, "rules": rules}


def _recording(recording: Recording) -> Json:
    return {"record": recording.record, "expr": recording.expr}


def _alert(alert: Alert, links: Links) -> Json:
    timing = {"for": alert.hold, "keep_firing_for": alert.keep_firing}
    return {
        "alert": alert.name,
        "expr": alert.expr,
        **{key: value for key, value in timing.items() if value},
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "description": alert.description, **with_links(alert, links)},
    }


def with_links(alert: Alert, links: Links) -> dict[str, str]:
    """Links for the person on call: the runbook and the dashboard."""
    cluster = "?var-cluster={{ $labels.cluster | urlquery }}" if "cluster" in alert.labels else ""
    return {
        "runbook_url": f"{links.runbooks.value}/{alert.name}.md",
        "dashboard_url": f"{links.grafana.value}/d/{alert.dashboard}{cluster}",
    }


class _Dumper(yaml.SafeDumper):
    """Writes an expression of several lines as a block."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def as_yaml(content: Json, header: str) -> str:
    """A generated file; its first line says so."""
    return f"# {header}\n" + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
