"""
The colour of each waiting reason, outcome and class of money: the same on dashboards, pages and charts.

Each colour has a contrast of at least 3:1 with white and with the dark ground of Grafana and of our pages, so that one
table serves both themes. The order of a table is the order of a stack: neighbours differ to eyes that lack one kind of cone
too (tests/catalog/test_colours.py). A colour never says anything alone: each is drawn beside its name.
"""

from collections.abc import Mapping

GOOD = "#32986d"
CAUTION = "#ba8410"
BAD = "#c0352c"
NEUTRAL = "#7e8795"
ACCENT = "#336ab6"

REASONS: Mapping[str, str] = {
    "unseen": "#848eb2",
    "queued": "#d068f0",
    "throttled": ACCENT,
    "lock": "#ba7224",
    "volume": "#a14a78",
    "suspended": "#8f7fa5",
    "quota": "#d5703f",
    "stock": "#ca380e",
    "unschedulable": "#8f655d",
    "image": "#7966e4",
    "step_lock": "#918b41",
    "starting": "#189bed",
    "advancing": "#25766e",
    "running": GOOD,
}
"""By reason of waiting, as in the column waiting_reason; `running` is the time of work."""

OUTCOMES: Mapping[str, str] = {
    "succeeded": GOOD,
    "failed": "#e66d00",
    "platform": BAD,
    "cancelled": "#9773ad",
    "invalid": "#7966e4",
    "unknown": "#9193a8",
}
"""By outcome of an attempt."""

COST_CLASSES: Mapping[str, str] = {
    "useful": GOOD,
    "failed": "#e66d00",
    "cancelled": "#9773ad",
    "retried": "#a14a78",
    "reclaimed": BAD,
    "unknown": "#9193a8",
    "pending": "#189bed",
}
"""By class of a charge; `pending` is the part before the main container ran."""

PLATFORM_FAILURES: Mapping[str, str] = {
    "spot_reclaimed": BAD,
    "preempted": "#d55e00",
    "evicted": "#c08000",
    "node_lost": "#a0673f",
    "drained": "#b5533c",
    "tainted": "#96862a",
    "pod_deleted": "#e0518a",
    "pod_lost": "#b0578c",
    "no_stock": "#c4462e",
    "quota": "#d97706",
    "rejected": "#c2607a",
    "too_large": "#8f7fa8",
    "image_pull": "#8a6fd1",
    "never_started": "#6f7bd0",
    "deadline_waiting": ACCENT,
    "controller_error": "#9a8f80",
    "executor_error": NEUTRAL,
}
"""By reason of a failure of the platform: warm where a machine or a pod was taken away, cool where none began. None is
green, since none is good."""
