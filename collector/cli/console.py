"""The consoles that every command prints to."""

import sys

from rich.console import Console

# A pipe has no width: 80 columns would fold every name in it.
out = Console(width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, highlight=False)


def print_line(text: str) -> None:
    """Prints one line of a result as it is: not folded, and without colours or markup."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def report_step(text: str) -> None:
    """Prints one line about the command's work to standard error."""
    err.print(text, markup=False, soft_wrap=True)
