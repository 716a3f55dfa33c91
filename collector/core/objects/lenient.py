"""
Lenient decoding of an object that the typed decoder refused: an untyped parse, then each field separately.

A strict decoder that fails on one pod would stop a fleet. A field of the wrong type becomes its default and is reported by
its path. This module does not know the kinds of objects.
"""

import json
import types
import typing
from functools import cache
from typing import Any, cast

import msgspec

INT32 = 2**31
LONGEST_INT = 100


class FittedObject(msgspec.Struct):
    """Result of lenient decoding: the object, and the paths that were dropped or converted to text."""

    object: Any
    paths: list[str]


def fit_object(value: Any, wanted: type[Any]) -> FittedObject:
    """Convert a parsed JSON value to a struct, field by field; a field of the wrong type becomes its default."""
    paths: list[str] = []
    return FittedObject(_fit(value, wanted, "", paths), paths)


def _fit(value: Any, wanted: Any, path: str, paths: list[str]) -> Any:
    """Convert a value to the wanted type; None if that is impossible, with its path added."""
    if value is None:
        return None
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        wanted = next(t for t in typing.get_args(wanted) if t is not type(None))
    if wanted is msgspec.Raw:
        return _fit_raw(value, path, paths)
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return _fit_struct(value, wanted, path, paths)
    if typing.get_origin(wanted) is list and isinstance(value, list):
        (item,) = typing.get_args(wanted)
        fitted = (_fit(v, item, f"{path}[{i}]", paths) for i, v in enumerate(value))
        return [v for v in fitted if v is not None]
    if typing.get_origin(wanted) is dict and isinstance(value, dict):
        entries = {str(printable(k)): _fit(v, str, f"{path}.{k}", paths) for k, v in value.items()}
        return {k: v for k, v in entries.items() if v is not None}
    return _fit_scalar(value, wanted, path, paths)


def _fit_struct(value: Any, wanted: type[Any], path: str, paths: list[str]) -> Any:
    if not isinstance(value, dict):
        paths.append(path)
        return None
    hints = _hints(wanted)  # type: ignore[arg-type]  # mypy does not see that a class is hashable
    fitted = {f: _fit(value[f], t, f"{path}.{f}" if path else f, paths) for f, t in hints.items() if f in value}
    return wanted(**{f: v for f, v in fitted.items() if v is not None})


def _fit_raw(value: Any, path: str, paths: list[str]) -> msgspec.Raw | None:
    try:
        return msgspec.Raw(json.dumps(printable(value)).encode())
    except RecursionError:
        paths.append(path)
        return None


def _fit_scalar(value: Any, wanted: type[Any], path: str, paths: list[str]) -> Any:
    if wanted is str and isinstance(value, str):
        clean = printable(value)
        if clean != value:
            paths.append(path)
        return clean
    if wanted is int and isinstance(value, float) and value.is_integer():
        paths.append(path)
        value = int(value)
    if type(value) is wanted and (wanted is bool or -INT32 <= value < INT32):
        return value
    paths.append(path)
    return json.dumps(value) if wanted is str and isinstance(value, (bool, int, float)) else None


def printable(value: Any) -> Any:
    """Replace lone surrogates, which are valid in JSON but not in UTF-8; one in a label would break a whole scrape."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [printable(v) for v in value]
    if isinstance(value, dict):
        return {printable(k): printable(v) for k, v in value.items()}
    return value


@cache
def _hints(struct: type) -> dict[str, Any]:
    return typing.get_type_hints(struct)


def parse_untyped(line: bytes) -> dict[str, Any] | None:
    """Parse a line without types; None: it is not a JSON object."""
    try:
        value = json.loads(line.decode("utf-8", "replace"), parse_int=_int)
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None


def _int(digits: str) -> int | str:
    """Parse an integer; one of thousands of digits, which Python refuses, stays text, since no field has such a value."""
    return int(digits) if len(digits) <= LONGEST_INT else digits
