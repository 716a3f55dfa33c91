"""What commands print of the texts of others: no markup, no password, no command to the terminal."""

import io
import sys
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from collector.checked import Check
from collector.cli import console, main, progress
from collector.cli import run as run_module
from collector.cli.main import app
from collector.settings.model import SettingsError

HOSTILE = "\\[/x] [red]a[/] \x1b]0;pwned\x07\x1b[2J http://me:s3cr3t@host/"
SHOWN = "\\[/x] [red]a[/] \\x1b]0;pwned\\x07\\x1b[2J http://…@host/"


def test_a_check_prints_texts_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster's answer is quoted there, and a broken one must not stop the other checks."""

    async def checks(*_: Any) -> list[Check]:
        return [Check(False, "cluster a", HOSTILE, HOSTILE), Check(True, "cluster b", "well")]

    monkeypatch.setattr(run_module, "run_checks", checks)
    done = CliRunner().invoke(app, ["check"])

    assert done.exit_code == 2
    assert done.stdout.splitlines() == [
        f"failed  cluster a: {SHOWN}",
        f"       remedy: {SHOWN}",
        "ok      cluster b: well",
    ]


def test_errors_and_steps_are_printed_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of a command, its steps and the lines of a progress bar."""
    err = Console(file=io.StringIO(), width=20)
    monkeypatch.setattr(console, "err", err)
    with pytest.raises(SystemExit):
        main._fail(2, SettingsError(HOSTILE))
    with progress.show_progress("pods", err) as (say, _):
        say(HOSTILE)
    assert isinstance(err.file, io.StringIO)

    assert err.file.getvalue().splitlines() == [f"lynceus: {SHOWN}", SHOWN]


@pytest.mark.parametrize("terminal", [True, False])
def test_answers_of_the_store_reach_a_pipe_as_they_are(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    """`lynceus sql` prints any value."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    monkeypatch.setattr(out, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stdout", out)
    console.write_answer(b"a\tb\n\x1b[2J\xff\n")
    out.flush()

    assert out.buffer.getvalue() == (b"a\tb\n\\x1b[2J\xef\xbf\xbd\n" if terminal else b"a\tb\n\x1b[2J\xff\n")
