"""
How a pod of the past ends, and what that makes of its workflow: the fates of the fleet, as the collector reads them.
"""

from typing import NamedTuple

from collector.core.model import AttemptOutcome


class PodEnd(NamedTuple):
    """The end of a pod, and of a workflow that it decides."""

    phase: str
    reason: str
    exit_code: int | None
    message: str
    outcome: AttemptOutcome
    outcome_reason: str
    hint: str = ""


OK = PodEnd("Succeeded", "", 0, "", outcome="succeeded", outcome_reason="")
_RELEASED = "SpotToBeReleased: Preemptible instance will be released soon."
_ENDS = {
    "ok": OK,
    "oom": PodEnd(
        "Failed", "OOMKilled", 137, "main: OOMKilled (exit code 137)", outcome="failed", outcome_reason="oom"
    ),
    "evicted": PodEnd(
        "Failed",
        "Evicted",
        None,
        "The node was low on resource: memory.",
        outcome="platform",
        outcome_reason="evicted",
        hint="Evicted: The node was low on resource: memory.",
    ),
    "reclaimed": PodEnd(
        "Failed",
        "BidExpired",
        137,
        "main: Error (exit code 137)",
        outcome="platform",
        outcome_reason="spot_reclaimed",
        hint=_RELEASED,
    ),
    "deadline": PodEnd(
        "Failed",
        "DeadlineExceeded",
        137,
        "Pod was active on the node longer than the specified deadline",
        outcome="failed",
        outcome_reason="deadline",
    ),
}


def end_of(fate: str) -> PodEnd:
    """Returns the end of a pod by its fate: `ok`, `exit N`, or a key of the table."""
    if fate.startswith("exit "):
        code = int(fate.removeprefix("exit "))
        message = f"main: Error (exit code {code})"
        return PodEnd("Failed", "Error", code, message, outcome="failed", outcome_reason=f"exit_{code}")
    return _ENDS[fate]
