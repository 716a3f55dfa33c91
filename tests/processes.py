"""
The collector as a user starts it, in a process of its own, and what is left when it is gone.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent


def lynceus(*arguments: str) -> list[str]:
    """The command line of a command."""
    return [sys.executable, "-m", "collector", *arguments]


class Command(subprocess.Popen[bytes]):
    """A command that runs, and the file of its output."""

    def __init__(self, *arguments: str, log: Path) -> None:
        self.log = log
        with log.open("ab") as out:
            super().__init__(lynceus(*arguments), stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=ROOT)

    def last_words(self) -> str:
        """Whether it runs, and the end of its output."""
        code = self.poll()
        state = "it runs" if code is None else f"it ended with exit code {code}"
        return f"{state}; its last lines:\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


@contextmanager
def started(*arguments: str, log: Path) -> Iterator[Command]:
    """A running command; whatever is left of it is killed in the end."""
    with Command(*arguments, log=log) as process:
        try:
            yield process
        finally:
            for pid in [*descendants(process.pid), process.pid]:
                kill(pid)
            process.wait()


def kill(pid: int) -> None:
    """kill -9, if it is still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def descendants(pid: int) -> list[int]:
    """Children and their children, as the kernel has them."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    children = [int(child) for child in listed]
    return children + [grandchild for child in children for grandchild in descendants(child)]


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def of_this_machine(idle_s: float) -> float:
    """What takes so many seconds on an idle machine, where more processes than cores want to run: the share of each."""
    return idle_s * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def until(
    holds: Callable[[], object], within_s: float, what: str | Callable[[], str], of: Command | None = None
) -> None:
    """Wait for a condition; one of a command that has ended is not waited for."""
    ends = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > ends or (of is not None and of.poll() is not None):
            words = f"; {of.last_words()}" if of is not None else ""
            what = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {within_s:g} s: {what}{words}")
        time.sleep(0.05)
