"""
Number of what a workflow made, by an annotation that the operator names: frames, pages, samples.

A step or a person writes the annotation, at any time until the object is deleted. A run whose text is not a number has
unknown units, never 0.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)
"""Below 10^15 and with at most 9 places: the sum of a hundred thousand of the largest fits into the column."""
TEXT_LIMIT = 32


def stated(annotation: str, annotations: Mapping[str, str]) -> str:
    """Text of the annotation, cut after what a number may have."""
    return annotations.get(annotation, "").strip()[:TEXT_LIMIT] if annotation else ""


def number(text: str) -> Decimal | None:
    """Parse a number of units; None: there is none, or the text is not one."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None
