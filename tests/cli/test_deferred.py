"""Commands that are loaded when they are called."""

import subprocess
import sys
from importlib import import_module

import pytest
import typer.main
from typer.testing import CliRunner

from collector.cli.main import COMMANDS, app

HEAVY = ("fastapi", "aiohttp", "kubernetes", "collector.service.run")


@pytest.mark.parametrize("command", ["report cost", "sql", "version"])
def test_a_report_starts_without_what_only_the_collector_needs(command: str) -> None:
    """The web server, the Kubernetes client and the collector itself take three quarters of the time of a start."""
    program = (
        f"import sys; from collector.cli.main import app; app({[*command.split(), '--help']}, standalone_mode=False);"
        f" print('loaded:', *[name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1].split() == ["loaded:"]


def test_each_command_stands_where_the_list_has_it() -> None:
    """The list holds names of modules as text, which no type check follows."""
    for name, place in COMMANDS.items():
        module, _, declared = place.partition(":")
        assert hasattr(import_module(f"collector.cli.{module}"), declared), name

    group = typer.main.get_command(app)
    assert [*group.commands] == [*COMMANDS]  # type: ignore[attr-defined]  # a group
    assert len(group.commands) == len(COMMANDS)  # type: ignore[attr-defined]  # a group


def test_a_group_lists_its_own_commands_and_then_the_others() -> None:
    """Their examples stand below their options, as of a command that was there from the start."""
    report = typer.main.get_command(app).commands["report"]  # type: ignore[attr-defined]  # a group
    names = [*report.commands]

    assert names[0] == "cost"
    assert names[-4:] == ["savings", "snapshot", "send", "deliveries"]
    assert "lynceus report savings --month" in CliRunner().invoke(app, ["report", "savings", "--help"]).stdout


def test_a_mistyped_command_is_answered_with_its_likely_name() -> None:
    """Names are known without loading what they name."""
    done = CliRunner().invoke(app, ["report", "snapshto"])

    assert done.exit_code == 2
    assert "snapshot" in done.stderr


def test_the_version_has_a_command_and_an_option() -> None:
    """Both spellings are usual."""
    assert CliRunner().invoke(app, ["--version"]).stdout == CliRunner().invoke(app, ["version"]).stdout != ""
