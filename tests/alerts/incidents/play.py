"""
One run of promtool for an incident: which alert fires, and after how many seconds.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from alerts.inhibitions import INHIBITIONS
from tests.alerts.incidents.fleet import BEGIN, played
from tests.alerts.incidents.public import PUBLIC
from tests.alerts.incidents.stories import Incident
from tests.alerts.quiet_fleet import STEP_S, STEPS
from tests.promtool.cases import GENERATED, ORDER
from tests.promtool.tool import printed, write_cases

OURS = "lynceus"
EVALUATED_S = 30
FIRING = 'timestamp(ALERTS{alertstate="firing", alertname!="Watchdog"})'
BY = "by (alertname, severity, system)"
FIRST, LAST = "incident:first:seconds", "incident:last:seconds"
GOT = re.compile(r"\{([^}]*)\} ([\d.E+]+)")


@dataclass(frozen=True, slots=True, order=True)
class Firing:
    """An alert that fires."""

    after_s: int
    """From the begin of the incident; negative: before it."""
    alert: str
    severity: str
    system: str
    until_s: int


def play(incident: Incident, folder: Path) -> list[Firing]:
    """Every alert that fires, ours and public ones, in order of time; what a cause mutes in Alertmanager is not listed."""
    (folder / "public.rules.yaml").write_text(yaml.safe_dump(_public()), encoding="utf-8")
    content = {
        "rule_files": [str(path) for path in (*sorted(GENERATED.glob("*.rules.yaml")), folder / "public.rules.yaml")],
        "evaluation_interval": f"{EVALUATED_S}s",
        "group_eval_order": [*ORDER, "public", "seconds"],
        "tests": [_test(incident)],
    }
    write_cases(folder / "incident.yaml", content)
    # promtool prints what it got only where it expected something else, so nothing is expected.
    output = printed("test", "rules", folder / "incident.yaml")
    assert output.count("got:") == 2, output
    first, last = (_seconds(part) for part in output.split("expr: ")[1:])
    fired = sorted(Firing(first[key], *key, last[key]) for key in first)
    return [one for one in fired if not _muted(one, fired)]


def _public() -> dict[str, object]:
    rules = [
        {
            "alert": rule.alert,
            "expr": rule.expr,
            "for": rule.hold,
            "labels": {"system": rule.system, "severity": rule.severity},
        }
        for rule in PUBLIC
    ]
    # promtool loads too few samples for a query of two hours, so the first and the last second are carried on.
    seconds = [
        {"record": FIRST, "expr": f"min {BY} ({FIRST} or {FIRING})"},
        {"record": LAST, "expr": f"max {BY} ({FIRING} or {LAST})"},
    ]
    return {"groups": [{"name": "public", "rules": rules}, {"name": "seconds", "rules": seconds}]}


def _test(incident: Incident) -> dict[str, object]:
    return {
        "interval": f"{STEP_S}s",
        "input_series": [
            {"series": name, "values": " ".join("stale" if value is None else f"{value:.12g}" for value in values)}
            for name, values in played(incident.changes).items()
        ],
        "promql_expr_test": [
            {"expr": name, "eval_time": f"{(STEPS - 1) * STEP_S}s", "exp_samples": []} for name in (FIRST, LAST)
        ],
    }


def _seconds(output: str) -> dict[tuple[str, str, str], int]:
    """Seconds from the begin, by alert, severity and system."""
    seconds = {}
    for inside, second in GOT.findall(output.partition("got:")[2]):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', inside))
        key = labels["alertname"], labels["severity"], labels.get("system", OURS)
        seconds[key] = round(float(second)) - BEGIN * STEP_S
    return seconds


def _muted(one: Firing, fired: list[Firing]) -> bool:
    """Whether a cause fires when the alert begins. One cluster and one queue: labels that must be equal are equal."""
    if one.system != OURS:
        return False
    causes = [
        cause
        for cause in fired
        if cause is not one and cause.system == OURS and cause.after_s <= one.after_s <= cause.until_s
    ]
    if any(cause.alert == one.alert and cause.severity == "critical" for cause in causes):
        return True
    return any(
        cause.alert in rule.sources
        and (one.alert in rule.targets if rule.targets else one.alert not in (*rule.sources, *rule.never))
        for rule in INHIBITIONS
        for cause in causes
    )
