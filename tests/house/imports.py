"""
The product's own imports: which module imports which, and which class is defined where.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.house.measure import python_files
from tests.house.words import ROOT

PACKAGES = ["collector", "dashboards", "alerts", "generate"]


def module_of(path: Path) -> str:
    """The dotted name of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports() -> dict[str, set[str]]:
    """Module to the modules of this project that it imports, wherever in the file."""
    modules = {module_of(path): path for path in python_files(PACKAGES)}
    return {name: set(_imported(path, set(modules))) - {name} for name, path in modules.items()}


def _imported(path: Path, modules: set[str]) -> Iterator[str]:
    """Each module that a file imports; `from a import b` imports `a.b` where that is one, else `a`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in modules else node.module for name in below]
        yield from (name for name in names if name in modules)


def rooms(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same graph between folders: a module at the top of its package is a room of its own."""
    between: dict[str, set[str]] = defaultdict(set)
    for importer, imported in graph.items():
        between[room_of(importer, graph)] |= {room_of(name, graph) for name in imported}
    return {room: others - {room} for room, others in between.items()}


def room_of(module: str, graph: dict[str, set[str]]) -> str:
    """The folder of a module, where it has one below its package."""
    parent = module.rpartition(".")[0]
    has_modules = any(name.startswith(f"{module}.") for name in graph)
    return module if has_modules or parent in {"", "collector", "collector.core", "collector.store"} else parent


def classes() -> dict[str, list[str]]:
    """Name of each class to the modules that define it, private ones and nested ones included."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in python_files(PACKAGES):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(module_of(path))
    return found
