"""
Converts ClickHouse's Native format from revision 0, the only one that chdb writes, to 54454, which clickhouse-go needs.

The difference is small: a block starts with its info, and one byte follows each column's name and type (0: no custom
serialization). The end of a column is found by skipping over its values; nothing is decoded, no value changes.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

CUSTOM_SERIALIZATION_REVISION = 54454

_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
"""Field 1: no overflow row. Field 2: bucket -1. 0: no more fields."""

_NO_CUSTOM_SERIALIZATION = b"\x00"

Skip = Callable[[bytes, int, int], int]
"""(data, position, rows) -> position after the values of that many rows."""


class Layout(NamedTuple):
    """How one type is stored in a block: bytes before the first value, then the values."""

    prefix: int
    skip: Skip


class UnknownLayoutError(ValueError):
    """The values of a column's type cannot be skipped, so its end cannot be found."""


def upgrade_native(data: bytes) -> bytes:
    """Returns the same blocks as a client of revision 54454 and later expects them."""
    parts: list[bytes] = []
    position = 0
    while position < len(data):
        parts.append(_BLOCK_INFO)
        start = position
        columns, position = _varint(data, position)
        rows, position = _varint(data, position)
        parts.append(data[start:position])
        for _ in range(columns):
            start = position
            _, position = _text(data, position)
            type_name, position = _text(data, position)
            parts += (data[start:position], _NO_CUSTOM_SERIALIZATION)
            start = position
            if rows:  # a block without rows has no bytes here, not even the prefix
                layout = layout_of(type_name)
                position = layout.skip(data, position + layout.prefix, rows)
            parts.append(data[start:position])
    if position != len(data):
        raise UnknownLayoutError("a block ends beyond the data")
    return b"".join(parts)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _text(data: bytes, position: int) -> tuple[str, int]:
    length, position = _varint(data, position)
    return data[position : position + length].decode(), position + length


def _unsigned(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 8], "little")


_WIDTHS = {
    "Bool": 1, "Enum8": 1, "Int8": 1, "UInt8": 1, "Nothing": 1, "Date": 2, "Enum16": 2, "Int16": 2, "UInt16": 2,
    "BFloat16": 2, "Date32": 4, "DateTime": 4, "Float32": 4, "Int32": 4, "IPv4": 4, "Time": 4, "UInt32": 4,
    "DateTime64": 8, "Float64": 8, "Int64": 8, "Time64": 8, "UInt64": 8, "Int128": 16, "IPv6": 16, "UInt128": 16,
    "UUID": 16, "Int256": 32, "UInt256": 32,
}  # fmt: skip


@lru_cache(maxsize=1024)
def layout_of(type_name: str) -> Layout:
    """Finds the layout of a type; raises for the few types with another format inside (JSON, aggregate states)."""
    name, inner = _split_type(type_name)
    if name in _WIDTHS or name.startswith("Interval"):
        return Layout(0, _fixed(_WIDTHS.get(name, 8)))
    if name == "FixedString":
        return Layout(0, _fixed(int(inner[0])))
    if name == "Decimal":
        return Layout(0, _fixed(_decimal_width(int(inner[0]))))
    composite = _COMPOSITES.get(name)
    if composite is None:
        raise UnknownLayoutError(
            f"the embedded store cannot send columns of type {name} to this client; wrap the column in toString()"
        )
    return composite(inner)


def _split_type(type_name: str) -> tuple[str, list[str]]:
    """Splits a type into its name and its arguments, at commas of the outermost level."""
    name, bracket, rest = type_name.partition("(")
    if not bracket:
        return name, []
    arguments = [""]
    depth = 0
    for piece in re.findall(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|.", rest[: rest.rindex(")")], re.DOTALL):
        depth += (piece == "(") - (piece == ")")
        if piece == "," and not depth:
            arguments.append("")
        else:
            arguments[-1] += piece
    return name, [argument.strip() for argument in arguments]


def _fixed(width: int) -> Skip:
    return lambda _data, position, rows: position + width * rows


def _decimal_width(precision: int) -> int:
    return next(width for most, width in ((9, 4), (18, 8), (38, 16), (76, 32)) if precision <= most)


def _skip_strings(data: bytes, position: int, rows: int) -> int:
    for _ in range(rows):
        length = data[position]
        if length < 0x80:  # nearly all strings; a call for each would double the time
            position += 1 + length
        else:
            length, position = _varint(data, position)
            position += length
    return position


def _string(_inner: list[str]) -> Layout:
    return Layout(0, _skip_strings)


def _nullable(inner: list[str]) -> Layout:
    value = layout_of(inner[0])
    return Layout(value.prefix, lambda data, position, rows: value.skip(data, position + rows, rows))


def _array(inner: list[str]) -> Layout:
    value = layout_of(inner[0])

    def skip(data: bytes, position: int, rows: int) -> int:
        if not rows:
            return position
        position += 8 * rows
        return value.skip(data, position, _unsigned(data, position - 8))

    return Layout(value.prefix, skip)


def _tuple(inner: list[str]) -> Layout:
    values = [layout_of(_element_type(element)) for element in inner]

    def skip(data: bytes, position: int, rows: int) -> int:
        for value in values:
            position = value.skip(data, position, rows)
        return position

    return Layout(sum(value.prefix for value in values), skip)


def _element_type(element: str) -> str:
    """The type of a tuple's element, without the optional name before it."""
    named = re.match(r"(?:`(?:[^`\\]|\\.)*`|\w+) (.*)", element, re.DOTALL)
    return named.group(1) if named else element


def _nested(inner: list[str]) -> Layout:
    return _array([f"Tuple({', '.join(inner)})"])


def _map(inner: list[str]) -> Layout:
    return _array([f"Tuple({inner[0]}, {inner[1]})"])


def _simple_aggregate(inner: list[str]) -> Layout:
    return layout_of(inner[-1])


def _low_cardinality(inner: list[str]) -> Layout:
    """8 bytes of version, a dictionary, then one index per row. The lowest byte of the flags is the index's width."""
    name, arguments = _split_type(inner[0])
    value = layout_of(arguments[0] if name == "Nullable" else inner[0])

    def skip(data: bytes, position: int, rows: int) -> int:
        if not rows:
            return position
        index_width = 1 << data[position]
        keys = _unsigned(data, position + 8)
        position = value.skip(data, position + 16, keys)
        return position + 8 + index_width * _unsigned(data, position)

    return Layout(8, skip)


_COMPOSITES: dict[str, Callable[[list[str]], Layout]] = {
    "Array": _array,
    "LowCardinality": _low_cardinality,
    "Map": _map,
    "Nested": _nested,
    "Nullable": _nullable,
    "SimpleAggregateFunction": _simple_aggregate,
    "String": _string,
    "Tuple": _tuple,
}
