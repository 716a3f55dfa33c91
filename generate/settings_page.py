"""
docs/reference/settings.md, from the typed settings: keys, types and defaults from the structs, meanings from their text.
"""

import ast
import inspect
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from collector.catalog.retention import RETENTION
from collector.settings.model import Settings
from generate.markdown import code, page, table

EXAMPLE = Path(__file__).parent.parent / "deploy" / "examples" / "lynceus.yaml"

INTRODUCTION = """
Lynceus reads one YAML file: `lynceus run --config lynceus.yaml`. Every key is optional, and so is the file.
An unknown key is an error that names the key you probably meant.
Relative paths of price books start at the folder of the settings file.
`lynceus check --config lynceus.yaml` checks a file before you use it.
""".strip()


RETENTION_NOTE = """
Keys of `retention` are tables. Whole months are dropped, so a row may stay a month longer.
Money is kept forever and cannot be listed here.
""".strip()

WORDS: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of the settings, as the page shows it."""

    path: str
    type: str
    default: str
    meaning: str


def build() -> str:
    """The page."""
    rows = [(code(key.path), key.type, key.default, key.meaning) for key in keys(Settings)]
    kept = [
        (code(name), f"{rule.days}d" if rule.days else "forever", f"{rule.least}d") for name, rule in RETENTION.items()
    ]
    return page(
        title="Settings",
        source="`collector/settings/`",
        parts=[
            INTRODUCTION,
            table(("key", "type", "default", "meaning"), rows),
            "## Retention",
            RETENTION_NOTE,
            table(("table", "default", "at least"), kept),
            "## An example with every key",
            f"```yaml\n{EXAMPLE.read_text(encoding='utf-8').strip()}\n```",
        ],
    )


def keys(struct: type[msgspec.Struct], before: str = "") -> Iterator[Key]:
    """Every key of a struct and of the structs inside it; a struct that several lists hold is shown under the first."""
    meanings = field_meanings(struct)
    shown: dict[type[msgspec.Struct], str] = {}
    for field in msgspec.structs.fields(struct):
        path = before + field.encode_name
        inner, is_list = _inner(field.type)
        kind = "" if inner and not is_list else f"list of {code(shown[inner])}" if inner in shown else _type(field.type)
        if kind:
            yield Key(path=path, type=kind, default=_default(field), meaning=meanings.get(field.name, ""))
        if inner and inner not in shown:
            shown[inner] = f"{path}[]" if is_list else path
            yield from keys(inner, f"{shown[inner]}.")


def field_meanings(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The text under each field, which Python itself does not keep."""
    body = ast.parse(inspect.getsource(struct)).body[0]
    if not isinstance(body, ast.ClassDef):
        raise TypeError(f"{struct.__name__}: not a class statement")
    found = {}
    for statement, after in zip(body.body, body.body[1:], strict=False):
        match statement, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found


def _inner(hint: Any) -> tuple[type[msgspec.Struct] | None, bool]:
    """The struct that a key holds, and whether it holds a list of them."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint, False
    inner = (_inner(candidate)[0] for candidate in typing.get_args(hint))
    return next(((struct, True) for struct in inner if struct), (None, False))


def _type(hint: Any) -> str:
    """A type in plain words."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _type(typing.get_args(hint)[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(option) for option in typing.get_args(hint) if option is not type(None))
    if origin is typing.Literal:
        return " or ".join(code(str(value)) for value in typing.get_args(hint))
    if origin is tuple:
        inner, _ = _inner(hint)
        return "list" if inner else f"list of {_type(typing.get_args(hint)[0])}"
    if origin is dict:
        return "map"
    return WORDS.get(hint, str(getattr(hint, "__name__", hint)))


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default if field.default is not msgspec.NODEFAULT else None
    if value is None and field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if value is None:
        return "required" if field.required else ""
    if isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
        return "; ".join(code(_shown(entry)) for entry in value)
    if value in ("", (), {}):
        return ""
    if isinstance(value, bool):
        return code(str(value).lower())
    return ", ".join(map(code, value)) if isinstance(value, tuple) else code(str(value))


def _shown(entry: msgspec.Struct) -> str:
    """A struct as YAML would have it, without what is not set."""
    built = msgspec.to_builtins(entry)
    return ", ".join(f"{key}: {value}" for key, value in built.items() if value is not None)
