"""
Parallelism: how many workflows the controller lets run at once, and what occupies the slots.

Suspended workflows and those that wait for a lock hold a slot while they do nothing: a limit can be used up with nothing
running. A workflow that waits for a volume before its work began holds one too and shows in no figure here.
"""

from collections.abc import Iterable, Mapping

from collector.core.live_view import Slots, Waiting
from collector.core.messages import ControllerSettings

LIMIT_LABEL = "workflows.argoproj.io/parallelism-limit"
"""On a namespace; goes before the controller's ConfigMap."""
DIGITS_LIMIT = 18
NOBODY = (0, 0, 0, 0)


def slots(
    cluster: str,
    waiting: Iterable[Waiting],
    settings: ControllerSettings | None,
    namespaces: Mapping[str, Mapping[str, str]],
) -> list[Slots]:
    """The installation's slots, then those of each namespace with a limit or with something throttled or locked.

    `settings` None: the ConfigMap could not be read. `namespaces` are their labels.
    """
    everywhere = [0, 0, 0, 0]
    counts: dict[str, list[int]] = {}
    for row in waiting:
        if (place := _place(row)) is not None:
            everywhere[place] += row.count
            counts.setdefault(row.namespace, [0, 0, 0, 0])[place] += row.count
    limit = None if settings is None else settings.parallelism or 0
    rows = [Slots(cluster, "", limit, "configmap" if limit else "", *everywhere)]
    for namespace in sorted({*counts, *(name for name, labels in namespaces.items() if LIMIT_LABEL in labels)}):
        limit, source = _limit(namespaces.get(namespace, {}).get(LIMIT_LABEL, ""), settings)
        running, suspended, locked, throttled = counts.get(namespace, NOBODY)
        if limit or locked or throttled:
            rows.append(Slots(cluster, namespace, limit, source, running, suspended, locked, throttled))
    return rows


def _place(row: Waiting) -> int | None:
    """Which figure a group of workflows counts in: running, suspended, waiting for a lock, throttled; None: in none."""
    if row.begun:
        return int(row.reason == "suspended")
    return {"lock": 2, "throttled": 3}.get(row.reason)


def _limit(label: str, settings: ControllerSettings | None) -> tuple[int | None, str]:
    """A namespace's limit and who says so; a label that is no number says nothing, as to the controller."""
    if label.isascii() and label.isdigit() and len(label) <= DIGITS_LIMIT:
        return int(label), "namespace_label"
    if settings is None:
        return None, ""
    return settings.namespace_parallelism or 0, "configmap" if settings.namespace_parallelism else ""
