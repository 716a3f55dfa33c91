"""
How long the recorded workflows waited, by a reading of the raw events that shares nothing with the code under test.

An arrival is the instant at which a line of the recording was received; the cluster's own times are whole seconds.
"""

from datetime import datetime
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from tests.core.golden.test_golden import runs
from tests.replay import raw_events

FOLDERS = ("basics", "throttled", "packed")
POSTPONED = "Workflow processing has been postponed because too many workflows are already running"
Arrivals = list[tuple[int, dict[str, Any]]]


@cache
def arrivals(folder: str, kind: str) -> dict[str, Arrivals]:
    """Each object's sights by uid: when, and what was shown."""
    sights: dict[str, Arrivals] = {}
    for line in raw_events(folder, kind):
        shown = line["event"]["object"]
        sights.setdefault(shown["metadata"]["uid"], []).append((line["at"], shown))
    return sights


@cache
def pods_of(folder: str) -> dict[str, list[Arrivals]]:
    """The sights of the pods of each workflow, by its name."""
    found: dict[str, list[Arrivals]] = {}
    for sights in arrivals(folder, "pods").values():
        for owner in sights[0][1]["metadata"].get("ownerReferences", ()):
            if owner["kind"] == "Workflow":
                found.setdefault(owner["name"], []).append(sights)
    return found


def status_of(shown: dict[str, Any]) -> dict[str, Any]:
    return shown.get("status") or {}


def began_at(folder: str, sights: Arrivals) -> int:
    """The first sight of phase Running, or of a pod."""
    name = sights[0][1]["metadata"]["name"]
    running = [at for at, shown in sights if status_of(shown).get("phase") == "Running"]
    return min([*running, *(pod[0][0] for pod in pods_of(folder).get(name, ()))])


def main_runs(shown: dict[str, Any]) -> bool:
    containers = status_of(shown).get("containerStatuses") or ()
    return any(c["name"] == "main" and "running" in c.get("state", {}) for c in containers)


def first_main_at(folder: str, name: str) -> int | None:
    """The first sight of a main container running that an earlier sight had shown not to run."""
    turns = [
        at
        for sights in pods_of(folder).get(name, ())
        for (_, before), (at, shown) in pairwise(sights)
        if main_runs(shown) and not main_runs(before)
    ]
    return min(turns, default=None)


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def container_ends(folder: str, name: str) -> list[int]:
    """When the containers of the last sight of each pod ended, in whole seconds."""
    return [
        seconds(c["state"]["terminated"]["finishedAt"])
        for sights in pods_of(folder).get(name, ())
        for c in status_of(sights[-1][1]).get("containerStatuses") or ()
        if "terminated" in c.get("state", {})
    ]


@pytest.mark.parametrize(("folder", "count"), [("basics", 0), ("throttled", 60), ("packed", 0)])
def test_each_postponed_workflow_waited_to_the_millisecond(folder: str, count: int) -> None:
    """From the sight of the controller's message to the first pod or phase Running, workflow by workflow."""
    expected = {}
    for sights in arrivals(folder, "workflows").values():
        put_off = [at for at, shown in sights if status_of(shown).get("message") == POSTPONED]
        if put_off:
            expected[sights[0][1]["metadata"]["name"]] = began_at(folder, sights) - put_off[0]
    found = {name: run.throttled_ms for name, run in runs(folder).items() if run.throttled_ms}

    assert found == expected
    assert len(found) == count


@pytest.mark.parametrize(("folder", "count"), [("basics", 20), ("throttled", 111), ("packed", 1)])
def test_each_start_is_from_the_first_sight_to_the_first_main_container(folder: str, count: int) -> None:
    """Both on our clock; a workflow without a pod that was seen to start has none."""
    found = {name: run.start_latency_ms for name, run in runs(folder).items() if run.start_latency_source == "watch"}
    expected = {
        sights[0][1]["metadata"]["name"]: began - sights[0][0]
        for sights in arrivals(folder, "workflows").values()
        if (began := first_main_at(folder, sights[0][1]["metadata"]["name"])) is not None
    }

    assert found == {name: ms for name, ms in expected.items() if name in runs(folder)}
    assert len(found) == count


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_delay_is_from_the_last_container_to_the_controllers_word(folder: str) -> None:
    """Of those that went well; what ends later than its workflow delayed nothing."""
    for name, run in runs(folder).items():
        if run.outcome == "succeeded" and run.finished_at is not None:
            end = run.finished_at // 1000
            in_time = [at for at in container_ends(folder, name) if at <= end]

            assert run.completion_delay_ms == (end - max(in_time)) * 1000
