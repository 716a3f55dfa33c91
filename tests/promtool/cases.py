"""
Cases of alerts as data, and what each case is tried with besides: two replicas at once, and a cluster that is not watched.

promtool judges; a case says what is scraped, when the alert is pending, fires and is over, and with which text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from alerts import TOPICS, TWINS, build
from alerts.rules import Severity
from alerts.thresholds import load
from tests.promtool.tool import promtool, write_cases

Json = dict[str, Any]
EVERY = "30s"
GENERATED = Path(__file__).parents[2] / "alerts" / "generated"
TWINS_GENERATED = GENERATED.with_name("generated-twins")
ORDER = [
    group.name for topics in (TOPICS, TWINS) for groups in build(load(), topics=topics).values() for group in groups
]
"""promtool evaluates groups in no fixed order without it, so that an alert might read what was recorded 30 s ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fires:
    """An incident for which an alert fires."""

    alert: str
    severity: Severity
    story: str
    """One sentence: what happened."""
    series: Mapping[str, str]
    """What is scraped: the series, and its values as promtool writes them."""
    fires_at: tuple[str, ...]
    silent_at: tuple[str, ...] = ()
    """Before its hold is over, and after the end."""
    labels: Mapping[str, str]
    """Labels of the alert besides alertname, severity and team."""
    text: str
    """The whole description, as the person on call reads it."""
    summary: str
    team: str = "sre"
    interval: str = "1m"
    """Between two values of a series."""
    evaluated: str = EVERY
    """How often promtool evaluates rules; less often for a case of days, which would take minutes."""
    along: tuple["Fires", ...] = ()
    """What fires at the same times under the same name, such as the ticket beside the page; its series are not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """Something that looks like the incident and is none."""

    alert: str
    story: str
    series: Mapping[str, str]
    at: tuple[str, ...]
    interval: str = "1m"
    evaluated: str = EVERY


Case = Fires | Silent


def run(cases: Iterable[Case], needs_watch: bool, folder: Path, rules: Path = GENERATED) -> None:
    """Lets promtool judge cases of one alert against the generated rules."""
    ordered = sorted(cases, key=_evaluated)
    files = [str(path) for path in _files_with(ordered[0].alert, rules)]
    for evaluated, together in groupby(ordered, key=_evaluated):
        file = folder / f"cases-{evaluated}.yaml"
        content = {
            "rule_files": files,
            "evaluation_interval": evaluated,
            "group_eval_order": ORDER,
            "tests": [test for case in together for test in _tests(case, needs_watch)],
        }
        write_cases(file, content)
        promtool("test", "rules", file)


def _evaluated(case: Case) -> str:
    return case.evaluated


def _files_with(alert: str, rules: Path) -> list[Path]:
    """The file of an alert, and those that record what it reads: all of them together would take promtool minutes."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(rules.glob("*.rules.yaml"))}
    own = {path for path, text in texts.items() if f"alert: {alert}\n" in text}
    named = {name for path in own for name in re.findall(r"\w+:lynceus_\w+:\w+", texts[path])}
    return [path for path, text in texts.items() if path in own or named & set(re.findall(r"record: (\S+)", text))]


def _tests(case: Case, needs_watch: bool) -> Iterator[Json]:
    watched = _with_watch(case.series, "1") if needs_watch else case.series
    if isinstance(case, Silent):
        yield _test(case, case.story, watched, [_expected(case.alert, at) for at in case.at])
        return
    as_expected = [_expected(case.alert, at, case) for at in case.fires_at] + [
        _expected(case.alert, at) for at in case.silent_at
    ]
    yield _test(case, case.story, watched, as_expected)
    yield _test(case, f"{case.story} (two replicas see it)", _twice(watched), as_expected)
    if needs_watch:
        never = [_expected(case.alert, at) for at in (*case.fires_at, *case.silent_at)]
        yield _test(case, f"{case.story} (but the cluster is not watched)", _with_watch(case.series, "0"), never)


def _test(case: Case, name: str, series: Mapping[str, str], expected: list[Json]) -> Json:
    return {
        "name": name,
        "interval": case.interval,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": expected,
    }


def _expected(alert: str, at: str, case: Fires | None = None) -> Json:
    if case is None:
        return {"eval_time": at, "alertname": alert}
    return {"eval_time": at, "alertname": alert, "exp_alerts": [_firing(fires) for fires in (case, *case.along)]}


def _firing(case: Fires) -> Json:
    labels = {"severity": case.severity, "team": case.team, **case.labels}
    return {"exp_labels": labels, "exp_annotations": {"summary": case.summary, "description": case.text}}


def _with_watch(series: Mapping[str, str], up: str) -> dict[str, str]:
    """The series, and that each of their clusters is watched or not, unless the case says so itself."""
    if any(name.startswith("lynceus_cluster_up") for name in series):
        return dict(series)
    clusters = sorted({found for name in series for found in re.findall(r'cluster="([^"]+)"', name)})
    return {**series, **{f'lynceus_cluster_up{{cluster="{name}"}}': f"{up}x100000" for name in clusters}}


def _twice(series: Mapping[str, str]) -> dict[str, str]:
    """Each series as two replicas expose it, unless the case names its replicas itself."""
    if any("instance=" in name for name in series):
        return dict(series)
    return {_of_instance(name, instance): values for name, values in series.items() for instance in ("a", "b")}


def _of_instance(name: str, instance: str) -> str:
    if "{" not in name:
        return f'{name}{{instance="{instance}"}}'
    return name.replace("{", f'{{instance="{instance}", ', 1)
