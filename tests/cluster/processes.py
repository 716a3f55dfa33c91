"""
Programs that the test session starts, and that cannot outlive it.

Each runs in a session of its own beside a watchdog, a shell that reads a pipe from this process and kills the program
when the pipe ends. The kernel ends the pipe however this process goes, kill -9 included, which atexit would miss.
Unlike prctl(PR_SET_PDEATHSIG), that needs no code between fork and exec, and the end of a mere thread does not fire it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

# Standard input of a background job is /dev/null, hence descriptor 3. `exec` leaves the program under the pid we know.
WATCHED = 'exec 3<&0 </dev/null; (cat <&3 >/dev/null; kill -9 0) & exec "$@" 3<&-'


class ChildError(RuntimeError):
    """A program did not start, ended, or did not reach the expected state."""


class Child:
    """A running program; its output goes to a file, to be shown if it fails."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["sh", "-c", WATCHED, name, *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | environment,
            )

    @property
    def pid(self) -> int:
        """The program's own process id, and that of its group."""
        return self._process.pid

    def check_alive(self) -> None:
        """Raises with the end of the program's log if it has ended."""
        if (code := self._process.poll()) is not None:
            raise ChildError(f"{self.name} ended with {code}; {self.last_words()}")

    def last_words(self) -> str:
        """The end of the program's log, and the path of the whole log."""
        lines = self._log.read_text(errors="replace").splitlines()
        return f"the end of {self._log}:\n" + "\n".join(lines[-15:])

    def kill(self) -> None:
        """Ends program and watchdog at once; asked to stop, kube-apiserver would hold its port for a minute."""
        with ExitStack() as stack:
            if self._process.stdin is not None:
                stack.callback(self._process.stdin.close)
            stack.callback(self._process.wait)
            # The watchdog outlives a program that died of itself, so the group is there and is ours.
            os.killpg(self._process.pid, signal.SIGKILL)


def until(ready: Callable[[], bool], what: str, children: Collection[Child], timeout_s: float) -> None:
    """Returns as soon as `ready` holds; raises if a child ends first, or after the timeout."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        for child in children:
            child.check_alive()
        if time.monotonic() > deadline:
            raise ChildError(f"{what}: not so after {timeout_s:g} s; " + "\n".join(c.last_words() for c in children))
        time.sleep(0.02)
