"""
`python -m tests.bench.queries`: what questions to the embedded store take, what rows weigh on disk, what a rebuild costs.

Rows are made inside the engine with values like real ones: uids that do not compress, workflows of 20 pods, sizes and
lengths of many kinds, one pod in 20 rewritten by a later version, one in three under a savings plan. Merges are stopped,
so that what was inserted stays in as many parts. Wall time, best of some rounds, by the reader that reports use. A missed
target is shown and is not a failure.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from collector.catalog.rollups import COST_DAILY
from collector.reports.cost import cost
from collector.reports.report import Report, Span
from collector.store.clickhouse import Store, connect
from collector.store.rollup import roll_up
from collector.store.schema.migrate import migrate
from tests.bench.__main__ import about, out, say, verdict
from tests.store.running import Running, start

BEGIN, DAYS = date(2026, 10, 5), 28
SPAN = Span(BEGIN, BEGIN + timedelta(DAYS))
BUSY = date(2026, 11, 20)
"""The day that is rebuilt, outside the period of the other questions."""
PARTS = 20
TIMEOUT_S = 590

WHERE_ = """
    concat('cluster-', toString(intDiv(number, 20) % 20)) AS cluster, intDiv(number, 400) % 50 AS team,
    concat('team-', toString(team)) AS namespace, {begin} AS begins, {length} AS length,
    begins + toIntervalSecond((number * {length} / {count})::UInt64) AS created_at,
    toString(reinterpretAsUUID(sipHash128(number))) AS pod_uid, intDiv(number, 20) AS workflow,
    toString(reinterpretAsUUID(sipHash128(workflow, 'w'))) AS workflow_uid,
    concat('template-', toString(team), '-', toString(workflow % 10)) AS template,
    concat(template, '-', lower(substring(hex(sipHash64(workflow)), 1, 5))) AS workflow_name,
    concat('step-', toString(number % 20)) AS step, 10 + sipHash64(number, 's') % 900 AS seconds,
    [1, 2, 4, 8][sipHash64(number, 'c') % 4 + 1] AS cores, toUInt64(number) * 256 + 1 AS version
"""
NUMBERS = "FROM numbers({first}, {rows})"
COST = f"""
    INSERT INTO lynceus.pod_cost (cluster, namespace, created_at, pod_uid, run, day, version, workflow_uid, workflow_name,
        attempt, step, template, department, project, creator, product, region, purchase, class, currency, cost,
        cost_pending, list_cost, rounded_cost, billed_from, billed_to, billed_seconds, billed_vcpu, billed_memory_gib,
        meters, price_book, rule, spec_source, confidence, status, price_class, covered_cost, committed_cost,
        template_version)
    WITH {WHERE_}, toDecimal128(cores * seconds, 18) AS vcpu_s,
        multiplyDecimal(vcpu_s, toDecimal128('0.0000077', 18), 18) AS vcpu_cost,
        multiplyDecimal(vcpu_s * 2, toDecimal128('0.00000096', 18), 18) AS memory_cost,
        multiplyDecimal(toDecimal128(cores * 8, 18), toDecimal128('0.0000077', 18), 18) AS pending
    SELECT cluster, namespace, created_at, pod_uid, 1, toDate(created_at), version, workflow_uid, workflow_name, 1, step,
        template, concat('department-', toString(team % 20)), concat('project-', toString(team)),
        concat('user-', toString(workflow % 300)), 'alibaba-eci', 'cn-hangzhou', if(number % 3 = 0, 'spot', 'on_demand'),
        if(workflow % 12 = 0, 'failed', 'useful'), 'USD', vcpu_cost + memory_cost, pending, vcpu_cost + memory_cost,
        vcpu_cost + memory_cost, created_at + 2, created_at + 2 + seconds, seconds, cores, cores * 2,
        [('vcpu', vcpu_s, 'vCPU-second', toDecimal128('0.0000077', 18), vcpu_cost),
         ('memory', vcpu_s * 2, 'GiB-second', toDecimal128('0.00000096', 18), memory_cost)],
        'alibaba-eci/2026-11-01', 'eci-general-purpose', 'annotation', 'high', 'final', 'default',
        if(number % 3 = 1, vcpu_cost + memory_cost, NULL),
        if(number % 3 = 1, multiplyDecimal(vcpu_cost + memory_cost, toDecimal128('0.455', 18), 18), NULL),
        lower(hex(sipHash64(template, intDiv(workflow, 20000))))
    {NUMBERS}
"""
POD = f"""
    INSERT INTO lynceus.pod_run (cluster, namespace, created_at, uid, version, name, workflow_uid, workflow_name, attempt,
        step, node_id, template, owner_kind, service_account, node_name, region, zone, cpu, memory_bytes, pricing,
        scheduled_at, instance_created_at, main_started_at, finished_at, phase, exit_code, start_latency_ms,
        start_latency_source)
    WITH {WHERE_}, concat(workflow_name, '-', toString(sipHash64(number, 'n') % 4294967296)) AS node_id
    SELECT cluster, namespace, created_at, pod_uid, version, concat(workflow_name, '-', step, '-',
        splitByChar('-', node_id)[-1]), workflow_uid, workflow_name, 1, step, node_id, step, 'Workflow', 'argo',
        'virtual-kubelet-cn-hangzhou-i', 'cn-hangzhou', 'cn-hangzhou-i', cores, cores * 2147483648,
        map('k8s.aliyun.com/eci-instance-spec', concat(toString(cores), '.0-', toString(cores * 2), '.0Gi'),
            'node:type', 'virtual-kubelet'),
        created_at + 1, created_at + 2, created_at + 10, created_at + 2 + seconds, 'Succeeded', 0,
        9000 + sipHash64(number, 'l') % 4000, 'watch'
    {NUMBERS}
"""
ROLLED = """
    INSERT INTO lynceus.cost_daily (day, department, cluster, namespace, project, template, product, region, purchase, class,
        currency, cost, cost_pending, list_cost, pods, seconds, workflows)
    WITH toDate({day}) AS day, number % 50 AS team, intDiv(number, 50) % 20 AS cluster, intDiv(number, 1000) AS kind
    SELECT day, concat('department-', toString(team % 20)), concat('cluster-', toString(cluster)),
        concat('team-', toString(team)), concat('project-', toString(team)),
        concat('template-', toString(team), '-', toString(kind % 10)), 'alibaba-eci', 'cn-hangzhou',
        if(kind < 10, 'on_demand', 'spot'), if(cluster % 2, 'useful', 'failed'), 'USD',
        toDecimal128(sipHash64(day, number) % 1000000, 18) / 77, toDecimal128(number, 18) / 1000,
        toDecimal128(sipHash64(day, number) % 1000000, 18) / 77, 250, 250 * 300,
        arraySort(arrayMap(i -> sipHash64(day, number, i), range(13)))
    FROM numbers({groups})
"""
LINES = """
    INSERT INTO lynceus.statement_line (month, run, currency, department, kind, what, book, cluster, product, version, basis,
        weight, whole, amount, rule)
    SELECT DISTINCT toStartOfMonth(day), 1, currency, department, 'fee', 'gateway', 'ours@1', cluster, product, 1,
        'proportional', 0, 0, toDecimal128('123.456789012345678901', 18), 'fee' FROM lynceus.{source}
"""
"""A fee that each department pays for each cluster and product that it used."""
GROUPS, PODS_A_GROUP = 20_000, 250
"""So many rows of the rollup a day, of so many pods each: 140 million in 28 days."""
SUMS = """
    SELECT day, department, currency, sum(cost) FROM {source} WHERE day >= {{begin:Date}} AND day < {{end:Date}}
    GROUP BY day, department, currency ORDER BY day, department, currency
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """A store to be asked, and who writes to it."""

    running: Running
    writer: Store
    reader: Store

    def query(self, sql: str, parameters: Any) -> Any:
        return self.reader.query_rows(sql, dict(parameters))

    def fill(self, statement: str, begin: date, days: int, count: int, parts: int = PARTS) -> None:
        """Rows of `count` pods over some days, in so many inserts."""
        each = count // parts
        for part in range(parts):
            self.writer.command(
                statement.replace("{begin}", f"toDateTime64('{begin} 00:00:00', 3, 'UTC')")
                .replace("{length}", str(days * 86_400 - 1000))
                .replace("{count}", str(count))
                .replace("{first}", str(part * each))
                .replace("{rows}", str(each))
            )

    def peak_mib(self, work: Callable[[], object]) -> tuple[float, int]:
        """Seconds of some work, and what the engine's resident memory rose by meanwhile at most."""
        proc = Path(f"/proc/{self.running.process.pid}")
        (proc / "clear_refs").write_text("5", encoding="ascii")
        before, begun = self._resident(proc, "VmRSS"), time.perf_counter()
        work()
        return time.perf_counter() - begun, (self._resident(proc, "VmHWM") - before) // 1024

    def cpu_s(self) -> float:
        """CPU seconds that the engine has taken so far."""
        fields = Path(f"/proc/{self.running.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def _resident(proc: Path, what: str) -> int:
        lines = (proc / "status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(what))


def seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """Of the best round."""
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return min(took)


@dataclass(frozen=True, slots=True)
class Took:
    """What some work took."""

    wall_s: float
    cpu_s: float
    """Of the engine: what else the machine does can hardly make it more."""


def alternately(bench: Bench, *works: Callable[[], object], rounds: int = 3) -> list[Took]:
    """The best of each, one after the other in every round, so that all meet the same neighbours."""
    took: dict[int, list[Took]] = {}
    for at, work in [*enumerate(works)] * rounds:
        begun, before = time.perf_counter(), bench.cpu_s()
        work()
        took.setdefault(at, []).append(Took(time.perf_counter() - begun, bench.cpu_s() - before))
    return [Took(min(one.wall_s for one in some), min(one.cpu_s for one in some)) for some in took.values()]


def whole(bench: Bench, by: str = "department,day", **more: Any) -> Report:
    """All that `lynceus report cost` reads, shared costs with it."""
    return cost(bench.query, SPAN, by, **more)


def show(what: str, took: float, target: float | None = None) -> None:
    """A line for people, and one for programs."""
    of = "" if target is None else f" ({verdict(took <= target)}: at most {target:g} s)"
    out.print(f"{what}: {took:.3f} s{of}", highlight=False)
    say({"question": what, "seconds": round(took, 4), "target": target})


@contextmanager
def a_store() -> Iterator[Bench]:
    """An empty store of today's schema whose parts are never merged."""
    with tempfile.TemporaryDirectory() as folder:
        running = start(Path(folder))
        writer = connect(running.url, "lynceus", running.token_file, timeout_s=TIMEOUT_S)
        reader = connect(running.url, timeout_s=TIMEOUT_S)
        migrate(writer)
        writer.command("SYSTEM STOP MERGES lynceus.pod_cost")
        writer.command("SYSTEM STOP MERGES lynceus.pod_run")
        yield Bench(running, writer, reader)
        writer.close()
        reader.close()
        running.stop()


def from_rollup(bench: Bench) -> None:
    """Cost by department and day over 28 days of 5 million pods each, from the rollup alone."""
    for n in range(DAYS):
        day = f"'{BEGIN + timedelta(n)}'"
        bench.writer.command(ROLLED.replace("{day}", day).replace("{groups}", str(GROUPS)))
    ((rows, pods),) = bench.query("SELECT count(), sum(pods) FROM lynceus.cost_daily", {})
    out.print(f"rollup of {pods:,} pods: {rows:,} rows", highlight=False)
    sql = SUMS.format(source="lynceus.cost_daily")
    show("cost by department and day, from the rollup", seconds(lambda: bench.query(sql, SPAN.parameters())), 1.0)
    bench.writer.command(LINES.replace("{source}", "cost_daily"))
    show("report cost --by department,day, from the rollup", seconds(lambda: whole(bench)), 1.0)
    show("report cost --by department, from the rollup", seconds(lambda: whole(bench, "department")), 1.0)
    show("report cost --by template, from the rollup", seconds(lambda: whole(bench, "template")), 1.0)
    bench.writer.command("TRUNCATE TABLE lynceus.cost_daily")


def from_rows(bench: Bench, charges: int) -> None:
    """The same from charges, in parts that are not merged."""
    bench.fill(COST, BEGIN, DAYS, charges)
    bench.writer.command(again())
    ((parts, rows),) = bench.query(
        "SELECT count(), sum(rows) FROM system.parts WHERE active AND table = 'pod_cost'", {}
    )
    out.print(f"{rows:,} charges in {parts} parts", highlight=False)
    sql = SUMS.format(source="lynceus.cost_current")
    say({"charges": rows, "parts": parts})
    show("cost by department and day, from the charges", seconds(lambda: bench.query(sql, SPAN.parameters())), 3.0)
    plain = SUMS.format(source="lynceus.pod_cost FINAL")
    by_hand, report = alternately(bench, lambda: bench.query(plain, SPAN.parameters()), lambda: whole(bench))
    show("report cost --by department,day, from the charges", report.wall_s, 3.0)
    show("GROUP BY department, day over pod_cost FINAL by hand", by_hand.wall_s)
    times = report.cpu_s / by_hand.cpu_s
    out.print(f"  {report.cpu_s:.2f} CPU seconds against {by_hand.cpu_s:.2f}: {times:.2f} times", highlight=False)
    say({"report_cpu_s": round(report.cpu_s, 2), "by_hand_cpu_s": round(by_hand.cpu_s, 2), "times": round(times, 2)})
    by_uid(bench, "cost_current", "workflow_uid", charges)
    by_uid(bench, "cost_current", "pod_uid", charges)


def again() -> str:
    """A later version of every 20th charge, as a pod that ran on leaves it."""
    first = f"SELECT * FROM lynceus.pod_cost WHERE version % {20 * 256} = 1"
    return f"INSERT INTO lynceus.pod_cost SELECT * REPLACE (version + 1 AS version) FROM ({first})"


def by_uid(bench: Bench, table: str, column: str, pods: int) -> None:
    """All rows of one workflow, or of one pod: their keys first, so that FINAL looks at little else."""
    uid = f"SELECT any({column}) FROM lynceus.{table} WHERE version = {(pods // 40 * 20 + 1) * 256 + 1}"
    ((arguments,),) = bench.query(uid, {})
    rows_of = "pod_cost" if table == "cost_current" else table
    final = "" if table == "cost_current" else "FINAL"
    key, condition = "cluster, namespace, created_at", f"{column} = {{uid:String}}"
    near = f"({key}) IN (SELECT {key} FROM lynceus.{rows_of} WHERE {condition})"
    sql = f"SELECT * FROM lynceus.{table} {final} WHERE {condition} AND {near}"
    rows = len(bench.query(sql, {"uid": arguments}))
    show(f"{rows} rows of {table} by {column}", seconds(lambda: bench.query(sql, {"uid": arguments}), 5), 0.15)


def weight(bench: Bench, pairs: int) -> None:
    """Bytes that a pod's row and its charge take on disk once they are merged."""
    for table, statement in (("pod_run", POD), ("pod_cost", COST)):
        bench.writer.command(f"TRUNCATE TABLE lynceus.{table}")
        bench.fill(statement, BEGIN, DAYS, pairs)
    by_uid(bench, "pod_run", "workflow_uid", pairs)
    by_uid(bench, "pod_run", "uid", pairs)
    for table in ("pod_run", "pod_cost"):
        bench.writer.command(f"SYSTEM START MERGES lynceus.{table}")
        bench.writer.command(f"OPTIMIZE TABLE lynceus.{table} FINAL")
    rows = bench.query(
        "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND table IN ('pod_run', 'pod_cost') GROUP BY 1",
        {},
    )
    found = {table: size / pairs for table, size in rows}
    whole = sum(found.values())
    parts = ", ".join(f"{table} {size:.1f}" for table, size in sorted(found.items()))
    out.print(f"a pair on disk: {whole:.1f} bytes ({verdict(whole <= 110)}: at most 110): {parts}", highlight=False)
    say({"pair_bytes": round(whole, 1), **{table: round(size, 1) for table, size in found.items()}})
    columns = bench.query(
        f"SELECT table, name, round(data_compressed_bytes / {pairs}, 1) AS each FROM system.columns "
        "WHERE database = 'lynceus' AND table IN ('pod_run', 'pod_cost') AND each >= 1 ORDER BY each DESC", {},
    )  # fmt: skip
    out.print("  " + ", ".join(f"{table}.{name} {each}" for table, name, each in columns), highlight=False)


def rebuild(bench: Bench, charges: int) -> None:
    """One busy day of the rollup, with 20 parts of it unmerged."""
    bench.writer.command("TRUNCATE TABLE lynceus.pod_cost")
    bench.writer.command("SYSTEM STOP MERGES lynceus.pod_cost")
    bench.fill(COST, BUSY, 1, charges)
    took, mib = bench.peak_mib(lambda: roll_up(bench.writer, COST_DAILY))
    ((rows,),) = bench.query("SELECT count() FROM lynceus.cost_daily", {})
    out.print(f"a day of {charges:,} charges rebuilt to {rows:,} rows: {took:.1f} s, {mib} MiB more", highlight=False)
    say({"rebuilt_charges": charges, "seconds": round(took, 2), "mib": mib})
    show("days that are stale", seconds(lambda: bench.query(COST_DAILY.stale(), {})))


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.queries", description=__doc__)
    parser.add_argument("--charges", type=int, default=10_000_000)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--day", type=int, default=5_000_000)
    arguments = parser.parse_args()
    say(about())
    with a_store() as bench:
        from_rollup(bench)
        weight(bench, arguments.pairs)
        bench.writer.command("TRUNCATE TABLE lynceus.pod_cost")
        bench.writer.command("SYSTEM STOP MERGES lynceus.pod_cost")
        from_rows(bench, arguments.charges)
        rebuild(bench, arguments.day)


if __name__ == "__main__":
    main()
