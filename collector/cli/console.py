"""The consoles that every command prints to."""

import sys

from rich.console import Console
from rich.text import Text

from collector.shown_text import printable, redact

out = Console()
err = Console(stderr=True, highlight=False)


def print_line(text: str) -> None:
    """Prints one line of a result as it is: not folded, and without colours or markup."""
    out.print(plain(text), highlight=False, soft_wrap=True)


def report_step(text: str) -> None:
    """Prints one line about the command's work to standard error."""
    err.print(plain(text), soft_wrap=True)


def plain(text: str, style: str = "") -> Text:
    """A text whose brackets are not markup, without passwords of URLs and without commands to the terminal."""
    return Text(printable(redact(text)), style)


def write_answer(answer: bytes) -> None:
    """Writes bytes of the store: to a terminal without the commands that a value may hold, elsewhere as they are."""
    if sys.stdout.isatty():
        sys.stdout.write(printable(answer.decode("utf-8", "replace")))
    else:
        sys.stdout.buffer.write(answer)
