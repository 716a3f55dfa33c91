"""
Rows of some days of a fleet, made inside the store: what `lynceus size` is measured and checked with.

Values are drawn as real ones are: uids, trace ids, names' ends and instance ids are random, Kubernetes' instants are in whole
seconds and ours in milliseconds, lengths, waits and sizes are of many kinds. Each pod has a charge of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from collector.catalog.rollups import ROLLUPS
from collector.store.clickhouse import Store

WORKFLOWS_AN_INSERT = 1_000_000
"""Rows of one INSERT at most, counted by the pods that they have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What is drawn."""

    begin: date
    days: int
    pods_per_day: int
    pods_per_workflow: int = 20
    steps_per_pod: float = 1.2
    """Rows of steps for each pod: its own, and those of groups, retries and suspensions."""
    clusters: int = 20
    namespaces: int = 50
    templates: int = 500
    queues: int = 50
    """Queues in which something waits at each sample."""

    @property
    def workflows(self) -> int:
        """All workflows."""
        return self.days * self.pods_per_day // self.pods_per_workflow


RANDOM_ = """
    sipHash64(key, 'a') AS chance, sipHash64(key, 'b') AS other, sipHash64(key, 'c') AS third
"""
WORKFLOW_ = """
    number AS workflow, workflow % {templates} AS kind, kind % {namespaces} AS team,
    concat('cluster-', toString(sipHash64(kind, intDiv(workflow, 3)) % {clusters})) AS cluster,
    concat('team-', toString(team)) AS namespace, concat('template-', toString(kind)) AS template,
    toString(reinterpretAsUUID(sipHash128(workflow, 'w'))) AS workflow_uid,
    concat(template, '-', lower(substring(hex(sipHash64(workflow)), 1, 5))) AS workflow_name,
    toDateTime64('{begin} 00:00:00', 3, 'UTC') + toIntervalSecond(intDiv(number * {seconds}, {workflows})) AS created,
    sipHash64(workflow, 'q') AS luck, if(luck % 3 = 0, intDiv(luck, 3) % 900000, 0) AS waited_ms,
    concat('department-', toString(team % 20)) AS department, concat('project-', toString(team)) AS project,
    lower(substring(hex(sipHash64(template, intDiv(workflow, 20000))), 1, 12)) AS template_version
"""
POD_ = f"""
    {WORKFLOW_}, arrayJoin(range({{pods}})) AS pod, workflow * {{pods}} + pod AS key, {RANDOM_},
    toString(reinterpretAsUUID(sipHash128(key, 'p'))) AS pod_uid,
    created + toIntervalSecond(intDiv(waited_ms, 1000) + intDiv(pod, 5) * 40 + chance % 10) AS begins,
    10 + intDiv(chance, 16) % 900 AS seconds, [1, 2, 4, 8][1 + kind % 4] AS cores,
    concat('step-', toString(kind % 7), '(', toString(pod), ':', toString(pod), ')') AS step,
    toString(sipHash64(key, 'n') % 4294967296) AS end, concat(workflow_name, '-', end) AS node_id,
    begins + toIntervalSecond(8 + other % 20) AS main_at, main_at + toIntervalSecond(seconds) AS finished
"""
FROM = " FROM numbers({first}, {rows})"
VERSION = "toUInt64({of}) * 256 + 7"
WORKFLOWS = f"""
    INSERT INTO lynceus.workflow_run (cluster, namespace, created_at, uid, attempt, version, name, template, queue, labels,
        department, project, creator, first_seen_at, picked_up_at, first_pod_at, started_at, finished_at, phase, outcome,
        reason, message, queue_latency_ms, latency_source, unseen_ms, throttled_ms, starting_ms, advancing_ms, running_ms,
        pods, failed_pods, complete, start_latency_ms, start_latency_source, completion_delay_ms, deciding_node,
        service_account, template_version, trace_id, node_status)
    WITH {WORKFLOW_}, workflow AS key, {RANDOM_}, 20000 + chance % 1800000 AS length_ms,
        100 + other % 900 AS unseen, third % 60000 AS advancing, intDiv(third, 65536) % 30000 AS starting,
        other % 12 = 0 AS failed
    SELECT cluster, namespace, created, workflow_uid, 1, {VERSION.format(of="workflow")}, workflow_name, template, namespace,
        map('namespace:department', department, 'project', project, 'workflows.argoproj.io/workflow-template', template),
        department, project, concat('user-', toString(luck % 300)), created + toIntervalMillisecond(unseen),
        created + toIntervalMillisecond(unseen + waited_ms), created + toIntervalMillisecond(unseen + waited_ms + 40),
        created + toIntervalSecond(intDiv(waited_ms, 1000)), created + toIntervalSecond(intDiv(waited_ms + length_ms, 1000)),
        if(failed, 'Failed', 'Succeeded'), if(failed, 'failed', 'succeeded'), if(failed, 'exit_code', ''),
        if(failed, concat('child ''', workflow_name, '-', toString(other % 4294967296), ''' failed'), ''),
        unseen + waited_ms, 'watch', unseen, waited_ms, starting, advancing, length_ms - starting - advancing, {{pods}},
        failed, true, unseen + waited_ms + starting, 'watch', third % 3000,
        if(failed, concat(workflow_name, '-', toString(other % 4294967296)), ''), 'argo', template_version,
        lower(hex(sipHash128(workflow, 't'))), 'plain'
    {FROM}
"""
PODS = f"""
    INSERT INTO lynceus.pod_run (cluster, namespace, created_at, uid, version, name, workflow_uid, workflow_name, attempt,
        step, node_id, template, owner_kind, service_account, node_name, region, zone, cpu, memory_bytes, pricing,
        scheduled_at, instance_created_at, main_started_at, finished_at, phase, exit_code, start_latency_ms,
        start_latency_source)
    WITH {POD_}, concat('cn-hangzhou-', ['h', 'i', 'j'][1 + other % 3]) AS zone
    SELECT cluster, namespace, begins, pod_uid, {VERSION.format(of="key")},
        concat(workflow_name, '-step-', toString(kind % 7), '-', end), workflow_uid, workflow_name, 1, step, node_id,
        concat('step-', toString(kind % 7)), 'Workflow', 'argo', concat('virtual-kubelet-', zone), 'cn-hangzhou', zone,
        cores, cores * 2147483648,
        map('k8s.aliyun.com/eci-instance-id', concat('eci-bp', lower(substring(hex(sipHash128(key, 'i')), 1, 17))),
            'k8s.aliyun.com/eci-instance-spec', concat(toString(cores), '.0-', toString(cores * 2), '.0Gi'),
            'node:topology.kubernetes.io/zone', zone, 'node:type', 'virtual-kubelet'),
        begins + third % 2, begins + 1 + third % 3, main_at, finished, if(other % 50 = 0, 'Failed', 'Succeeded'),
        if(other % 50 = 0, 1, 0), 1000 * (8 + other % 20) + third % 1000, 'watch'
    {FROM}
"""
CHARGES = f"""
    INSERT INTO lynceus.pod_cost (cluster, namespace, created_at, pod_uid, run, day, version, workflow_uid, workflow_name,
        attempt, step, template, department, project, creator, product, region, purchase, class, currency, cost,
        cost_pending, list_cost, rounded_cost, billed_from, billed_to, billed_seconds, billed_vcpu, billed_memory_gib,
        meters, price_book, rule, spec_source, confidence, status, price_class, template_version)
    WITH {POD_}, toDecimal128(cores * (seconds + 8 + other % 20), 18) AS vcpu_s,
        multiplyDecimal(vcpu_s, toDecimal128('0.0000077', 18), 18) AS vcpu_cost,
        multiplyDecimal(vcpu_s * 2, toDecimal128('0.00000096', 18), 18) AS memory_cost,
        multiplyDecimal(toDecimal128(cores * (8 + other % 20), 18), toDecimal128('0.0000077', 18), 18) AS pending
    SELECT cluster, namespace, begins, pod_uid, 1, toDate(begins), {VERSION.format(of="key")}, workflow_uid, workflow_name,
        1, step, template, department, project, concat('user-', toString(luck % 300)), 'alibaba-eci', 'cn-hangzhou',
        if(key % 3 = 0, 'spot', 'on_demand'), if(luck % 12 = 0, 'failed', 'useful'), 'USD', vcpu_cost + memory_cost,
        pending, vcpu_cost + memory_cost, vcpu_cost + memory_cost, begins + 2, finished, seconds + 8 + other % 20,
        cores, cores * 2,
        [('vcpu', vcpu_s, 'vCPU-second', toDecimal128('0.0000077', 18), vcpu_cost),
         ('memory', vcpu_s * 2, 'GiB-second', toDecimal128('0.00000096', 18), memory_cost)],
        'alibaba-eci@2026.11.1', 'eci-general-purpose', 'annotation', 'high', 'final', 'default', template_version
    {FROM}
"""
STEP_ = POD_.replace("arrayJoin(range({pods})) AS pod", "arrayJoin(range({steps})) AS pod").replace(
    "workflow * {pods} + pod AS key",
    "if(pod < {pods}, workflow * {pods}, 1000000000000 + workflow * {steps}) + pod AS key",
)
"""The pods of a workflow, and then its steps without a pod."""
STEPS = f"""
    INSERT INTO lynceus.step_run (cluster, namespace, workflow_created_at, workflow_uid, attempt, node_id, version,
        workflow_name, step, template, type, phase, started_at, finished_at, pod_uid, message, boundary_id, exit_code,
        critical, critical_ms)
    WITH {STEP_}, pod < {{pods}} AS has_pod, toString(sipHash64(workflow, intDiv(pod, 20)) % 4294967296) AS parent
    SELECT cluster, namespace, created, workflow_uid, 1, node_id, {VERSION.format(of="key")}, workflow_name, step,
        concat('step-', toString(kind % 7)), if(has_pod, 'Pod', 'StepGroup'), 'Succeeded', begins, finished,
        if(has_pod, pod_uid, ''), '', if(pod % 20 = 0, '', concat(workflow_name, '-', parent)),
        if(has_pod, 0, NULL), pod % 5 = 0, if(pod % 5 = 0, seconds * 1000 + third % 1000, 0)
    {FROM}
"""
SAMPLES = """
    INSERT INTO lynceus.queue_sample (cluster, namespace, queue, reason, at, version, depth, oldest_age_ms)
    WITH number % {queues} AS queue, intDiv(number, {queues}) AS turn,
        toDateTime64('{begin} 00:00:00', 3, 'UTC') + toIntervalSecond(turn * 15) AS sampled
    SELECT concat('cluster-', toString(queue % {clusters})), concat('team-', toString(queue)),
        concat('team-', toString(queue)), ['throttled', 'unseen'][1 + queue % 2], sampled, turn * 256,
        intDiv(turn, 200) % 50 + sipHash64(queue, intDiv(turn, 3)) % 5,
        turn % 900 * 15000 + sipHash64(queue, intDiv(turn, 40)) % 60000
    FROM numbers({first}, {rows})
"""
BY_WORKFLOW = {"workflow_run": WORKFLOWS, "pod_run": PODS, "pod_cost": CHARGES, "step_run": STEPS}


def lay(store: Store, month: Month) -> None:
    """Writes all rows and lets the store merge them, as it does in the course of a month."""
    steps = round(month.pods_per_workflow * month.steps_per_pod)
    common = {
        "begin": f"{month.begin}",
        "seconds": f"{month.days * 86_400}",
        "workflows": f"{month.workflows}",
        "templates": f"{month.templates}",
        "namespaces": f"{month.namespaces}",
        "clusters": f"{month.clusters}",
        "pods": f"{month.pods_per_workflow}",
        "steps": f"{steps}",
        "queues": f"{month.queues}",
    }
    for table, statement in BY_WORKFLOW.items():
        each = WORKFLOWS_AN_INSERT if table == "workflow_run" else max(1, WORKFLOWS_AN_INSERT // steps)
        for first, rows in _slices(month.workflows, each):
            store.command(_filled(statement, common | {"first": f"{first}", "rows": f"{rows}"}))
    for first, rows in _slices(month.days * 5760 * month.queues, WORKFLOWS_AN_INSERT):
        store.command(_filled(SAMPLES, common | {"first": f"{first}", "rows": f"{rows}"}))
    for rollup in ROLLUPS:
        for n in range(month.days + 1):
            day = f"{rollup.day_of} = toDate('{month.begin + timedelta(n)}')"
            store.command(f"INSERT INTO lynceus.{rollup.name} ({rollup.names}) {rollup.computed(day)}")
    for table in (*BY_WORKFLOW, "queue_sample", *(rollup.name for rollup in ROLLUPS)):
        store.command(f"OPTIMIZE TABLE lynceus.{table} FINAL")


def bytes_by_table(store: Store) -> dict[str, int]:
    """What the tables take on disk."""
    sizes = "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'lynceus' GROUP BY table"
    return {table: int(size) for table, size in store.query_rows(sizes)}


def rows_by_table(store: Store) -> dict[str, int]:
    """How many rows the tables have."""
    counts = "SELECT table, sum(rows) FROM system.parts WHERE active AND database = 'lynceus' GROUP BY table"
    return {table: int(rows) for table, rows in store.query_rows(counts)}


def _slices(count: int, each: int) -> Iterator[tuple[int, int]]:
    for first in range(0, count, each):
        yield first, min(each, count - first)


def _filled(statement: str, values: dict[str, str]) -> str:
    for name, text in values.items():
        statement = statement.replace(f"{{{name}}}", text)
    return statement
