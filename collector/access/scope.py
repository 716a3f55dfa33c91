"""
What a visitor may read: everything, the rows of some departments, or metrics alone.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

Kind = Literal["all", "departments", "metrics"]


class Scope(msgspec.Struct, frozen=True):
    """What may be read."""

    kind: Kind
    departments: tuple[str, ...] = ()
    """Sorted, each once; none unless the kind is `departments`."""

    def permits(self, department: str) -> bool:
        """Whether rows of a department may be read; the empty text is what has no department."""
        return self.kind == "all" or department in self.departments

    def __str__(self) -> str:
        return f"department {', '.join(self.departments)}" if self.kind == "departments" else self.kind


ALL = Scope("all")
METRICS = Scope("metrics")


def of_departments(names: Iterable[str]) -> Scope:
    """The scope of some departments; ValueError if none is named, or one has no name."""
    departments = tuple(sorted(set(names)))
    if not departments or "" in departments:
        raise ValueError("name at least one department; what has none is for the scope `all`")
    return Scope("departments", departments)


class Visitor(msgspec.Struct, frozen=True):
    """Who asks, and what they may read."""

    name: str
    """Of the token or of the person, as the audit log has it; empty: it is not known."""
    scope: Scope
    via: Literal["token", "proxy", "certificate", "open"]
    """How it is known who asks. `open`: it is not, since the door is open."""


OPEN = Visitor("", ALL, "open")
"""A visitor who comes through a door that asks for nothing."""
CERTIFIED = Visitor("", ALL, "certificate")
"""A visitor with a certificate of `http.tls.client_ca`."""
