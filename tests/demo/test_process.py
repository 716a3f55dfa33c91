"""What the simulated controller counts of itself, read as the collector reads it."""

from functools import cache

from prometheus_client.parser import text_string_to_metric_families

from collector.core.messages import ControllerMetrics
from collector.demo.installation import REPLICAS
from collector.demo.load import ClusterLoad
from collector.demo.process import VERSION, ControllerProcess
from collector.watch.controller_poll import metrics
from tests.demo.simulated import NOON, batches, cluster

EVERY_S = 10


@cache
def readings(name: str, pod: str) -> list[ControllerMetrics]:
    """The metrics of a controller's pod, read every ten seconds of four minutes; none while it does not run."""
    load, due, read = ClusterLoad(cluster(name), seed=1), NOON, []
    for now, _ in batches(load, 240):
        if now >= due:
            due += EVERY_S
            text = load.exposition(pod, now)
            read += [metrics(text.encode())] if text is not None else []
    return [found for found in read if found]


def test_a_busy_controller_has_every_figure() -> None:
    """Some answers are refusals, bursts wait for the rate limit, workers are busy now and then, and a template is missing."""
    read = readings("prod-sh", REPLICAS[0])
    last = read[-1]

    assert {found.version for found in read} == {VERSION}
    assert {"200", "201", "409", "429"} <= set(last.counters.requests)
    assert last.counters.requests["429"] < last.counters.requests["200"] / 20
    assert (last.counters.api_wait_s or 0) > 0
    assert max(found.workers_busy["workflow_queue"] for found in read) > min(
        found.workers_busy["workflow_queue"] for found in read
    )
    assert last.counters.errors == {
        "CronWorkflowSpecError": 0, "CronWorkflowSubmissionError": 3, "OperationPanic": 0
    }  # fmt: skip


def test_counters_of_one_process_never_fall_and_those_of_the_next_begin_at_0() -> None:
    """The leader is killed before the first minute is over, and the other replica counts from its own start."""
    first, second = (readings("prod-hz", pod) for pod in REPLICAS)
    before = [found.counters.requests["200"] for found in first if found.counters.started_at]
    after = [found.counters.requests["200"] for found in second if found.counters.started_at]

    assert before == sorted(before)
    assert after == sorted(after)
    assert after[0] < before[-1]
    assert {found.counters.started_at for found in first} == {None, NOON}
    assert len({found.counters.started_at for found in second}) == 2


def test_a_request_beyond_the_rate_waits() -> None:
    """30 are free at once; the next two wait for 1/20 and 2/20 s, and after a second of rest none does."""
    process = ControllerProcess(NOON)
    for _ in range(32):
        process.request("Create", "pods", NOON)
    process.request("Create", "pods", NOON + 1)

    text = "\n".join(process.lines()) + "\n"
    samples = {s.name: s.value for family in text_string_to_metric_families(text) for s in family.samples}
    assert samples["argo_workflows_client_rate_limiter_latency_sum"] == 0.15
    assert samples["argo_workflows_client_rate_limiter_latency_count"] == 33
