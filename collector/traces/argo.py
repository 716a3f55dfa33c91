"""
Where spans of ours belong in a trace that Argo itself makes of a workflow.

Argo 4.1 and later hash name, namespace and creation of a workflow into the ids of its trace and of the trace's first span
(deterministic.go and workflow.go in util/telemetry and workflow/tracing of argoproj/argo-workflows, PR 15584), and annotate the
workflow with the trace's id alone. The id of the span is known only if the same rule gives the annotated id of the trace: a
workflow that continues the trace of its caller, or a later rule, has another. Ours have no parent then, in the same trace.
"""

import hashlib
from datetime import UTC, datetime

from collector.core.facts.workflows import WorkflowRun
from collector.core.model import Instant
from collector.traces.span import SpanId


def parent(run: WorkflowRun) -> SpanId | None:
    """Argo's own span of the whole workflow; None: Argo makes none, or its id is not known."""
    parts = (run.name, run.namespace, _go_time(run.created_at))
    if not run.trace_id or _hash("trace", parts)[:16].hex() != run.trace_id:
        return None
    return SpanId(int(run.trace_id, 16), int.from_bytes(_hash("span", parts)[:8], "big"))


def _go_time(at: Instant) -> str:
    """A time of whole seconds as Go writes it, in the zone of a container without one."""
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%d %H:%M:%S} +0000 UTC"


def _hash(kind: str, parts: tuple[str, ...]) -> bytes:
    return hashlib.sha256("\0".join((kind, *parts)).encode()).digest()
