"""
Anomalies report: runs, versions and days that cost far more than usual, read from what each run cost on each day.

The store draws some runs of each template, version and day, and finds the dearest; core/cost/anomalies.py judges them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from collector.catalog.rollups import RUN_DAILY
from collector.core.cost.anomalies import HISTORY_DAYS, LEAST_EXCESS, Anomaly, AnomalyKind, RunSeries, find_anomalies
from collector.core.cost.run_costs import DearRun, RunFigures, RunsOfDay
from collector.core.cost.unusual_cost import UnusualCost
from collector.reports.completeness import completeness
from collector.reports.filters import Filter, condition, described, holds
from collector.reports.month import MOST_DEPARTMENTS
from collector.reports.report import Query, Report, Span
from collector.reports.rollup_source import rollup_source
from collector.reports.sources import IN_PERIOD

DRAWN, DEAREST = 32, 3
"""Of the runs of a day: so many are drawn, and so many are the dearest. A hash draws, so that each reader judges the same."""
_READ = ("cluster", "namespace", "template", "currency")
"""Filters by these leave out whole series; others would leave out what a run is compared with."""
FILTERS = (*_READ, "department", "template_version")
"""Columns of --where."""
MOST = 20
"""Rows of the report, unless asked for another number."""
_KEYS = (*FILTERS, "day", "workflow_name", "workflow_uid")
_LOST = ("cost_pending", "retried", "reclaimed")
_WORK = ("pods", "seconds", "vcpu_ms", "mib_seconds", "spot_seconds")
_SUMS = ("cost", *_LOST, *_WORK, "unpriced")
_MICROS = "toInt64(ifNull(sum(`sum_{}`), 0) * 1000000)"
_FIGURES = ("cost", *_LOST, *_WORK, "lossy")
"""The fields of RunFigures, without the number of runs."""
_SQL = f"""
    SELECT cluster, namespace, template, currency, began, version, argMax(department, (cost, department)), count(),
           arrayMap(drawn -> drawn.2, groupArraySorted({DRAWN})(tuple(sipHash64(workflow_uid), cost))),
           groupArraySorted({DEAREST})(tuple(-cost, workflow_uid, name, {", ".join(_FIGURES[1:])})),
           {", ".join(f"sum({name})" for name in _FIGURES)}
    FROM (
        SELECT cluster, namespace, template, currency, workflow_uid, max(workflow_name) AS name, min(day) AS began,
               argMax(template_version, (day, template_version)) AS version,
               argMax(department, (day, department)) AS department,
               {", ".join(f"{_MICROS.format(name)} AS {name}" for name in ("cost", *_LOST))},
               {", ".join(f"toInt64(sum(sum_{name})) AS {name}" for name in _WORK)},
               retried + reclaimed > 0 AS lossy
        FROM {{source}} GROUP BY cluster, namespace, template, currency, workflow_uid
        HAVING cost > 0 AND sum(sum_unpriced) = 0
    ) GROUP BY cluster, namespace, template, currency, began, version
"""
_MORE = ("department", "cluster", "namespace", "version", "workflow")
KINDS: Mapping[AnomalyKind, str] = {"run": "one run", "version": "new version", "days": "all runs"}
COLUMNS = (
    "template",
    "what",
    "since",
    "usual",
    "now",
    "times",
    "excess",
    "currency",
    "cause",
    "runs",
    "evidence",
    *_MORE,
)


def anomalies(query: Query, span: Span, filters: Sequence[Filter] = (), least: Decimal = LEAST_EXCESS) -> list[Anomaly]:
    """Finds what began to cost more than usual in a period, the most excess first; currencies apart."""
    series = _series(query, span, [one for one in filters if one.column in _READ])
    others = [one for one in filters if one.column not in _READ]
    return [one for one in find_anomalies(series, span.begin, span.end, least) if holds(others, _filtered(one))]


def _filtered(one: Anomaly) -> Mapping[str, str]:
    return {"department": one.department, "template_version": one.version}


def _series(query: Query, span: Span, filters: Sequence[Filter]) -> Mapping[RunSeries, list[RunsOfDay]]:
    """Reads the days of all templates, from a month before the period on."""
    whole = replace(span, begin=span.begin - timedelta(HISTORY_DAYS))
    chosen = condition(filters, lambda name: f"`{name}`")
    where = f"{IN_PERIOD} AND {chosen.sql}"
    source, bound = rollup_source(query, RUN_DAILY, whole, in_rollup=where, in_rows=where, keys=_KEYS, sums=_SUMS)
    series: dict[RunSeries, list[RunsOfDay]] = {}
    for row in query(_SQL.replace("{source}", source), bound | chosen.parameters):
        series.setdefault(RunSeries(*row[:4]), []).append(_day(row[4:]))
    return series


def _day(row: Sequence[Any]) -> RunsOfDay:
    began, version, department, runs, drawn, dearest, *figures = row
    return RunsOfDay(
        day=began,
        version=version,
        department=department,
        drawn=tuple(drawn),
        dearest=tuple(DearRun(-cost, uid, name, RunFigures(1, -cost, *more)) for cost, uid, name, *more in dearest),
        figures=RunFigures(runs, *figures),
    )


def unusual_costs(query: Query, today: date, zone: str) -> list[UnusualCost]:
    """What began to cost far more than usual yesterday and today, by department and currency; the dearest departments."""
    sums: dict[tuple[str, str], list[Decimal]] = {}
    for one in anomalies(query, Span(today - timedelta(1), today + timedelta(1), zone)):
        sums.setdefault((one.department, one.currency), []).append(one.excess)
    found = [UnusualCost(*key, found=len(some), excess=sum(some, Decimal())) for key, some in sums.items()]
    return sorted(found, key=lambda one: -one.excess)[:MOST_DEPARTMENTS]


def anomalies_report(
    query: Query, span: Span, filters: Sequence[Filter] = (), *, most: int, sentence: Callable[[Anomaly], str]
) -> Report:
    """Reports anomalies, a row and a sentence each; `most` 0: all of them."""
    found = anomalies(query, span, filters)
    shown = found[:most] if most else found
    chosen = f", where {described(filters)}" if filters else ""
    notes = [sentence(one) for one in shown]
    if len(found) > len(shown):
        notes.append(f"{len(found) - len(shown)} more; --top 0 shows all")
    if not found:
        notes.append("no run cost far more than usual, as far as there are runs to compare with")
    return Report(
        title=f"Cost anomalies, {span}{chosen}",
        columns=COLUMNS,
        rows=[_row(one) for one in shown],
        notes=[*notes, completeness(query, span)],
        money=frozenset(["excess"]),
        rates=frozenset(["usual", "now"]),
    )


def _row(one: Anomaly) -> tuple[Any, ...]:
    what = (one.template, KINDS[one.kind], one.since, one.usual, one.now, one.factor, one.excess, one.currency)
    why = (one.cause, one.runs, one.evidence)
    return (*what, *why, one.department, one.cluster, one.namespace, one.version, one.workflow_name)
