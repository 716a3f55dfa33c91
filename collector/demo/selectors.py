"""
Field selectors of lists and watches: `type!=Normal`, `metadata.name=x,metadata.namespace=y`.

Only fields that never change are served: with other fields an object could begin or cease to match during a watch, which
a real server reports as ADDED and DELETED.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from collector.demo.objects import EVENTS, ResourceKind
from collector.demo.refusals import RefusedError

OF_ALL = ("metadata.name", "metadata.namespace")
OF_EVENTS = ("type", "reason", "involvedObject.kind", "involvedObject.namespace", "involvedObject.name")


@dataclass(frozen=True, slots=True)
class Selector:
    """Terms that must all be true: field, whether the value must be equal, value."""

    terms: tuple[tuple[str, bool, str], ...] = ()

    @staticmethod
    def parse(text: str, kind: ResourceKind) -> "Selector":
        """Reads a query's selector."""
        return Selector(tuple(_term(term, kind) for term in text.split(",") if term))

    def objects(self, bodies: list[bytes]) -> list[bytes]:
        """The objects of a list that match."""
        return [body for body in bodies if self._matches(msgspec.json.decode(body))] if self.terms else bodies

    def events(self, lines: Iterable[bytes]) -> Iterable[bytes]:
        """The events of a watch that match."""
        return [line for line in lines if self._matches(msgspec.json.decode(line)["object"])] if self.terms else lines

    def _matches(self, obj: Any) -> bool:
        return all((_field(obj, field) == value) is equal for field, equal, value in self.terms)


EVERYTHING = Selector()


def _term(text: str, kind: ResourceKind) -> tuple[str, bool, str]:
    field, sign, value = text.replace("==", "=").partition("=")
    if not sign:
        raise RefusedError(400, "BadRequest", f"invalid selector: '{text}'; can't understand '{text}'")
    name = field.removesuffix("!")
    if name not in (*OF_ALL, *(OF_EVENTS if kind is EVENTS else ())):
        raise RefusedError(400, "BadRequest", f"field label not supported: {name}")
    return name, name == field, value


def _field(obj: Any, path: str) -> str:
    for name in path.split("."):
        obj = obj.get(name, {})
    return obj or ""
