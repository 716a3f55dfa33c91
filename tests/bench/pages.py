"""
`python -m tests.bench.pages`: what the pages of a queue and of a template ask of the embedded store, on a large fleet.

Ten million pods of half a million workflows over 28 days in 20 clusters, their charges and steps, and 90 days of samples. Rows
are made inside the engine and not merged. Wall time of all statements of a page, best of some rounds. A missed target is shown
and is not a failure.
"""

import argparse
from datetime import timedelta
from functools import partial

from collector.core.history.queue import QueuePlace
from collector.core.history.template import TemplatePlace
from collector.core.units import DAY_MS
from collector.reports.queue_history import read_queue
from collector.reports.template_history import read_template
from collector.web import queue_history, template_history
from tests.bench.__main__ import about, out, say
from tests.bench.queries import BEGIN, COST, DAYS, Bench, a_store, seconds, show

END_MS = 1_793_577_600_000
"""Midnight after the 28 days."""
TARGET_S = 1.0
PODS_EACH = 20
SAMPLE_DAYS = 90

# Workflow n has pods 20n to 20n+19 of tests/bench/queries.py, and their cluster, namespace and template.
_WORKFLOW = """
    concat('cluster-', toString(number % 20)) AS cluster, intDiv(number, 20) % 50 AS team,
    concat('team-', toString(team)) AS namespace, {begin} AS begins,
    begins + toIntervalSecond((number * {length} / {count})::UInt64) AS created,
    toString(reinterpretAsUUID(sipHash128(number, 'w'))) AS workflow, concat('template-', toString(team), '-',
    toString(number % 10)) AS made_from, concat(made_from, '-', lower(substring(hex(sipHash64(number)), 1, 5))) AS named
"""
RUNS = f"""
    INSERT INTO lynceus.workflow_run (cluster, namespace, created_at, uid, attempt, version, name, template, queue,
        first_seen_at, picked_up_at, started_at, finished_at, phase, outcome, reason, message, queue_latency_ms,
        throttled_ms, starting_ms, running_ms, pods, complete, deciding_step, template_version)
    WITH {_WORKFLOW}, sipHash64(number, 's') % 900 AS ran, sipHash64(number, 'q') % 300 AS queued
    SELECT cluster, namespace, created, workflow, 1, number * 256 + 1, named, made_from, concat('queue-', toString(team % 20)),
        created, created + queued, created + queued, created + queued + ran, 'Succeeded',
        if(number % 12 = 0, 'failed', 'succeeded'), if(number % 12 = 0, 'exit_1', ''),
        if(number % 12 = 0, 'Error (exit code 1)', ''),
        queued * 1000, queued * 1000, 9000, ran * 1000, 20, true, if(number % 12 = 0, concat(named, '.step-3'), ''),
        lower(hex(sipHash64(made_from, intDiv(number, 20000))))
    FROM numbers({{first}}, {{rows}})
"""
STEPS = f"""
    INSERT INTO lynceus.step_run (cluster, namespace, workflow_created_at, workflow_uid, attempt, node_id, version,
        workflow_name, step, template, type, phase, started_at, finished_at, critical, critical_ms, try_number)
    WITH {_WORKFLOW}, arrayJoin(range({PODS_EACH})) AS step
    SELECT cluster, namespace, created, workflow, 1, concat(named, '-', toString(sipHash64(number, step) % 4294967296)),
        number * 256 + 1, named, concat('step-', toString(step)), concat('step-', toString(step)), 'Pod', 'Succeeded',
        created + 10, created + 10 + sipHash64(number, step) % 300, step % 3 = 0, 1000 * (sipHash64(number, step) % 300), 1
    FROM numbers({{first}}, {{rows}})
"""
SAMPLES = """
    INSERT INTO lynceus.queue_sample (cluster, namespace, queue, reason, at, version, depth, oldest_age_ms)
    WITH intDiv(number, 40) AS tick, number % 40 AS row
    SELECT concat('cluster-', toString(row % 20)), 'team-7', 'queue-7', if(row < 20, 'throttled', 'lock'),
        {end} - toIntervalSecond(tick * 30), 1, sipHash64(number, 'd') % 500, 1000
    FROM numbers({first}, {rows})
"""


def fill(bench: Bench, pods: int) -> None:
    """All rows; samples until the end of the period."""
    workflows = pods // PODS_EACH
    bench.fill(COST, BEGIN, DAYS, pods)
    bench.fill(RUNS, BEGIN, DAYS, workflows)
    bench.fill(STEPS, BEGIN, DAYS, workflows)
    end = f"toDateTime64('{BEGIN + timedelta(DAYS)} 00:00:00', 3, 'UTC')"
    samples = max(20, workflows * 40 * SAMPLE_DAYS * DAY_MS // (500_000 * 30_000))
    bench.fill(SAMPLES.replace("{end}", end), BEGIN, DAYS, samples)


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pages", description=__doc__)
    parser.add_argument("--pods", type=int, default=10_000_000)
    arguments = parser.parse_args()
    say(about())
    with a_store() as bench:
        for table in ("workflow_run", "step_run", "queue_sample"):
            bench.writer.command(f"SYSTEM STOP MERGES lynceus.{table}")
        fill(bench, arguments.pods)
        ((rows,),) = bench.query("SELECT sum(rows) FROM system.parts WHERE active AND database = 'lynceus'", {})
        out.print(f"{rows:,} rows of {arguments.pods:,} pods", highlight=False)
        ask(bench)


def ask(bench: Bench) -> None:
    """Each page over each period that its reader can choose."""
    place = QueuePlace("cluster-7", "team-7", "queue-7")
    for period in queue_history.PERIODS:
        steps = queue_history.steps_until(END_MS, period)
        show(f"queue over {period}", seconds(partial(read_queue, bench.query, place, steps)), TARGET_S)
    for name, where in (("everywhere", ("", "")), ("in one namespace", ("cluster-7", "team-7"))):
        of = TemplatePlace("template-7-7", *where)
        for period in template_history.PERIODS:
            steps = template_history.template_steps(END_MS, period)
            took = seconds(partial(read_template, bench.query, of, steps))
            show(f"template {name} over {period}", took, TARGET_S)


if __name__ == "__main__":
    main()
