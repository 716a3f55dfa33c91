"""
Commands that are loaded when they are called: what one of them needs does not slow the start of the others.

`lynceus report cost` needs no web server, no Kubernetes client and no Argo rules; loading these takes more than a second.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer.main
from typer.core import TyperGroup


def deferred(commands: Mapping[str, str]) -> type[TyperGroup]:
    """
    The class of a group with further commands, which are listed after its own.

    Of each the place where it is declared, as `module:name` in collector.cli: a function, or a group. The EXAMPLES of the
    module stand below a function's options.
    """

    class WithDeferred(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**{**attributes, "commands": _NamedCommands(attributes.get("commands") or {}, commands)})

    return WithDeferred


class _NamedCommands(Mapping[str, Any]):
    """Commands of a group by name, those that are loaded and those that are not yet."""

    def __init__(self, loaded: Mapping[str, Any], places: Mapping[str, str]) -> None:
        self._loaded, self._places = loaded, places

    def __getitem__(self, name: str) -> Any:
        return self._loaded[name] if name in self._loaded else _load(name, self._places[name])

    def __iter__(self) -> Iterator[str]:
        yield from self._loaded
        yield from self._places

    def __len__(self) -> int:
        return len(self._loaded) + len(self._places)


def _load(name: str, place: str) -> Any:
    module_name, _, attribute = place.partition(":")
    module = import_module(f"collector.cli.{module_name}")
    declared = getattr(module, attribute)
    parent = typer.Typer(add_completion=False, callback=_nothing)  # with a callback it is a group, also of one command
    if isinstance(declared, typer.Typer):
        parent.add_typer(declared, name=name)
    else:
        parent.command(name, epilog=getattr(module, "EXAMPLES", None))(declared)
    group: Any = typer.main.get_command(parent)
    return group.commands[name]


def _nothing() -> None:
    """Does nothing before a command."""
