"""Reports on rows that the real engine holds, each counted by hand."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from collector.catalog.tables import TABLE_OF
from collector.core.model import Fact
from collector.reports.queue import COLUMNS, queue
from collector.reports.render import as_json
from collector.reports.report import Query, Report, ReportError, Span
from collector.reports.steps import steps
from collector.reports.success import success
from collector.store.schema.migrate import migrate
from tests.builders import HOUR, NOON, SECOND, a_pod_run, version
from tests.reports.stored import a_live_row, a_run, a_step_run
from tests.store.running import start

SPAN = Span(date(2026, 11, 22), date(2026, 11, 23))
EVER = Span(date(1970, 1, 1), date(2027, 1, 1), "Asia/Shanghai")
YESTERDAY = Span(date(2026, 11, 21), date(2026, 11, 22))

RUNS: list[Fact] = [
    a_run("w1", throttled_ms=1000, lock_ms=500, running_ms=90_000),
    a_run("w2", queue_latency_ms=4000, start_latency_ms=9000, throttled_ms=3000),
    a_run("w3", queue_latency_ms=None, start_latency_ms=None, latency_source="", outcome="failed", reason="exit_1",
          phase="Failed", deciding_node="w3-1", deciding_step="fit", finished_at=NOON + HOUR),
    a_run("w4", outcome="failed", reason="exit_1", phase="Failed", deciding_step="fit"),
    a_run("w5", outcome="platform", reason="evicted", phase="Error", deciding_step="load"),
    a_run("w6", outcome="cancelled", reason="terminate", phase="Failed", queue="adhoc"),
    a_run("w7", outcome="unknown", phase="", finished_at=NOON, queue="adhoc"),
]  # fmt: skip

STEPS: list[Fact] = [
    a_run("s1", created_at=NOON - 1, queue="steps", template="dag", name="tiles-1"),
    a_run("s1-old", created_at=NOON - HOUR, queue="steps", template="dag", name="tiles-1", cluster="c2"),
    a_run("s2", queue="steps", template="dag", name="big", node_status="offloaded", finished_at=NOON),
    a_run("s3", queue="steps", template="dag", name="broken", node_status="unreadable"),
    a_run("s4", queue="steps", template="dag", name="nothing", node_status=""),
    a_step_run("root", workflow="s1", workflow_created_at=NOON - 1, type="DAG", finished_at=NOON + 100 * SECOND),
    a_step_run("load", workflow="s1", workflow_created_at=NOON - 1, pod_uid="p1", critical=True, critical_ms=30_000),
    a_step_run("side", workflow="s1", workflow_created_at=NOON - 1, finished_at=NOON + 5 * SECOND),
    a_step_run("fit", workflow="s1", workflow_created_at=NOON - 1, started_at=NOON + 40 * SECOND, pod_uid="gone",
               finished_at=NOON + 100 * SECOND, critical=True, critical_ms=60_000, waiting_reason="step_lock",
               waiting_on="team/Mutex/gpu", waiting_ms=8000, try_number=2, exit_code=0),
    a_step_run("odd", workflow="s1", workflow_created_at=NOON - 1, finished_at=None),
    a_step_run("wait", workflow="w1", waiting_reason="step_lock", waiting_on="team/Mutex/gpu", waiting_ms=2000),
    a_step_run("full", workflow="w1", waiting_reason="quota", waiting_on="compute", waiting_ms=99_000),
    a_step_run("load", workflow="s1", workflow_created_at=NOON - 1, version=version(1), critical=True, critical_ms=1),
    a_step_run("again", workflow="s1", workflow_created_at=NOON - 1, attempt=2, critical=True, critical_ms=7),
    a_pod_run(uid="p1", workflow_uid="s1", start_latency_ms=4200, node_name="n-7"),
    a_live_row("l1", "lock", "team/ConfigMap/locks/a100"),
    a_live_row("l2", "step_lock", "team/Mutex/gpu"),
    a_live_row("l3", "throttled", ""),
]  # fmt: skip


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """Questions to the engine that holds those rows, some of them in an older version too."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    older = [a_run("w2", version=version(1), outcome="failed", queue_latency_ms=10**6, throttled_ms=10**6)]
    encoder = msgspec.msgpack.Encoder(decimal_format="string")
    for number, fact in enumerate([*older, *RUNS, *STEPS]):
        writer.insert(TABLE_OF[type(fact)], msgspec.msgpack.decode(encoder.encode([fact])), f"batch-{number}")
    writer.close()
    reader = running.reader()
    yield lambda sql, parameters: reader.query_rows(sql, dict(parameters))
    reader.close()
    running.stop()


def column(report: Report, name: str) -> list[Any]:
    """What stands in one column, from top to bottom."""
    at = report.columns.index(name)
    return [row[at] for row in report.rows]


def test_latencies_are_reported_by_queue_and_none_is_made_up(ask: Query) -> None:
    """Five runs of the queue have 2, 4, 2 and 2 s and one none: the median of what is known is 2 s, the highest 4 s."""
    report = queue(ask, SPAN, "queue")

    by_queue = {row[0]: dict(zip(report.columns, row, strict=True)) for row in report.rows}
    nightly = by_queue["nightly"]
    assert nightly["runs"] == 5
    assert [nightly[f"{q} ms"] for q in ("p50", "p95", "p99")] == [2000, 4000, 4000]
    assert [nightly[f"start {q} ms"] for q in ("p50", "p95", "p99")] == [5000, 9000, 9000]
    assert nightly["throttled"] == (1000 + 3000) // 5


def test_unknown_latencies_are_absent(ask: Query) -> None:
    """NaN is not a number of milliseconds, and 0 would be wrong."""
    report = queue(ask, YESTERDAY, "")

    assert [column(report, name) for name in ("runs", "p50 ms", "start p99 ms")] == [[0], [None], [None]]


def test_waiting_time_is_reported_by_reason(ask: Query) -> None:
    """Of the attempts that met a reason at all: two were throttled, one waited for a lock."""
    reasons, _ = queue(ask, SPAN, "queue").parts

    assert reasons.rows == [
        ("nightly", "throttled", 2, 4000, 2000, 3000, 3000),
        ("nightly", "lock", 1, 500, 500, 500, 500),
    ]


def test_locks_are_reported_with_who_waits_now(ask: Query) -> None:
    """Two finished steps waited 10 s together for the mutex, for which one workflow waits now; a quota is not a lock."""
    _, locks = queue(ask, SPAN, "").parts

    assert locks.rows == [
        ("c1", "team/Mutex/gpu", 2, 10_000, 8000, 1),
        ("c1", "team/ConfigMap/locks/a100", 0, 0, 0, 1),
    ]


@pytest.mark.parametrize("by", ["", *COLUMNS, ",".join(COLUMNS)])
def test_queue_and_success_group_by_every_column(ask: Query, by: str) -> None:
    """Alone and all at once; 12 workflows ended."""
    for make in (queue, success):
        assert sum(column(make(ask, SPAN, by), "runs")) == 12


def test_success_rates_leave_out_what_nobody_decided(ask: Query) -> None:
    """Of nightly's five, two succeeded, two failed and one was the platform's: 40 % and 80 %."""
    rows = success(ask, SPAN, "queue").rows

    assert rows[0] == ("nightly", 5, 2, 2, 1, 0, 0, 0, Decimal("40.00"), Decimal("80.00"))
    assert rows[2] == ("adhoc", 2, 0, 0, 0, 1, 0, 1, None, None)


def test_failures_are_reported_with_the_deciding_step(ask: Query) -> None:
    """The most frequent first, with the latest run to look at."""
    [causes] = success(ask, SPAN, "").parts

    assert causes.rows[0] == ("failed", "exit_1", "train", "fit", 2, "w3", "c1")
    assert ("platform", "evicted", "train", "load", 1, "w5", "c1") in causes.rows
    assert len(causes.rows) == 4


def test_the_critical_path_comes_in_order_with_its_pods(ask: Query) -> None:
    """Each step with its length, its share of the path, and what its pod took to start."""
    report = steps(ask, "s1", SPAN)

    assert report.title == "Critical path of tiles-1, attempt 1, in c1 team"
    assert column(report, "step") == ["load", "fit"]
    assert column(report, "after ms") == [1, 40_001]
    assert column(report, "length ms") == [30_000, 60_000]
    assert column(report, "critical ms") == [30_000, 60_000]
    assert column(report, "pod start ms") == [4200, None]
    assert column(report, "waited for") == ["", "step_lock team/Mutex/gpu"]
    assert column(report, "waited ms") == [None, 8000]
    assert column(report, "node") == ["n-7", ""]
    assert report.notes == ["succeeded; its critical path accounts for 90000 of its 100000 ms"]


def test_the_slowest_steps_leave_groups_out(ask: Query) -> None:
    """A DAG is as long as what is in it; a step without an end comes last."""
    [slow] = steps(ask, "s1", SPAN).parts

    assert column(slow, "step") == ["fit", "load", "side", "odd"]
    assert column(slow, "length ms")[-1] is None


def test_a_name_means_its_newest_workflow_and_the_others_are_listed(ask: Query) -> None:
    """Names come again, in other clusters and on other days; a period before any Date does no harm."""
    report = steps(ask, "tiles-1", EVER)

    assert "in c1 team" in report.title
    assert report.notes[-1] == "other workflows with this name; give a uid to see one: c2 team s1-old attempt 1"


def test_a_decided_outcome_is_reported_with_its_step(ask: Query) -> None:
    """A reader of a failed workflow's steps looks for that one."""
    assert steps(ask, "w3", SPAN).notes[0] == (
        "failed exit_1, decided by fit; its critical path accounts for 0 of its 3600000 ms"
    )


@pytest.mark.parametrize(
    ("workflow", "why"),
    [
        ("big", "its own database"),
        ("broken", "could not be unpacked"),
        ("nothing", "had no step"),
        ("w3", "none of its steps is in the store"),
    ],
)
def test_a_workflow_without_steps_has_the_cause(ask: Query, workflow: str, why: str) -> None:
    """An empty table alone would say that nothing ran."""
    report = steps(ask, workflow, SPAN)

    assert report.rows == report.parts[0].rows == []
    assert why in report.notes[1]


@pytest.mark.parametrize(("workflow", "span"), [("missing", SPAN), ("s1", YESTERDAY), ("' OR 1 = 1 --", EVER)])
def test_a_workflow_that_is_not_there_is_an_error(ask: Query, workflow: str, span: Span) -> None:
    """It says of what period; a name is bound and never written into SQL."""
    with pytest.raises(ReportError, match="no finished workflow of this name or uid"):
        steps(ask, workflow, span)


@pytest.mark.parametrize("make", [queue, success])
def test_json_holds_all_tables(ask: Query, make: Any) -> None:
    """Rates are strings as amounts are; nothing counted is null."""
    decoded = json.loads(as_json(make(ask, SPAN, "queue")))

    assert decoded["parts"]
    assert all(part["rows"] for part in decoded["parts"])
