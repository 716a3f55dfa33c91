"""The threat model names a test for each line, and the test exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/operate/threat-model.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ROW = re.compile(r"^\|(?! Threat \||-)(?P<threat>[^|]+)\|(?P<stops>[^|]+)\|(?P<tests>[^|]+)\|$", re.MULTILINE)
LINES = [match.group("threat", "stops", "tests") for match in ROW.finditer(PAGE)]


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in a file, also of those in classes."""
    path = ROOT / file
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.Module([], [])
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def missing(text: str) -> list[str]:
    """The tests that a text names and that do not exist."""
    return [f"{file}::{name}" for file, name in NAMED.findall(text) if name not in names_in(file)]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0].strip())
def test_a_threat_has_what_stops_it_and_a_test_that_exists(line: tuple[str, str, str]) -> None:
    """A claim without a proof belongs to what is open."""
    threat, stops, tests = (part.strip() for part in line)
    assert threat
    assert stops
    assert NAMED.findall(tests), "names no test"
    assert NAMED.sub("", tests).strip() == "", "holds more than tests"
    assert missing(tests) == []


def test_every_row_of_the_page_is_read() -> None:
    """No row of a table is passed over because of its form."""
    rows = [row for row in PAGE.splitlines() if row.startswith("|")]
    heads = [row for row in rows if row.startswith(("| Threat |", "|---"))]
    assert len(LINES) == len(rows) - len(heads) > 50


def test_a_test_that_does_not_exist_is_found() -> None:
    """The check itself can fail: by the file and by the name."""
    text = "`tests/nowhere.py::test_a` `tests/test_security_page.py::test_b`"
    assert missing(text) == ["tests/nowhere.py::test_a", "tests/test_security_page.py::test_b"]


def test_what_is_open_is_written_down() -> None:
    """A model without a gap was not looked at closely."""
    assert len(re.findall(r"^- \*\*", PAGE.partition("## Open")[2], re.MULTILINE)) >= 5
