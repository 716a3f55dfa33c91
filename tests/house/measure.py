"""
What is measured of the house: `python -m tests.house.measure [PATH ...]` lists what is too long or bound by order only.

Sizes are those of docs/develop; a call with more than five values by position says nothing of what each means.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.house.words import ROOT, files

LINES = 400
FUNCTION_LINES = 40
POSITIONAL = 5


def long_functions(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and size of each function that is too long."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno:
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {lines} lines"


def positional_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each call that binds too many values by their order."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(isinstance(value, ast.Starred) for value in node.args):
            continue
        if len(node.args) > POSITIONAL:
            yield node.lineno, f"{ast.unparse(node.func)} is called with {len(node.args)} values by position"


def findings(path: Path) -> Iterator[tuple[int, str]]:
    """What is too long or unnamed in a Python file."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    if (lines := len(text.splitlines())) > LINES:
        yield 1, f"{lines} lines"
    yield from long_functions(tree)
    yield from positional_calls(tree)


def main(places: list[str]) -> None:
    """Print each place, how many there are, and how often the formatter is switched off."""
    python = [path for path in files(places) if path.suffix == ".py"]
    shown = [f"{path.relative_to(ROOT)}:{line} {what}" for path in python for line, what in sorted(findings(path))]
    skipped = sum(path.read_text(encoding="utf-8").count("# fmt: skip") for path in python)
    sys.stdout.write("\n".join([*shown, f"{len(shown)} findings, {skipped} times `fmt: skip`", ""]))


if __name__ == "__main__":
    main(sys.argv[1:])
