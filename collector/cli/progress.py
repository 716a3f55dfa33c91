"""
How far long work has come: a bar on a terminal, a plain line now and then elsewhere.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_S = 5.0
"""Between two plain lines of one count."""

Say = Callable[[str], object]
Count = Callable[[int, int], object]


@contextmanager
def shown(what: str, console: Console) -> Iterator[tuple[Say, Count]]:
    """A place to say sentences, and to count done of all."""
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield (
                (lambda text: console.print(text, markup=False, soft_wrap=True)),
                (lambda done, of_all: bar.update(task, completed=done, total=of_all)),
            )
        return
    yield (lambda text: console.print(text, markup=False, soft_wrap=True)), _lines(what, console)


def _lines(what: str, console: Console) -> Count:
    said_at = -LINE_S

    def count(done: int, of_all: int) -> None:
        nonlocal said_at
        if done == of_all or time.monotonic() - said_at >= LINE_S:
            said_at = time.monotonic()
            console.print(f"{done} of {of_all} {what}", markup=False, soft_wrap=True)

    return count
