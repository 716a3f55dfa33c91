"""`lynceus version` and `lynceus --version`."""

import typer

from collector import __version__
from collector.cli.console import out


def version() -> None:
    """Print the version."""
    out.print(__version__, highlight=False)


def print_version(wanted: bool) -> None:
    """Prints the version instead of running a command."""
    if wanted:
        version()
        raise typer.Exit
