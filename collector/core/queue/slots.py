"""
Parallelism: number of workflows that the controller runs at once, and the workflows that occupy its slots.

Suspended workflows and workflows that wait for a lock occupy a slot, so a limit can be exhausted while nothing runs. A
workflow that waits for a volume before its work begins occupies a slot too, but appears in no figure here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from collector.core.live_view import LimitSource, SlotUse, Waiting
from collector.core.messages import ControllerSettings

LIMIT_LABEL = "workflows.argoproj.io/parallelism-limit"
"""Label of a namespace; it takes precedence over the controller's ConfigMap."""
DIGITS_LIMIT = 18


Figure = Literal["running", "suspended", "lock_waiting", "throttled"]
"""Fields of a row of slots that count workflows."""


def slots(
    cluster: str,
    waiting: Iterable[Waiting],
    settings: ControllerSettings | None,
    namespaces: Mapping[str, Mapping[str, str]],
) -> list[SlotUse]:
    """
    Slots of the installation, then of each namespace with a limit or with throttled or lock-waiting workflows.

    `settings` is None if the ConfigMap could not be read; `namespaces` maps a namespace to its labels.
    """
    everywhere: Counter[Figure] = Counter()
    by_namespace: dict[str, Counter[Figure]] = {}
    for row in waiting:
        if figure := _figure(row):
            everywhere[figure] += row.count
            by_namespace.setdefault(row.namespace, Counter())[figure] += row.count
    limit = None if settings is None else settings.parallelism or 0
    rows = [_row(cluster, "", limit, "configmap" if limit else "", everywhere)]
    limited = (name for name, labels in namespaces.items() if LIMIT_LABEL in labels)
    for namespace in sorted({*by_namespace, *limited}):
        limit, source = _limit(namespaces.get(namespace, {}).get(LIMIT_LABEL, ""), settings)
        counts = by_namespace.get(namespace, Counter())
        if limit or counts["lock_waiting"] or counts["throttled"]:
            rows.append(_row(cluster, namespace, limit, source, counts))
    return rows


def _figure(row: Waiting) -> Figure | None:
    """Figure in which a group of workflows counts; None: in none."""
    if row.begun:
        return "suspended" if row.reason == "suspended" else "running"
    if row.reason == "lock":
        return "lock_waiting"
    return "throttled" if row.reason == "throttled" else None


def _row(cluster: str, namespace: str, limit: int | None, source: LimitSource, counts: Counter[Figure]) -> SlotUse:
    return SlotUse(
        cluster=cluster,
        namespace=namespace,
        limit=limit,
        source=source,
        running=counts["running"],
        suspended=counts["suspended"],
        lock_waiting=counts["lock_waiting"],
        throttled=counts["throttled"],
    )


def _limit(label: str, settings: ControllerSettings | None) -> tuple[int | None, LimitSource]:
    """Limit of a namespace and its source; a label that is not a number is ignored, as the controller does."""
    if label.isascii() and label.isdigit() and len(label) <= DIGITS_LIMIT:
        return int(label), "namespace_label"
    if settings is None:
        return None, ""
    return settings.namespace_parallelism or 0, "configmap" if settings.namespace_parallelism else ""
