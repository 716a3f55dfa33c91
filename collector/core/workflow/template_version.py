"""
Which version of its template a workflow runs: what a label of the operator's says, else a hash of what Argo stored of it.

Argo writes down neither generation nor resourceVersion of a WorkflowTemplate; it stores the spec that the workflow runs, with
what was submitted joined in. The hash is of its templates alone, so that other parameters are no other version, and of
their values in key order, so that a rewritten object is none either. Only the hash is kept.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

DIGITS = 12
"""Of the hash: a fleet's templates are thousands, not millions."""


class _Stored(msgspec.Struct, gc=False):
    """What of a stored spec decides what is run."""

    templates: Any = None
    templateDefaults: Any = None


_DECODER = msgspec.json.Decoder(_Stored)


def version_of_label(label: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    """What the label, or the annotation of that name, says; empty: none is asked for, or it is not there."""
    return (labels.get(label) or annotations.get(label) or "")[:256] if label else ""


def version_of_spec(stored: bytes) -> str:
    """The version of a stored spec, 12 hex digits; empty where it has no templates or cannot be read."""
    if len(stored) <= len(b"null"):
        return ""
    try:
        spec = _DECODER.decode(stored)
        if not spec.templates:
            return ""
        told = msgspec.json.encode([spec.templates, spec.templateDefaults], order="deterministic")
    except (msgspec.DecodeError, RecursionError):
        return ""
    return hashlib.sha256(told).hexdigest()[:DIGITS]
