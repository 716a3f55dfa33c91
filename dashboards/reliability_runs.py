"""
The lower half of the page about promises: what breaks runs, what is done twice or ends late, and what did not run at all.
"""

from collector.catalog import colours
from collector.catalog import metrics as catalog
from dashboards import promql, uids
from dashboards import reliability_sql as found
from dashboards.fields import NONE, Field, caution
from dashboards.grafana import Line, Panel, Section
from dashboards.inputs import Inputs
from dashboards.links import to_dashboard, to_workflow, value_of
from dashboards.panels import bars, pivot, series
from dashboards.tables import TableColumn, table
from dashboards.targets import history, over_time, rows

PLACE = ("cluster", "namespace")
WINDOW = "1h"
"""Ratios look back over an hour: in a shorter window a single retry among few runs is a cliff."""


def what_broke() -> Section:
    """Why runs fail, which, and where."""
    by_reason = bars(
        "Failures, by reason",
        "Failed runs of the chosen time by the cause of their end: what to fix first. The colour says whose: failed is "
        "the user's code, platform is the cloud, the cluster or the controller.",
        rows(found.BY_REASON),
        Field(decimals=0, empty="none failed", colours=colours.OUTCOMES),
        x="reason\\outcome",
        transformations=pivot("reason", "outcome", "runs"),
    )
    # Lying bars have room for their names.
    by_reason.options["orientation"] = "horizontal"
    lines = (
        Line(9, (by_reason, _by_template()), (9, 15)),
        Line(9, (_by_step(),)),
        Line(10, (_last_failures(),)),
    )
    return Section("What breaks runs", lines)


def _template() -> Field:
    here = to_dashboard("This template", uids.TEMPLATE, keep=("cluster", "namespace"), template=value_of("template"))
    return Field(links=[here])


OUTCOME = TableColumn("outcome", shown=Field(colours=colours.OUTCOMES), width=100)
WORKFLOW = (TableColumn("uid", hidden=True), TableColumn("from_ms", hidden=True), TableColumn("to_ms", hidden=True))
"""What a link to a workflow reads."""


def _by_template() -> Panel:
    return table(
        "By template",
        "Runs of the chosen time by template, those with the most failures first. Success is the share of all runs but "
        "cancelled and invalid ones.",
        [rows(found.BY_TEMPLATE)],
        (
            TableColumn("template", shown=_template()),
            TableColumn("payer", "Department", width=130),
            TableColumn("runs", width=80),
            TableColumn("failed", width=80),
            TableColumn("platform", width=90),
            TableColumn("success", shown=Field(unit="percentunit", decimals=1, empty=NONE), width=90),
            TableColumn("tries", "Retries", width=90),
        ),
        empty="none finished",
    )


def _by_step() -> Panel:
    return table(
        "Deciding steps",
        "The step that decided each failed run, without the numbers of items and tries; (whole) is a workflow of one "
        "step. The latest run leads to its page.",
        [rows(found.BY_STEP)],
        (
            TableColumn("template", shown=_template()),
            TableColumn("step"),
            OUTCOME,
            TableColumn("reason", width=160),
            TableColumn("runs", width=80),
            TableColumn("latest", "Latest run", Field(links=[to_workflow()])),
            *WORKFLOW,
        ),
        empty="none failed",
    )


def _last_failures() -> Panel:
    return table(
        "Last failures",
        "The latest failed runs, with the words that Argo or Kubernetes had for it. A name leads to the workflow.",
        [rows(found.LAST_FAILURES)],
        (
            TableColumn("finished_at", "Finished", width=170),
            TableColumn("name", "Workflow", Field(links=[to_workflow()]), 210),
            TableColumn("cluster", width=100),
            TableColumn("namespace", width=110),
            OUTCOME,
            TableColumn("reason", width=140),
            TableColumn("step", width=130),
            TableColumn("words", long=True),
            *WORKFLOW,
        ),
        empty="none failed",
    )


def slow_ends(inputs: Inputs) -> Section:
    """What is done twice, ends late or is stuck."""
    per_run = inputs.of("retry_storm")["per_run"]
    p95 = inputs.of("completion_delay_high")["p95"]
    tried = promql.grown(catalog.RETRIES, by="cluster", window=WINDOW, chosen=PLACE)
    ended = promql.grown(catalog.FINISHED, by="cluster", window=WINDOW, chosen=PLACE)
    retries = series(
        "Retries a run",
        "Tries beyond the first of a step, for each run that ended in an hour: work that is done and paid twice. "
        "The line is the number of RetryStorm.",
        [over_time(f"{tried} / ({ended} > 0)", "{{cluster}}")],
        Field(decimals=2, levels=[caution(per_run)], empty="none finished"),
        interval="1m",
        links=inputs.runbook("RetryStorm"),
    )
    delay = series(
        "Completion delay, 95 %",
        "Time from the end of the last container to the end of the workflow: grows when the controller is overloaded. "
        "The line is the number of CompletionDelayHigh.",
        [
            over_time(
                promql.quantile(0.95, catalog.COMPLETION_DELAY, by="cluster", window="15m", chosen=PLACE), "{{cluster}}"
            )
        ],
        Field(unit="s", levels=[caution(p95)], empty="none finished"),
        interval="1m",
        links=inputs.runbook("CompletionDelayHigh"),
    )
    return Section("Work twice, and late ends", (Line(7, (retries, delay)), Line(7, (_stuck(inputs),))))


def _stuck(inputs: Inputs) -> Panel:
    return table(
        "Stuck workflows, and what to do",
        f"Workflows that began and have made no progress for {found.STUCK_AFTER_MIN} minutes, the longest first. "
        "A name leads to the workflow.",
        [rows(found.STUCK)],
        (
            TableColumn("name", "Workflow", Field(links=[to_workflow()]), 240),
            TableColumn("cluster", width=100),
            TableColumn("namespace", width=120),
            TableColumn("waiting_reason", "Waits for", Field(colours=colours.REASONS), 130),
            TableColumn("stands", "Stands since", Field(unit="s", decimals=0), 120),
            TableColumn("remedy", "What to do"),
            *WORKFLOW,
        ),
        empty="none is stuck",
        links=inputs.runbook("WorkflowsStuck"),
    )


def not_run(inputs: Inputs) -> Section:
    """Cron runs that did not start."""
    by_time = series(
        "Cron runs missed and skipped",
        "Due runs that did not start, by when they were due. Missed: no policy forbade them; skipped: a policy did.",
        [history(found.CRON_BY_TIME)],
        Field(decimals=0, empty=NONE, colours={"missed": colours.BAD, "skipped": colours.CAUTION}),
        draw="bars",
        interval="1m",
        links=inputs.runbook("CronMissed"),
    )
    outcomes = {"started": colours.GOOD, "missed": colours.BAD, "skipped": colours.CAUTION}
    last = table(
        "Cron workflows, last runs",
        "Each cron workflow that was due in the chosen time, with what became of its runs and why one did not start.",
        [rows(found.CRON_LAST)],
        (
            TableColumn("cron", "Cron workflow", width=150),
            TableColumn("namespace", width=120),
            TableColumn("cluster", width=100),
            TableColumn("schedule", width=120),
            TableColumn("last_due", "Last due", width=190),
            TableColumn("last", shown=Field(colours=outcomes), width=90),
            TableColumn("started", width=80),
            TableColumn("missed", width=80),
            TableColumn("skipped", width=80),
            TableColumn("why", "Why not", long=True),
        ),
        empty="none was due",
    )
    return Section(
        "What did not run",
        (
            Line(6, (by_time,)),
            Line(6, (last,)),
        ),
    )
