"""
docs/reference/cli.md, from the commands themselves.
"""

import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperArgument, TyperGroup, TyperOption

from collector.cli.main import app
from generate.markdown import code, page, table

INTRODUCTION = """
`lynceus COMMAND --help` shows the same. Exit codes: 0 success, 1 failure at run time, 2 wrong use or wrong settings.
A period is `--from` inclusive to `--to` exclusive.
""".strip()

WORDS: dict[Any, str] = {str: "text", int: "number", float: "number", Path: "path", bool: "flag"}


def build() -> str:
    """The page."""
    sections = list(_sections("lynceus", typer.main.get_command(app)))
    overview = [(f"[`{name}`](#{name.replace(' ', '-')})", _about(command)) for name, command in sections]
    return page(
        title="Commands",
        source="`collector/cli/`",
        parts=[
            INTRODUCTION,
            table(("command", "does"), overview),
            *(part for name, command in sections for part in _section(name, command)),
        ],
    )


def _sections(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it."""
    if not isinstance(command, TyperGroup) or command.invoke_without_command:
        yield name, command
    if isinstance(command, TyperGroup):
        for word, subcommand in command.commands.items():
            if not subcommand.hidden:
                yield from _sections(f"{name} {word}", subcommand)


def _about(command: Any) -> str:
    return " ".join((command.help or "").split())


def _section(name: str, command: Any) -> Iterator[str]:
    yield f"## {name}"
    words = [_usage(parameter) for parameter in command.params if isinstance(parameter, TyperArgument)]
    yield f"```\n{' '.join((name, *words, '[OPTIONS]'))}\n```"
    yield _about(command)
    if rows := [_row(parameter) for parameter in command.params if not parameter.hidden]:
        yield table(("option", "value", "meaning"), rows)


def _usage(argument: TyperArgument) -> str:
    name = (argument.metavar or argument.name or "").upper()
    return name if argument.required else f"[{name}]"


def _row(parameter: TyperArgument | TyperOption) -> tuple[str, str, str]:
    if isinstance(parameter, TyperArgument):
        name = code(_usage(parameter).strip("[]"))
    else:
        name = ", ".join(code(option) for option in parameter.opts)
    required = "Required. " if parameter.required else ""
    return name, _value(parameter), f"{required}{parameter.help or ''}{_default(parameter)}"


def _value(parameter: TyperArgument | TyperOption) -> str:
    hint: Any = parameter.type_descriptor.annotation
    origin: Any = typing.get_origin(hint)
    return _type(hint) + (" (repeatable)" if origin is list else "")


def _type(hint: Any) -> str:
    """What a user types, in a word or as the choices."""
    origin: Any = typing.get_origin(hint)
    if origin is typing.Literal:
        return ", ".join(code(str(value)) for value in typing.get_args(hint))
    if origin in (typing.Union, types.UnionType, list):
        return " or ".join(_type(option) for option in typing.get_args(hint) if option is not type(None))
    return WORDS[hint]


def _default(parameter: TyperArgument | TyperOption) -> str:
    """The default: in words where the command has them, else the value that a user could type."""
    value: Any = parameter.default
    if isinstance(parameter.show_default, str):
        return f" Default: {parameter.show_default}."
    if parameter.required or value in (None, "") or isinstance(value, bool) or callable(value):
        return ""
    return f" Default: {code(str(value))}."
