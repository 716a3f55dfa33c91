"""
Recordings of three real control planes, and the facts that follow.

The literals were read off the recordings by a script of its own on the raw JSON, never printed by the code under test.
"""

from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector.core.cluster.effects import Began, Effect, Ended, PodEnded, Submitted
from collector.core.cluster.state import Cluster
from collector.core.cost import charge as billing
from collector.core.facts.bills import PodCost, PodRun
from collector.core.facts.workflows import ControllerIncident, WorkflowRun
from collector.core.model import REASONS
from collector.core.objects import kubernetes
from collector.core.workflow.payer import payer_of
from collector.prices import book
from tests.builders import read_nodes
from tests.replay import RULES, observations

FOLDERS = ("basics", "throttled", "packed")
Replayed = tuple[Cluster, list[Effect], dict[str, PodCost]]


@cache
def replayed(folder: str) -> Replayed:
    """A cluster after a recording, its effects, and each pod's last charge by the pod's name."""
    cluster, books = Cluster("c1", RULES), book.load(["alibaba-eci", "alibaba-acs"], Path())
    reported: list[Effect] = []
    charges: dict[str, PodCost] = {}
    for seen in observations(folder):
        for effect in cluster.observe(seen):
            reported.append(effect)
            if isinstance(effect, PodEnded):
                pod, payer = effect.pod, payer_of(effect.workflow)
                for charge in billing.charges(pod.run, payer, books, ZoneInfo("UTC"), seen.at):
                    charges[pod.run.name] = charge
    return cluster, reported, charges


def runs(folder: str) -> dict[str, WorkflowRun]:
    """The last row of each workflow, by name."""
    return {h.name: h for h in replayed(folder)[1] if isinstance(h, WorkflowRun)}


def pod_runs(folder: str) -> dict[str, PodRun]:
    """The last row of each pod, by name."""
    return {h.name: h for h in replayed(folder)[1] if isinstance(h, PodRun)}


def spent(run: WorkflowRun) -> dict[str, int]:
    """What an attempt's time went to, without the zeros."""
    columns = {reason: getattr(run, f"{reason}_ms") for reason in REASONS}
    return {reason: ms for reason, ms in columns.items() if ms}


def reported(folder: str, kind: type[object]) -> int:
    return sum(isinstance(h, kind) for h in replayed(folder)[1])


# All three.


@pytest.mark.parametrize(
    ("folder", "submitted", "began", "ended", "pods"),
    [("basics", 24, 23, 21, 60), ("throttled", 111, 111, 111, 1310), ("packed", 1, 1, 1, 150)],
)
def test_each_beginning_and_end_is_reported_once(
    folder: str, submitted: int, began: int, ended: int, pods: int
) -> None:
    """In `basics` one workflow is invalid and never begins, three never end, and six pods never do."""
    found = (reported(folder, Submitted), reported(folder, Began), reported(folder, Ended), len(pod_runs(folder)))

    assert found == (submitted, began, ended, pods)
    assert len(runs(folder)) == ended


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_reasons_sum_to_the_length_of_an_attempt(folder: str) -> None:
    """
    Within 1.5 s: the sum is from arrival to arrival on our clock, created and finished are the cluster's, in whole seconds.

    Each end is off by less than a second of grain, and an arrival lags by the time of a watch event.
    """
    off = {
        name: sum(spent(run).values()) - ((run.finished_at or 0) - run.created_at) for name, run in runs(folder).items()
    }

    assert {name: ms for name, ms in off.items() if abs(ms) > 1500} == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_everything_was_seen(folder: str) -> None:
    """The recordings begin before their first workflow and have no gap."""
    assert {run.complete for run in runs(folder).values()} == {True}
    assert {run.latency_source for run in runs(folder).values()} - {"watch"} <= {""}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_ended_pod_lacks_its_instants(folder: str) -> None:
    """Scheduled, started and ended in this order, in whatever order the annotations arrived."""
    for pod in pod_runs(folder).values():
        instants = [pod.created_at, pod.scheduled_at, pod.main_started_at, pod.finished_at]

        assert None not in instants
        assert instants == sorted(i for i in instants if i is not None)


@pytest.mark.parametrize("folder", FOLDERS)
def test_rows_of_one_key_have_rising_versions(folder: str) -> None:
    """A row that is written again replaces the one before, in whatever order rows are inserted."""
    newest: dict[tuple[str, str, int], int] = {}
    for row in replayed(folder)[1]:
        if isinstance(row, (WorkflowRun, PodRun)):
            key = (type(row).__name__, row.uid, row.attempt)
            assert row.version > newest.get(key, 0)
            newest[key] = row.version


# basics.


OUTCOMES = {
    "dag-diamond": ("succeeded", "", 4, 0, 0),
    "fanout-30": ("succeeded", "", 30, 0, 0),
    "retry-then-ok": ("succeeded", "", 3, 2, 2),
    "retry-exhausted-oom": ("failed", "oom", 3, 3, 2),
    "evicted": ("platform", "evicted", 1, 1, 0),
    "exit-handler": ("failed", "exit_1", 3, 1, 0),
    "suspend-short": ("succeeded", "", 1, 0, 0),
    "invalid-ref": ("invalid", "invalid_spec", 0, 0, 0),
    "to-terminate": ("cancelled", "terminate", 1, 0, 0),
    "to-stop": ("cancelled", "stop", 2, 0, 0),
    "nightly-backtest-pfvdt": ("succeeded", "", 1, 0, 0),
    "gpu-1": ("succeeded", "", 1, 0, 0),
    "gpu-2": ("succeeded", "", 1, 0, 0),
    "gpu-3": ("succeeded", "", 1, 0, 0),
    "mutex-1": ("succeeded", "", 1, 0, 0),
    "mutex-2": ("succeeded", "", 1, 0, 0),
    "template-lock": ("succeeded", "", 4, 0, 0),
    "daemon-sidecar": ("succeeded", "", 2, 0, 0),
    "container-set": ("succeeded", "", 1, 0, 0),
    "every-minute-1795353780": ("succeeded", "", 1, 0, 0),
    "every-minute-1795353840": ("succeeded", "", 1, 0, 0),
}
"""Outcome, reason, pods, failed pods, retries."""

LATENCIES = {
    "dag-diamond": 74, "fanout-30": 63, "retry-then-ok": 54, "retry-exhausted-oom": 154, "evicted": 142,
    "exit-handler": 101, "suspend-short": 31, "invalid-ref": None, "to-terminate": 133, "to-stop": 113,
    "nightly-backtest-pfvdt": 121, "gpu-1": 35, "gpu-2": 72, "gpu-3": 6639, "mutex-1": 97, "mutex-2": 5715,
    "template-lock": 150, "daemon-sidecar": 37, "container-set": 48, "every-minute-1795353780": 20,
    "every-minute-1795353840": 17,
}  # fmt: skip
"""From the workflow's arrival to the arrival of its first pod or of phase Running, whichever was first."""


def test_basics_ends_as_it_ended() -> None:
    """Each way in which a workflow can end, by name."""
    found = {n: (r.outcome, r.reason, r.pods, r.failed_pods, r.retries) for n, r in runs("basics").items()}

    assert found == OUTCOMES


def test_basics_queued_as_long_as_it_queued() -> None:
    """An idle controller takes 17 to 154 ms; locks take seconds; an invalid spec never begins."""
    assert {name: run.queue_latency_ms for name, run in runs("basics").items()} == LATENCIES


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpu-3", {"unseen": 89, "lock": 6550, "starting": 555, "running": 4018, "advancing": 1015}),
        ("mutex-2", {"unseen": 73, "lock": 5642, "starting": 553, "running": 3011, "advancing": 1010}),
        ("template-lock", {"unseen": 150, "step_lock": 2431, "starting": 584, "running": 4897, "advancing": 244}),
        ("suspend-short", {"unseen": 31, "suspended": 4135, "starting": 547, "running": 1015, "advancing": 465}),
        ("dag-diamond", {"unseen": 74, "starting": 2312, "running": 6071, "advancing": 3011}),
        ("fanout-30", {"unseen": 63, "starting": 400, "running": 2413, "advancing": 254}),
        ("evicted", {"unseen": 142, "starting": 786, "running": 922, "advancing": 373}),
        ("to-stop", {"unseen": 113, "starting": 981, "running": 13801}),
        ("invalid-ref", {"unseen": 17}),
    ],
)
def test_basics_waited_for_what_it_waited_for(name: str, expected: dict[str, int]) -> None:
    """Each reason's milliseconds, by the arrival of the updates of controller and kubelets."""
    assert spent(runs("basics")[name]) == expected


def test_basics_leaves_three_workflows_that_never_end() -> None:
    """Their deadline passes, and their pods could not be signalled."""
    cluster, _, _ = replayed("basics")
    living = {
        workflow_state.name: workflow_state.attempt.reason
        for workflow_state in cluster.workflows.values()
        if not workflow_state.attempt.finished
    }

    assert living == {"deadline": "running", "image-pull-stuck": "image", "unschedulable": "unschedulable"}
    assert [(w.reason, w.count, w.begun) for w in cluster.waiting()] == [
        ("running", 1, True),
        ("image", 1, True),
        ("unschedulable", 1, True),
    ]


def test_basics_forgets_what_was_deleted() -> None:
    """Two runs of a cron went with their TTL, their pods before them; the pods' stream has come as far by then."""
    cluster, _, _ = replayed("basics")
    cluster.tracked.release_until("pods", 1 << 62)

    assert (len(cluster.workflows), len(cluster.pods)) == (22, 64)


def test_basics_pods_ended_as_they_ended() -> None:
    """Six of 66 did not: two outlive their terminated workflow, one is a daemon, three hang with their workflow."""
    cluster, _, _ = replayed("basics")
    ended = Counter((run.namespace, run.phase, run.reason) for run in pod_runs("basics").values())

    assert ended == {
        ("simulation", "Succeeded", ""): 32, ("perception", "Succeeded", ""): 8, ("mapping", "Succeeded", ""): 6,
        ("ci", "Succeeded", ""): 4, ("quant", "Succeeded", ""): 3, ("mapping", "Failed", "OOMKilled"): 3,
        ("perception", "Failed", "Error"): 2, ("ci", "Failed", "Error"): 1, ("mapping", "Failed", "Evicted"): 1,
    }  # fmt: skip
    assert sorted(pod.run.name for pod in cluster.pods.values() if pod.stage != "finished") == [
        "daemon-sidecar-server-640298368", "deadline", "image-pull-stuck", "to-stop", "to-terminate", "unschedulable",
    ]  # fmt: skip


def test_basics_pods_know_their_step() -> None:
    """Step, template, exit code and requests of a pod, and the machine it ran on."""
    pod = pod_runs("basics")["retry-exhausted-oom-main-2426549374"]

    assert (pod.step, pod.template, pod.node_id) == (
        "retry-exhausted-oom(0)", "main", "retry-exhausted-oom-2426549374",
    )  # fmt: skip
    assert (pod.workflow_name, pod.owner_kind, pod.attempt, pod.exit_code) == (
        "retry-exhausted-oom", "Workflow", 1, 137,
    )  # fmt: skip
    assert (pod.cpu, pod.memory_bytes, pod.region, pod.zone) == (
        Decimal(1), 512 * 1024**2, "cn-hangzhou", "cn-hangzhou-h",
    )  # fmt: skip
    assert pod.pricing["k8s.aliyun.com/eci-spot-strategy"] == "SpotAsPriceGo"


def test_basics_is_paid_by_label_or_namespace() -> None:
    """The workflow's own label goes before its namespace's."""
    owners = {name: run.department for name, run in runs("basics").items()}

    assert {owners[n] for n in ("dag-diamond", "gpu-1", "container-set", "daemon-sidecar")} == {"autonomy"}
    assert {owners[n] for n in ("mutex-1", "evicted")} == {"hd-map"}
    assert {owners[n] for n in ("exit-handler", "every-minute-1795353780")} == {"platform"}
    assert runs("basics")["nightly-backtest-pfvdt"].template == "nightly-backtest"
    assert runs("basics")["every-minute-1795353780"].template == "every-minute"


COSTS = {
    "dag-diamond-work-3355808253": (3, "0.00005772", "0.00001924", "on_demand", "useful"),
    "retry-then-ok-main-1982399623": (2, "0.00001924", "0.00000962", "on_demand", "retried"),
    "retry-then-ok-main-1915583337": (2, "0.00001924", "0.00000962", "on_demand", "useful"),
    "suspend-short-ok-1620050141": (1, "0.000002405", "0", "on_demand", "useful"),
    "to-stop-bye-4188583178": (1, "0.00001924", "0.00001924", "on_demand", "cancelled"),
    "gpu-3": (5, "0.0004616", "0.00009232", "on_demand", "useful"),
    "fanout-30-work-3469971181": (2, "0.00000102", "0.00000051", "best_effort", "useful"),
    "fanout-30-work-2491637701": (3, "0.00000153", "0.00000051", "best_effort", "useful"),
    "container-set": (2, "0.00000516", "0.00000258", "on_demand", "useful"),
    "mutex-1": (4, None, None, "spot", "useful"),
    "evicted-main-439679706": (1, None, None, "spot", "failed"),
    "retry-exhausted-oom-main-2426549374": (1, None, None, "spot", "retried"),
    "retry-exhausted-oom-main-212301024": (1, None, None, "spot", "failed"),
    "exit-handler-ok-119570224": (2, "0.00000481", "0.000002405", "on_demand", "failed"),
}
"""Seconds, cost, cost before main started, purchase, class."""


@pytest.mark.parametrize("name", COSTS)
def test_basics_costs_what_it_costs(name: str) -> None:
    """ECI and ACS by the annotation, best effort at its own price, spot without one."""
    charge = replayed("basics")[2][name]
    seconds, cost, pending, purchase, class_ = COSTS[name]

    assert (charge.billed_seconds, charge.purchase, charge.class_) == (seconds, purchase, class_)
    assert (charge.cost, charge.cost_pending) == (cost and Decimal(cost), pending and Decimal(pending))


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        (
            "basics",
            {
                ("simulation", "alibaba-acs", "best_effort"): (30, 62, Decimal("0.00003162")),
                ("simulation", "alibaba-acs", "on_demand"): (2, 4, Decimal("0.00001032")),
                ("perception", "alibaba-eci", "on_demand"): (10, 31, Decimal("0.00148876")),
                ("quant", "alibaba-eci", "on_demand"): (3, 4, Decimal("0.000040885")),
                ("mapping", "alibaba-eci", "spot"): (10, 19, None),
                ("ci", "alibaba-eci", "on_demand"): (5, 6, Decimal("0.0000481")),
            },
        ),
        (
            "throttled",
            {
                ("simulation", "alibaba-acs", "on_demand"): (1270, 2745, Decimal("0.00765228")),
                ("perception", "alibaba-eci", "on_demand"): (40, 75, Decimal("0.00072150")),
            },
        ),
        ("packed", {("simulation", "alibaba-acs", "on_demand"): (150, 462, Decimal("0.00119196"))}),
    ],
)
def test_a_recording_costs_what_its_pods_cost(folder: str, expected: object) -> None:
    """Pods, billed seconds and cost by namespace, product and purchase; pods of `ci` carry no word of a spec: requests."""
    found: dict[tuple[str, str, str], tuple[int, int, Decimal | None]] = {}
    for c in replayed(folder)[2].values():
        key = (c.namespace, c.product, c.purchase)
        pods, seconds, cost = found.get(key, (0, 0, None if c.cost is None else Decimal(0)))
        found[key] = (pods + 1, seconds + c.billed_seconds, None if cost is None or c.cost is None else cost + c.cost)

    assert found == expected


# throttled.


def test_throttled_queued_for_what_it_queued_for() -> None:
    """60 of 111 were put off, together for as long as from the postponing to the first pod or phase Running of each."""
    found = list(runs("throttled").values())

    assert sum(run.throttled_ms > 0 for run in found) == 60
    assert sum(run.throttled_ms for run in found) == 297_110
    assert sum(run.queue_latency_ms or 0 for run in found) == 301_451


def test_throttled_begins_with_the_first_pod() -> None:
    """The status turned Running 11.9 s after the first of 1,200 pods arrived."""
    run = runs("throttled")["replay-1200"]

    assert (run.queue_latency_ms, run.pods, run.outcome) == (81, 1200, "succeeded")
    assert (run.first_pod_at, run.picked_up_at) == (run.first_seen_at + 81, run.first_seen_at + 81)


def test_throttled_loses_its_controller_three_times() -> None:
    """Two OOM kills, the crash loop they led to and a restart, each once, though nine events show them."""
    incidents = [h for h in replayed("throttled")[1] if isinstance(h, ControllerIncident)]

    assert [(i.kind, i.reason, i.exit_code, i.at, i.memory_limit_bytes) for i in incidents] == [
        ("oom_kill", "OOMKilled", 137, 1_795_353_923_000, 1024**3),
        ("oom_kill", "OOMKilled", 137, 1_795_353_927_000, 1024**3),
        ("crash_loop", "CrashLoopBackOff", None, 1_795_353_927_001, 1024**3),
        ("restart", "Error", 1, 1_795_353_932_000, 1024**3),
    ]


def test_throttled_leaves_nothing_waiting() -> None:
    """All 111 ended well."""
    cluster, _, _ = replayed("throttled")

    assert cluster.waiting() == []
    assert {run.outcome for run in runs("throttled").values()} == {"succeeded"}


# packed.


def test_packed_is_read_though_it_is_packed() -> None:
    """150 pods below a Steps node and a group; phase Running arrived 2.9 s after the first pod."""
    run = runs("packed")["packed-150"]
    last = [seen.object for seen in observations("packed") if seen.kind == "workflows"][-1]
    assert isinstance(last, kubernetes.Workflow)
    steps = Counter((node.type, node.phase) for node in read_nodes(last.status).values())

    assert (run.pods, run.failed_pods, run.outcome, run.queue_latency_ms) == (150, 0, "succeeded", 50)
    assert steps == {("Pod", "Succeeded"): 150, ("Steps", "Succeeded"): 1, ("StepGroup", "Succeeded"): 1}
    assert spent(run) == {"unseen": 50, "starting": 631, "running": 5423, "advancing": 213}
