"""
Reads the YAML of a price book strictly: scalars stay text, duplicate keys and aliases are refused, size is bounded.

Plain YAML would turn 0.1 into a float, 2026-02-30 into a crash and nine lines of aliases into a billion rows.
"""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from collector.prices.schema import Book

MOST_BYTES = 4 * 1024 * 1024
"""About 25,000 rows; a series of prices belongs in CSV."""
MOST_DEPTH = 12


class BookError(ValueError):
    """A price book is unusable; the message names the file, the place in it and the remedy."""

    def __init__(self, path: str, place: str, remedy: str) -> None:
        super().__init__(f"{path}: {place}: {remedy}")


class _TextLoader(yaml.CSafeLoader):
    """YAML loader that leaves every scalar as text."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 - as the loader declares it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse duplicate keys; YAML would use the last one and silently drop the first price."""
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.MarkedYAMLError(problem=f"duplicate key {key.value!r}", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a file; BookError when it is unreadable or too long."""
    try:
        with path.open("rb") as file:
            text = file.read(most + 1)
    except OSError as error:
        raise BookError(str(path), "file", f"cannot be read: {error.strerror}") from None
    return check_length(text, str(path), most)


def check_length(text: bytes, path: str, most: int = MOST_BYTES) -> bytes:
    """Return the text unchanged; BookError when it is too long to parse in reasonable time."""
    if len(text) > most:
        remedy = f"is longer than {most // 1024**2} MiB; put series of prices into CSV, and split the rest"
        raise BookError(path, "file", remedy)
    return text


def parse(text: bytes, path: str) -> Book:
    """Parse a YAML text into a book; BookError names the file, the place in it and the remedy."""
    check_length(text, path)
    try:
        _check_plain(text, path)
        raw = yaml.load(text, _TextLoader)  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, BookError):
            raise
        raise BookError(path, "top", f"not valid YAML: {' '.join(str(error).split())}") from None
    try:
        return msgspec.convert(raw, Book, strict=False)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `")
        raise BookError(path, place.strip("`").removeprefix("$").removeprefix(".") or "top", message) from None


def _check_plain(text: bytes, path: str) -> None:
    """Refuse aliases and deep nesting before any object is built from them."""
    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise BookError(path, f"line {line}", f"*{event.anchor} is an alias; write its content out in full")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise BookError(path, f"line {line}", f"is nested deeper than {MOST_DEPTH} levels; no part of a book is")
