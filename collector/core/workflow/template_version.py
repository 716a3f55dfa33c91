"""
Version of the template that a workflow runs: the value of the operator's label, else a hash of the spec that Argo stored.

Argo records neither generation nor resourceVersion of a WorkflowTemplate. It stores the spec that the workflow runs, merged
with the submitted values. The hash covers only the templates, so that other parameters do not give another version, with
keys in order, so that a rewritten object does not either. Only the hash is kept.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

DIGITS = 12
"""Digits of the hash: a fleet has thousands of templates, not millions."""
DEPTH_LIMIT = 200
"""
Deepest nesting of a spec with a version; real ones stay below 50.

Each Python release has its own limit in its parser: without this one, the same spec would have a version on one release
and none on another.
"""

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET = re.compile(rb"[][{}]")


class _Stored(msgspec.Struct, gc=False):
    """The part of a stored spec that determines what runs."""

    templates: Any = None
    templateDefaults: Any = None


_DECODER = msgspec.json.Decoder(_Stored)


def version_of_label(label: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    """Value of the label, or of the annotation with that name; empty: no label is configured, or the workflow has none."""
    return (labels.get(label) or annotations.get(label) or "")[:256] if label else ""


def version_of_spec(stored: bytes) -> str:
    """Version of a stored spec, 12 hex digits; empty: it has no templates, is nested too deeply or is unreadable."""
    text = bytes(stored)  # msgspec.Raw passes for bytes but has none of their methods
    if len(text) <= len(b"null") or _is_too_deep(text):
        return ""
    try:
        spec = _DECODER.decode(text)
        if not spec.templates:
            return ""
        encoded = msgspec.json.encode([spec.templates, spec.templateDefaults], order="deterministic")
    except (msgspec.DecodeError, RecursionError):
        return ""
    return hashlib.sha256(encoded).hexdigest()[:DIGITS]


def _is_too_deep(text: bytes) -> bool:
    """Whether JSON is nested beyond DEPTH_LIMIT."""
    # Nearly every spec has fewer brackets than that in all, so most texts are only counted.
    if text.count(b"[") + text.count(b"{") <= DEPTH_LIMIT:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", text)):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH_LIMIT:
            return True
    return False
