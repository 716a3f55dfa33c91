"""What events say about our objects, and how little follows from it."""

from collections import Counter
from typing import Any

import msgspec
import pytest

from collector.core.change_log import ChangeLog
from collector.core.facts.bills import PodRun
from collector.core.messages import Observation
from collector.core.objects import kubernetes
from collector.core.pod.events import (
    MESSAGE_CHARACTERS,
    RECLAIM_MS,
    EventHint,
    EventHints,
    HintKind,
    confirmed_reclaim,
    hint,
)
from tests.builders import NOON, SECOND, a_pod_run, an_observation, iso
from tests.replay import raw_events

MINUTE = 60 * SECOND


def an_event(
    reason: str = "FailedScheduling", message: str = "", *, about: str = "p1", at: int = NOON, **more: Any
) -> kubernetes.KubernetesEvent:
    reported: dict[str, Any] = {
        "metadata": kubernetes.Meta(uid="e1"),
        "involvedObject": kubernetes.Reference(kind="Pod", uid=about),
        "type": "Warning",
        "lastTimestamp": iso(at),
    }
    return kubernetes.KubernetesEvent(reason=reason, message=message, **(reported | more))


def kind_of(reason: str, message: str = "") -> str:
    found = hint(an_event(reason, message))
    assert found
    return found.kind


def test_a_warning_about_a_pod_is_a_hint() -> None:
    """Object, kind and time, with the message of the component that sent the event."""
    stated = hint(an_event("FailedScheduling", "0/9 nodes are available"))

    assert stated == EventHint("p1", "scheduling", "FailedScheduling", "0/9 nodes are available", NOON)


@pytest.mark.parametrize(
    ("reason", "message", "kind"),
    [
        ("SpotToBeReleased", "Spot ECI will be released in 3 minutes", "spot"),
        ("Preempted", "by a pod on node n1", "preempted"),
        ("Evicted", "The node was low on resource: memory.", "evicted"),
        ("OOMKilling", "Memory cgroup out of memory", "oom"),
        ("NodeNotReady", "Node is not ready", "node"),
        ("FailedMount", "Unable to attach or mount volumes", "volume"),
        ("FailedCreate", 'pods "x" is forbidden: exceeded quota: gpu', "quota"),
        ("ProviderCreateFailed", "OperationDenied.NoStock", "stock"),
        ("Failed", "Error: ErrImagePull", "image"),
        ("Failed", 'Failed to pull image "nope"', "image"),
        ("BackOff", "Back-off pulling image", "image"),
        ("BackOff", "Back-off restarting failed container main", "other"),
        ("WorkflowNodeFailed", "Failed node a: exceeded quota", "workflow"),
        ("SomethingNew", "", "other"),
    ],
)
def test_reason_and_words_show_what_it_is_about(reason: str, message: str, kind: str) -> None:
    """A reason that says it itself first, then the words."""
    assert kind_of(reason, message) == kind


@pytest.mark.parametrize(
    "more",
    [
        {"type": "Normal"},
        {"involvedObject": None},
        {"involvedObject": kubernetes.Reference(kind="Pod")},
        {"involvedObject": kubernetes.Reference(kind="Service", uid="s1")},
        {"lastTimestamp": None},
    ],
)
def test_what_is_no_warning_about_ours_or_has_no_instant_is_no_hint(more: dict[str, Any]) -> None:
    """Most events of a cluster are about others."""
    assert hint(an_event(**more)) is None


def test_newer_events_show_their_time_elsewhere() -> None:
    """events.k8s.io leaves lastTimestamp empty; what has neither was at least made some time."""
    newer = an_event(lastTimestamp=None, eventTime="2026-11-22T12:00:01.5Z")
    older = an_event(lastTimestamp=None, metadata=kubernetes.Meta(creationTimestamp=iso(NOON)))

    assert [h.at for h in map(hint, (newer, older)) if h] == [NOON + 1500, NOON]


def test_long_words_are_cut() -> None:
    """A scheduler lists every node."""
    stated = hint(an_event(message="x" * 5000))

    assert stated
    assert len(stated.message) == MESSAGE_CHARACTERS


def test_an_event_that_states_nothing_but_its_object_is_still_taken() -> None:
    """Reason and message may be null."""
    stated = hint(an_event(reason=None, message=None))  # type: ignore[arg-type]

    assert stated == EventHint("p1", "other", "", "", NOON)


def observed(event: kubernetes.KubernetesEvent, change: Any = "added") -> Observation:
    return an_observation(event, change)


def test_the_last_hint_of_each_object_is_kept() -> None:
    """As long as the object lives."""
    hints = EventHints(ChangeLog())
    hints.take(observed(an_event("FailedScheduling")))
    last = hints.take(observed(an_event("FailedMount"), "modified"))
    hints.take(observed(an_event(about="p2")))
    kept = hints.of("p1")
    hints.forget("p1")
    hints.forget("p1")

    assert kept == last
    assert kept
    assert kept.kind == "volume"
    assert hints.of("p1") is None
    assert len(hints) == 1


def test_an_event_that_expires_is_no_news() -> None:
    """The server deletes each after an hour and says so."""
    hints = EventHints(ChangeLog())

    assert hints.take(observed(an_event(), "deleted")) is None
    assert hints.take(observed(an_event(type="Normal"))) is None
    assert len(hints) == 0


def test_a_notice_of_release_outlasts_its_consequences() -> None:
    """The node is not ready because the instance goes; an hour later it is a story of its own."""
    hints = EventHints(ChangeLog())
    hints.take(observed(an_event("SpotToBeReleased")))
    soon = hints.take(observed(an_event("NodeNotReady", at=NOON + 3 * MINUTE)))
    late = hints.take(observed(an_event("NodeNotReady", at=NOON + RECLAIM_MS + SECOND)))

    assert soon
    assert late
    assert (soon.kind, late.kind) == ("spot", "node")


def test_a_notice_that_is_let_go_is_reported_to_be_forgotten() -> None:
    """Or its checkpoint would stay for ever; other hints have none."""
    changes = ChangeLog()
    hints = EventHints(changes)
    for reason, about in (("SpotToBeReleased", "p1"), ("NodeNotReady", "p2")):
        hints.take(observed(an_event(reason, about=about)))
    assert changes.drain() == [("hints", "p1")]

    for uid in ("p1", "p2", "p3"):
        hints.forget(uid)

    assert changes.drain() == [("hints", "p1")]


def test_hints_are_bounded() -> None:
    """The one that was touched longest ago goes first."""
    hints = EventHints(ChangeLog(), most=2)
    for about in ("p1", "p2", "p1", "p3"):
        hints.take(observed(an_event(about=about)))

    assert len(hints) == 2
    assert hints.of("p2") is None
    assert hints.of("p1")


def a_notice(kind: HintKind = "spot") -> EventHint:
    return EventHint("p1", kind, "SpotToBeReleased", "", NOON)


def a_killed_pod(**changes: Any) -> PodRun:
    ended: dict[str, Any] = {"finished_at": NOON + 3 * MINUTE, "phase": "Failed", "reason": "Error", "exit_code": 137}
    return a_pod_run(**(ended | changes))


@pytest.mark.parametrize(
    "changes", [{}, {"exit_code": 143}, {"exit_code": None, "reason": "vanished", "phase": "Running"}, {"reason": ""}]
)
def test_a_pod_that_was_killed_soon_after_the_notice_was_reclaimed(changes: dict[str, Any]) -> None:
    """The notice foretold it and nothing else explains it."""
    assert confirmed_reclaim(a_notice().at, a_killed_pod(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"phase": "Succeeded", "exit_code": 0, "reason": ""},
        {"reason": "OOMKilled"},
        {"reason": "Evicted"},
        {"exit_code": 1},
        {"finished_at": None},
        {"finished_at": NOON - SECOND},
        {"finished_at": NOON + RECLAIM_MS + SECOND},
    ],
)
def test_a_better_reason_or_another_time_is_no_reclaim(changes: dict[str, Any]) -> None:
    """A hint never decides by itself."""
    assert not confirmed_reclaim(a_notice().at, a_killed_pod(**changes))


def test_without_a_notice_nothing_was_reclaimed() -> None:
    """Being killed does not show a release by itself."""
    assert not confirmed_reclaim(None, a_killed_pod())


def test_the_recorded_events_say_what_was_counted_in_them() -> None:
    """basics: 211 events, 19 of them warnings, all by Argo about workflows; the other two recordings have none."""
    found: Counter[tuple[str, str]] = Counter()
    for folder in ("basics", "packed", "throttled"):
        for raw in raw_events(folder, "events"):
            stated = hint(msgspec.convert(raw["event"]["object"], kubernetes.KubernetesEvent))
            if stated:
                found[stated.kind, stated.reason] += 1

    assert found == {("workflow", "WorkflowNodeFailed"): 13, ("workflow", "WorkflowFailed"): 6}
