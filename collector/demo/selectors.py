"""
Field selectors of lists and watches: `type!=Normal`, `metadata.name=x,metadata.namespace=y`.

Only fields that never change are served: of others an object could come into a watch's sight and leave it again, which a
real server tells as ADDED and DELETED.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from collector.demo.objects import EVENTS, Kind
from collector.demo.refusals import RefusedError

OF_ALL = ("metadata.name", "metadata.namespace")
OF_EVENTS = ("type", "reason", "involvedObject.kind", "involvedObject.namespace", "involvedObject.name")


@dataclass(frozen=True, slots=True)
class Selector:
    """Terms that all must hold: field, whether it must be equal, value."""

    terms: tuple[tuple[str, bool, str], ...] = ()

    @staticmethod
    def parse(text: str, kind: Kind) -> "Selector":
        """The selector that a query's text stands for."""
        return Selector(tuple(_term(term, kind) for term in text.split(",") if term))

    def objects(self, bodies: list[bytes]) -> list[bytes]:
        """Those of a list that match."""
        return [body for body in bodies if self._matches(msgspec.json.decode(body))] if self.terms else bodies

    def events(self, lines: Iterable[bytes]) -> Iterable[bytes]:
        """Those of a watch that match."""
        return [it for it in lines if self._matches(msgspec.json.decode(it)["object"])] if self.terms else lines

    def _matches(self, obj: Any) -> bool:
        return all((_field(obj, field) == value) is equal for field, equal, value in self.terms)


EVERYTHING = Selector()


def _term(text: str, kind: Kind) -> tuple[str, bool, str]:
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
