"""Log calls of the collector: a constant sentence, and facts that are neither secrets nor whole objects."""

import ast
import logging
from collections.abc import Iterator

import pytest

from tests.house.words import ROOT

LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
UNSAFE = {
    "annotations", "authorization", "body", "config", "cookie", "credentials", "headers", "kubeconfig", "labels", "manifest",
    "object", "password", "raw", "row", "rows_of", "secret", "spec", "token", "workflow",
}  # fmt: skip
"""Names of what may hold a secret or has no end, as keys and as what is passed."""
TAKEN = {*vars(logging.makeLogRecord({})), "message", "asctime", "at", "level", "exception", "not_written"}
"""Keys of a line itself; logging raises on some, and the others would be replaced."""


def log_calls(tree: ast.AST) -> Iterator[ast.Call]:
    """The calls of a module's `log`, and of logging itself."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "logging"), attr=level)) if level in LEVELS:
                yield node


def keys(node: ast.AST) -> set[str]:
    """The keys of all dictionaries in an expression; a key that is computed is named as it is written."""
    found = [key for inner in ast.walk(node) if isinstance(inner, ast.Dict) for key in inner.keys if key is not None]
    return {str(key.value) if isinstance(key, ast.Constant) else ast.unparse(key) for key in found}


def value_names(node: ast.AST) -> set[str]:
    """The names of the variables and attributes whose value an expression has: `uid` of `row.uid`, none of `len(body)`."""
    inner = [*ast.walk(node)]
    owners = {id(each.value) for each in inner if isinstance(each, ast.Attribute)}
    owners |= {id(each.args[0]) for each in inner if isinstance(each, ast.Call) and ast.unparse(each.func) == "len"}
    names = {each.id for each in inner if isinstance(each, ast.Name) and id(each) not in owners}
    return names | {each.attr for each in inner if isinstance(each, ast.Attribute) and id(each) not in owners}


def problems(source: str) -> list[str]:
    """What is wrong with the log calls of a module."""
    tree, found = ast.parse(source), []
    names = {
        ast.unparse(node.targets[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == "logging.getLogger(__name__)"
    }
    found += [f"the logger {name} is not `log`" for name in names - {"log"}]
    # What a call adds to its facts by a function is in one with a name of these.
    about = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in {"about", "_about", "_why"}
    ]
    for call in log_calls(tree):
        place = f"line {call.lineno}: {ast.unparse(call)}"
        if not (len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)):
            found.append(f"{place}: the message is one constant text")
        if more := {word.arg for word in call.keywords} - {"extra", "exc_info"}:
            found.append(f"{place}: has {more}")
        facts = [word.value for word in call.keywords if word.arg == "extra"]
        for fact in [*facts, *about]:
            if wrong := keys(fact) & (UNSAFE | TAKEN):
                found.append(f"{place}: the keys {wrong}")
            if isinstance(fact, ast.expr) and (wrong := value_names(fact) & UNSAFE):
                found.append(f"{place}: passes {wrong}")
    return found


def test_log_calls_are_constant_sentences_with_facts() -> None:
    """So that a line can be searched for, counted and shown to anyone."""
    modules = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in (ROOT / "collector").rglob("*.py")
    }
    found = {name: problems(source) for name, source in modules.items()}

    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert sum(len([*log_calls(ast.parse(source))]) for source in modules.values()) > 40


@pytest.mark.parametrize(
    "line",
    [
        'log.info(f"watching {name}")',
        'log.info("watching %s", name)',
        'log.info("watching " + name)',
        "log.info(text)",
        'log.info("refused", extra={"token": 1})',
        'log.info("refused", extra={"reason": self.token})',
        'log.info("refused", extra={"reason": str(row)})',
        'log.info("refused", extra={"name": 1})',
        'log.log(level, "refused")',
        'logging.warning("refused %s", 1)',
        'log.info("refused", extra=about())\ndef about(): return {"password": 1}',
        "_log = logging.getLogger(__name__)",
    ],
)
def test_each_kind_of_wrong_call_is_found(line: str) -> None:
    """The rule can fail."""
    assert problems(line)
