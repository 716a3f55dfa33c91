"""A pipeline with shipped books in UTC: what the tests of collector/pipeline.py share."""

from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from collector.catalog.counters import Counters
from collector.catalog.metrics import Metric
from collector.core.live_view import StoreHealth
from collector.core.messages import Commit, Observation, Outcome, Position, Synced
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.rules import Rules
from collector.pipeline.pipeline import Pipeline
from collector.prices import book
from collector.prices.lookup import Books
from tests.builders import (
    NOON,
    RULES,
    SECOND,
    a_container,
    a_namespace,
    a_step,
    a_workflow,
    an_observation,
    decoded,
    ended_pod,
    pod_json,
    running_pod,
)

F = TypeVar("F")
UTC = ZoneInfo("UTC")
HEALTHY = StoreHealth(True, "", 0, 0, NOON)


@cache
def books() -> Books:
    """Shipped books, and an operator's own file that confirms the prices of ECI."""
    return book.load(["alibaba-eci", "alibaba-acs", "our-eci.yaml"], Path(__file__).parent)


def a_pipeline(*clusters: str, counters: Counters | None = None, rules: Rules = RULES) -> Pipeline:
    """A pipeline that has seen nothing yet."""
    names = clusters or ("c1",)
    return Pipeline(dict.fromkeys(names, rules), books(), UTC, Counters() if counters is None else counters)


def drained(flow: Pipeline, now: Instant = NOON) -> Commit:
    """What there is to commit."""
    commit = flow.drain(now)
    assert commit is not None
    return commit


def only(kind: type[F], facts: Iterable[object]) -> list[F]:
    """The facts of one type."""
    return [fact for fact in facts if isinstance(fact, kind)]


def counted(flow: Pipeline, metric: Metric) -> dict[tuple[str, ...], Decimal | int]:
    """A counter's series that are not 0."""
    return {labels: value for labels, value in flow.counters.series.get(metric.name, {}).items() if value}


SUBMITTED = an_observation(a_workflow(), "added")
BEGUN = an_observation(a_workflow(phase="Running", started=NOON), when=NOON + 50)
STARTED_POD = an_observation(running_pod(), when=NOON + 10 * SECOND)
ENDED_POD = an_observation(ended_pod(), when=NOON + 71 * SECOND)
DONE = an_observation(
    a_workflow(phase="Succeeded", started=NOON, finished=NOON + 71 * SECOND, nodes={"w1": a_step()}),
    when=NOON + 72 * SECOND,
)
FAILED = an_observation(
    a_workflow(phase="Failed", started=NOON, finished=NOON + 71 * SECOND, nodes={"w1": a_step(phase="Failed")}),
    when=NOON + 72 * SECOND,
)
WHOLE: list[Outcome] = [SUBMITTED, BEGUN, STARTED_POD, ENDED_POD, DONE]


def position(kind: Any = "workflows", rv: str = "7", epoch: int = 0) -> Position:
    """How far a watch has come."""
    return Position(kind, rv, epoch)


def identity(uid: str) -> list[Outcome]:
    """The namespaces of a cluster that has this identity."""
    return [an_observation(a_namespace("kube-system", uid), "listed"), Synced("namespaces", "5")]


def controller(change: Any = "modified", reason: str = "OOMKilled") -> Observation:
    """The workflow controller, its container ended a second after noon."""
    ended = a_container("workflow-controller", started=NOON, ended=NOON + SECOND, exit_code=137, reason=reason)
    pod = pod_json("ctl", owner="", namespace="argo", labels={"app": "workflow-controller"}, containers=[ended])
    return an_observation(decoded(pod, kubernetes.Pod), change)
