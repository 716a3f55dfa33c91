"""A cluster that observes objects: what the tests of core/cluster/ share."""

from collections.abc import Iterable
from typing import Any, TypeVar

from collector.core.cluster.effects import Effect
from collector.core.cluster.state import Cluster
from collector.core.messages import Observation
from collector.core.rules import Rules
from tests.builders import (
    MINUTE,
    NOON,
    RULES,
    SECOND,
    a_step,
    a_workflow,
    an_observation,
)

H = TypeVar("H")


def feed(cluster: Cluster, *seen: Observation) -> list[Effect]:
    """What follows from some observations, one after another."""
    return [h for one in seen for h in cluster.observe(one)]


def only(kind: type[H], effects: Iterable[object]) -> list[H]:
    """The effects of one type."""
    return [h for h in effects if isinstance(h, kind)]


def a_cluster(rules: Rules = RULES) -> Cluster:
    """A cluster that knows nothing yet."""
    return Cluster("c1", rules)


def submitted(uid: str = "w1", when: int = NOON) -> Observation:
    """A workflow that the controller has not processed yet."""
    return an_observation(a_workflow(uid), "added", when=when)


def running(uid: str = "w1", when: int = NOON + SECOND) -> Observation:
    """It runs since a second after noon."""
    return an_observation(a_workflow(uid, phase="Running", started=NOON + SECOND), when=when)


def finished(uid: str = "w1", when: int = NOON + 2 * MINUTE, phase: str = "Succeeded", **more: Any) -> Observation:
    """It ended two minutes after noon."""
    done: dict[str, Any] = {
        "started": NOON + SECOND,
        "finished": NOON + 2 * MINUTE,
        "nodes": {uid: a_step(phase)},
        **more,
    }
    return an_observation(a_workflow(uid, phase=phase, **done), when=when)


def depth(cluster: Cluster) -> dict[str, int]:
    """Live workflows by reason."""
    return {w.reason: w.count for w in cluster.waiting()}
