"""Limits of the controller's parallelism, and the workflows that occupy its slots."""

import pytest

from collector.core.live_view import LimitSource, SlotUse, Waiting
from collector.core.messages import ControllerSettings
from collector.core.model import WaitReason
from collector.core.queue.slots import LIMIT_LABEL, slots
from tests.builders import NOON


def row(namespace: str, reason: WaitReason, count: int, begun: bool = False, queue: str = "q") -> Waiting:
    return Waiting(cluster="c1", namespace=namespace, queue=queue, reason=reason, count=count, since=NOON, begun=begun)


def a_row(namespace: str, limit: int | None, source: LimitSource, counts: tuple[int, int, int, int]) -> SlotUse:
    """Slots with their running, suspended, lock-waiting and throttled workflows."""
    running, suspended, lock_waiting, throttled = counts
    return SlotUse(
        cluster="c1",
        namespace=namespace,
        limit=limit,
        source=source,
        running=running,
        suspended=suspended,
        lock_waiting=lock_waiting,
        throttled=throttled,
    )


ROWS = [
    row("a", "running", 20, begun=True),
    row("a", "running", 5, begun=True, queue="r"),
    row("a", "starting", 3, begun=True),
    row("a", "suspended", 2, begun=True),
    row("a", "lock", 4),
    row("a", "throttled", 70),
    row("b", "running", 1, begun=True),
    row("b", "unseen", 9),
    row("b", "volume", 1),
]


def test_suspended_workflows_and_lock_waiters_occupy_slots() -> None:
    """A limit of 34 is used up with 28 that work; workflows that are unseen or throttled occupy none."""
    settings = ControllerSettings(parallelism=100, namespace_parallelism=None)

    assert slots("c1", ROWS, settings, {"a": {LIMIT_LABEL: "34"}, "b": {}}) == [
        a_row("", 100, "configmap", (29, 2, 4, 70)),
        a_row("a", 34, "namespace_label", (28, 2, 4, 70)),
    ]


@pytest.mark.parametrize(
    ("label", "settings", "limit", "source"),
    [
        ("7", ControllerSettings(1, 5), 7, "namespace_label"),
        ("0", ControllerSettings(1, 5), 0, "namespace_label"),
        ("seven", ControllerSettings(1, 5), 5, "configmap"),
        ("²", ControllerSettings(1, 5), 5, "configmap"),
        ("9" * 60, ControllerSettings(1, 5), 5, "configmap"),
        ("", ControllerSettings(1, 0), 0, ""),
        ("", ControllerSettings(1), 0, ""),
        ("", None, None, ""),
        ("7", None, 7, "namespace_label"),
    ],
)
def test_a_namespaces_limit_is_its_labels_else_the_config_maps(
    label: str, settings: ControllerSettings | None, limit: int | None, source: LimitSource
) -> None:
    """A label that is not a number is ignored; a ConfigMap without a value sets no limit; unread, the limit is unknown."""
    found = slots("c1", [row("a", "throttled", 1)], settings, {"a": {LIMIT_LABEL: label} if label else {}})[1]

    assert (found.namespace, found.limit, found.source) == ("a", limit, source)


@pytest.mark.parametrize(
    ("settings", "limit", "source"),
    [
        (None, None, ""),
        (ControllerSettings(), 0, ""),
        (ControllerSettings(0), 0, ""),
        (ControllerSettings(9), 9, "configmap"),
    ],
)
def test_the_installations_limit_is_the_config_maps(
    settings: ControllerSettings | None, limit: int | None, source: LimitSource
) -> None:
    """The installation always has a row, even if nothing runs."""
    assert slots("c1", [], settings, {}) == [a_row("", limit, source, (0, 0, 0, 0))]


@pytest.mark.parametrize(
    ("rows", "labels", "settings", "listed"),
    [
        ([], {"a": {LIMIT_LABEL: "3"}}, None, True),
        ([], {"a": {LIMIT_LABEL: "0"}}, None, False),
        ([], {"a": {}}, ControllerSettings(1, 1), False),
        ([row("a", "running", 1, begun=True)], {}, ControllerSettings(1, 1), True),
        ([row("a", "running", 1, begun=True)], {}, ControllerSettings(1), False),
        ([row("a", "lock", 1)], {}, ControllerSettings(1), True),
        ([row("a", "unseen", 1)], {}, ControllerSettings(1, 1), False),
    ],
)
def test_a_namespace_has_a_row_if_it_is_limited_or_has_waiting_workflows(
    rows: list[Waiting], labels: dict[str, dict[str, str]], settings: ControllerSettings | None, listed: bool
) -> None:
    """A fleet has thousands of namespaces; most have neither."""
    assert [found.namespace for found in slots("c1", rows, settings, labels)] == ["", *(["a"] if listed else [])]
