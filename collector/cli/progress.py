"""
Progress of long work: a bar on a terminal, a plain line now and then elsewhere.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from collector.cli.console import plain

LINE_S = 5.0
"""Between two plain lines of one count."""

Say = Callable[[str], object]
Count = Callable[[int, int], object]
"""Called with what is done, and with the total."""


@contextmanager
def show_progress(what: str, console: Console) -> Iterator[tuple[Say, Count]]:
    """Yields a function that prints a line, and one that shows how much is done."""

    def say(text: str) -> None:
        console.print(plain(text), soft_wrap=True)

    if not console.is_terminal:
        yield say, _print_lines(what, console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield say, lambda done, total: bar.update(task, completed=done, total=total)


def _print_lines(what: str, console: Console) -> Count:
    printed_at = -LINE_S

    def count(done: int, total: int) -> None:
        nonlocal printed_at
        if done == total or time.monotonic() - printed_at >= LINE_S:
            printed_at = time.monotonic()
            console.print(f"{done} of {total} {what}", markup=False, soft_wrap=True)

    return count
