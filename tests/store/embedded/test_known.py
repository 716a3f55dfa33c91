"""What checks of statements returned is remembered: by all that decides it, and no refusal."""

import pytest

from collector.store.embedded import known
from collector.store.embedded.known import KnownStatements


class Checking:
    """A check that counts its calls."""

    def __init__(self, answer: str = "JSON") -> None:
        self.answer, self.calls = answer, 0

    def __call__(self) -> str:
        self.calls += 1
        if not self.answer:
            raise ValueError("refused")
        return self.answer


def test_a_statement_is_checked_once() -> None:
    """And again if anything else that decides is another."""
    statements, check = KnownStatements(), Checking()

    assert [statements.result("SELECT 1", (), check) for _ in range(3)] == ["JSON"] * 3
    assert check.calls == 1
    statements.result("SELECT 1", ("dialect",), check)
    statements.result("SELECT 2", (), check)
    assert check.calls == 3


def test_a_refusal_is_not_remembered() -> None:
    """Each refused statement is checked, and refused, each time."""
    statements, check = KnownStatements(), Checking("")

    for _ in range(2):
        with pytest.raises(ValueError, match="refused"):
            statements.result("DROP", (), check)
    assert check.calls == 2


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In statements, and in the length of each: an INSERT with its values in the text is another text each time."""
    monkeypatch.setattr(known, "MOST", 2)
    monkeypatch.setattr(known, "LONGEST", 10)
    statements, long, short = KnownStatements(), Checking(), Checking()

    for _ in range(2):
        statements.result("SELECT " + "1" * 10, (), long)
    assert long.calls == 2
    for statement in ("1", "2", "3", "3", "1"):
        statements.result(statement, (), short)
    assert short.calls == 4
