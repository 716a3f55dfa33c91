"""
Sizes of the house: `python -m tests.house.measure [PATH ...]` lists what is too long or bound by order only.

The bounds are those of docs/develop. A call with more than five values by position does not show what each value means.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.house.words import ROOT, files

LINES = 400
FUNCTION_LINES = 40
POSITIONAL = 5

ALIKE = {"all_of", "any_of", "feed", "given", "group", "lynceus"}
"""Functions that take any number of values of one meaning, as the words of a command line."""

BY_ORDER: dict[tuple[str, str], str] = {
    (
        "collector/watch/ledger.py",
        "Observation",
    ): "once for each event of a watch: keywords cost 2 % of the loop, decoding included",
}
"""Calls that may bind more values by their order: file and name, and the reason with its measurement."""


def long_functions(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and size of each function that is too long."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno:
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {lines} lines"


def positional_calls(tree: ast.AST, file: str) -> Iterator[tuple[int, str]]:
    """Line and name of each call that binds too many values by their order."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(isinstance(value, ast.Starred) for value in node.args):
            continue
        name = ast.unparse(node.func)
        if len(node.args) > POSITIONAL and name not in ALIKE and (file, name) not in BY_ORDER:
            yield node.lineno, f"{name} is called with {len(node.args)} values by position"


def findings(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each finding in a Python file."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    if (lines := len(text.splitlines())) > LINES:
        yield 1, f"{lines} lines"
    yield from long_functions(tree)
    yield from positional_calls(tree, str(path.relative_to(ROOT)))


def python_files(places: list[str]) -> list[Path]:
    """Every Python file under git at some places."""
    return [path for path in files(places) if path.suffix == ".py"]


def report(places: list[str]) -> list[str]:
    """One line for each finding at some places."""
    return [
        f"{path.relative_to(ROOT)}:{line} {what}"
        for path in python_files(places)
        for line, what in sorted(findings(path))
    ]


def formatter_skips(places: list[str]) -> int:
    """How often the formatter is switched off at some places."""
    mark = "# fmt: " + "skip"
    return sum(path.read_text(encoding="utf-8").count(mark) for path in python_files(places))


if __name__ == "__main__":
    shown = report(sys.argv[1:])
    skipped = formatter_skips(sys.argv[1:])
    sys.stdout.write("\n".join([*shown, f"{len(shown)} findings, the formatter is switched off {skipped} times", ""]))
