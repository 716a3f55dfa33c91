"""
Numbers of what a workflow made, by annotations that the operator names: kilometres, frames, pages.

A step or a person writes an annotation, at any time until the object is deleted. If a text is not a number,
the units are unknown, never 0.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)
"""Below 10^15 and with at most 9 places: the sum of a hundred thousand of the largest fits into the column."""
TEXT_LIMIT = 32
ONLY_UNIT = "units"
"""Name of a unit whose setting names none; rows from before units had names hold theirs under it."""


def stated(units: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, str] | None:
    """Texts by name of the unit, each cut after what a number may have; None: nothing is stated."""
    found = {unit: annotations.get(annotation, "").strip()[:TEXT_LIMIT] for unit, annotation in units.items()}
    return {unit: text for unit, text in found.items() if text} or None


def number(text: str) -> Decimal | None:
    """Parse a number of units; None: the text is not one."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def numbers(texts: Mapping[str, str] | None) -> dict[str, Decimal]:
    """The numbers by name of the unit; without those of other texts."""
    parsed = {unit: number(text) for unit, text in (texts or {}).items()}
    return {unit: amount for unit, amount in parsed.items() if amount is not None}


def unreadable(texts: Mapping[str, str] | None) -> bool:
    """Whether any of the texts is not a number."""
    return any(number(text) is None for text in (texts or {}).values())
