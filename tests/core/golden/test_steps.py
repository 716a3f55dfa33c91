"""
The steps of the recorded workflows, and the facts that follow.

The literals were counted on the raw JSON by a script of its own, on the last MODIFIED of each workflow, never printed by the
code under test.
"""

from collections import Counter
from functools import cache

import pytest

from collector.core.facts.workflows import StepRun
from collector.core.objects import kubernetes
from collector.core.objects.status_nodes import parse_nodes
from collector.core.workflow import outcome
from collector.core.workflow.outcome import Ending
from collector.core.workflow.steps import Owner, step_runs
from tests.replay import observations


@cache
def last(folder: str) -> dict[str, kubernetes.Workflow]:
    """Each workflow as its last change showed it, by name."""
    seen = (o.object for o in observations(folder) if o.kind == "workflows" and o.change == "modified")
    return {w.metadata.name or "": w for w in seen if isinstance(w, kubernetes.Workflow)}


def rows(folder: str, name: str) -> list[StepRun]:
    """The steps of one workflow."""
    workflow = last(folder)[name]
    status = workflow.status or kubernetes.WorkflowStatus()
    owner = Owner(
        cluster="c1", namespace="", workflow_created_at=kubernetes.parse_time(workflow.metadata.creationTimestamp) or 0,
        workflow_uid=workflow.metadata.uid or "", workflow_name=name, attempt=1,
        started_at=kubernetes.parse_time(status.startedAt), finished_at=kubernetes.parse_time(status.finishedAt),
    )  # fmt: skip
    return step_runs(owner, parse_nodes(status).nodes, {}, {}, version=1)


def all_rows(folder: str) -> list[StepRun]:
    return [row for name in last(folder) for row in rows(folder, name)]


def path(folder: str, name: str) -> dict[str, int]:
    """The critical path by display name, in seconds, in order of time."""
    critical = sorted((r for r in rows(folder, name) if r.critical), key=lambda r: r.started_at or 0)
    return {row.step: row.critical_ms // 1000 for row in critical}


@pytest.mark.parametrize(
    ("folder", "steps"),
    [
        ("basics", {
            ("Pod", "Succeeded"): 54, ("Pod", "Failed"): 9, ("Retry", "Succeeded"): 1, ("Retry", "Failed"): 2,
            ("Suspend", "Succeeded"): 1, ("Container", "Succeeded"): 2,
        }),
        ("throttled", {("Pod", "Succeeded"): 1310}),
        ("packed", {("Pod", "Succeeded"): 150}),
    ],
)  # fmt: skip
def test_each_finished_step_has_a_row(folder: str, steps: dict[tuple[str, str], int]) -> None:
    """Frames (groups of parallel steps, a DAG at the root) are none. In `basics` three pods never finished."""
    assert Counter((row.type, row.phase) for row in all_rows(folder)) == steps


@pytest.mark.parametrize(
    ("folder", "tries", "retried", "hooks", "codes"),
    [
        ("basics", {1: 65, 2: 2, 3: 2}, 4, 2, {0: 53, 1: 3, 137: 3, None: 10}),
        ("throttled", {1: 1310}, 0, 0, {0: 1310}),
        ("packed", {1: 150}, 0, 0, {0: 150}),
    ],
)
def test_tries_hooks_and_exit_codes(
    folder: str, tries: dict[int, int], retried: int, hooks: int, codes: dict[int | None, int]
) -> None:
    """Three Retry nodes with seven tries; four pods have no exit code: three were stopped or evicted, one is a daemon."""
    made = all_rows(folder)

    assert Counter(row.try_number for row in made) == tries
    assert (sum(r.retried for r in made), sum(r.hook for r in made), sum(r.memoized for r in made)) == (
        retried,
        hooks,
        0,
    )
    assert Counter(row.exit_code for row in made) == codes


@pytest.mark.parametrize(
    ("name", "retries", "retried"),
    [("retry-then-ok", 2, {"(0)", "(1)"}), ("retry-exhausted-oom", 2, {"(0)", "(1)"}), ("evicted", 0, set())],
)
def test_all_tries_but_the_last_were_retried(name: str, retries: int, retried: set[str]) -> None:
    """The flag on the children says it of the last as well."""
    nodes = parse_nodes(last("basics")[name].status).nodes

    assert outcome.retries(nodes) == retries
    assert {row.step.removeprefix(name) for row in rows("basics", name) if row.retried} == retried


@pytest.mark.parametrize(
    ("folder", "name", "parts", "length"),
    [
        ("basics", "dag-diamond", {"extract": 3, "label-right": 3, "merge": 3}, 12),
        ("basics", "retry-exhausted-oom", {f"retry-exhausted-oom({i})": s for i, s in enumerate((2, 1, 1))}, 7),
        ("basics", "exit-handler", {"build": 2, "test": 1, "exit-handler.onExit": 1}, 7),
        ("basics", "template-lock", {"load(3:3)": 8}, 8),
        ("basics", "suspend-short", {"wait": 5, "go": 1}, 7),
        ("basics", "daemon-sidecar", {"server": 1, "client": 2}, 4),
        ("basics", "container-set", {"container-set": 2}, 2),
        ("basics", "fanout-30", {"scenario(5:5)": 3}, 3),
        ("basics", "invalid-ref", {}, 0),
        ("packed", "packed-150", {"scenario-with-a-long-descriptive-name(121:121)": 4}, 6),
        ("throttled", "replay-1200", {"scenario-with-a-long-descriptive-name(1189:1189)": 2}, 56),
    ],
)
def test_the_path_of_a_workflow(folder: str, name: str, parts: dict[str, int], length: int) -> None:
    """
    What is missing to its length the controller took between two steps, or before the first pod and after the last.

    Of parallel steps that ended last in one second the longest: 24 of 30, 30 of 150 and 27 of 1,200 did.
    """
    status = last(folder)[name].status or kubernetes.WorkflowStatus()

    assert path(folder, name) == parts
    assert (kubernetes.parse_time(status.finishedAt) or 0) - (
        kubernetes.parse_time(status.startedAt) or 0
    ) == length * 1000


@pytest.mark.parametrize(
    ("name", "ended"),
    [
        ("retry-exhausted-oom", Ending("failed", "oom", "retry-exhausted-oom-212301024", "retry-exhausted-oom(2)")),
        ("evicted", Ending("platform", "evicted", "evicted-439679706", "evicted(0)")),
        ("exit-handler", Ending("failed", "exit_1", "exit-handler-891854011", "test")),
        ("to-stop", Ending("cancelled", "stop")),
        ("invalid-ref", Ending("invalid", "invalid_spec")),
        ("retry-then-ok", Ending("succeeded")),
    ],
)
def test_the_step_that_decided(name: str, ended: Ending) -> None:
    """The earliest that was not taken back; what somebody stopped no step decided."""
    workflow = last("basics")[name]
    status, spec = workflow.status or kubernetes.WorkflowStatus(), workflow.spec or kubernetes.WorkflowSpec()
    leaves = outcome.failed_leaves(parse_nodes(status).nodes)

    assert outcome.ending(status.phase or "", status.message or "", spec.shutdown or "", leaves) == ended
