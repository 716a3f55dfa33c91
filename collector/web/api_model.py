"""
What every type of the API shares.

Ages instead of instants: a browser counts on from an age without trusting its own clock.
"""

from typing import Any, Self

import msgspec
from pydantic import BaseModel, ConfigDict

from collector.core.model import Instant


def age(at: Instant, since: Instant) -> int:
    """Milliseconds between the two, at least 0: an object may be stamped by a clock ahead of ours."""
    return max(0, at - since)


def age_or_none(at: Instant, since: Instant | None) -> int | None:
    """The same for an instant that may be unknown."""
    return None if since is None else age(at, since)


class ApiModel(BaseModel):
    """A type of the API; the text under a field is its description in the OpenAPI document."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    @classmethod
    def of(cls, row: msgspec.Struct, **computed: Any) -> Self:
        """Converts a row of the live view: its fields by name, and those that it does not have."""
        return cls.model_validate(msgspec.structs.asdict(row) | computed)
