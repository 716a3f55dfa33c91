"""
How this collector's last steps ended, in a file of its own: the store has it a moment later, and a kill may come between.

`begun` is on disk before the last step, and the receiver's answer right after it. So a collector that starts again knows for
sure of all messages but the one that was on its way. The file has a random name for itself in its first line: a collector
whose disk is new has another one, and does not take rows of the former for its own.
"""

import os
import secrets
from pathlib import Path

LONGEST = 1000
"""Steps that are kept; each is needed until the next start."""
_DETAIL = 300


class DeliveryJournal:
    """The journal of one collector. Not for two processes at a time: the spool's lock sees to that."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._steps: dict[str, tuple[str, str]] = {}
        self.identity = self._read()
        self._rewrite()

    def outcome(self, mark: str) -> tuple[str, str]:
        """`begun`, `accepted` or `refused` with its words; empty: the last step was never begun."""
        return self._steps.get(mark, ("", ""))

    def note(self, mark: str, step: str, words: str = "") -> None:
        """Writes a step. It is on disk when this returns."""
        detail = " ".join(words.split())[:_DETAIL]
        self._steps[mark] = (step, detail)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{mark} {step} {detail}\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> str:
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        for line in lines[1:]:
            mark, _, rest = line.partition(" ")
            step, _, detail = rest.partition(" ")
            if step in {"begun", "accepted", "refused"}:
                self._steps[mark] = (step, detail)
        return lines[0] if lines and lines[0].isalnum() else secrets.token_hex(8)

    def _rewrite(self) -> None:
        """Writes the file again, so that it does not grow from start to start."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kept = list(self._steps.items())[-LONGEST:]
        whole = "".join([f"{self.identity}\n", *(f"{mark} {step} {detail}\n" for mark, (step, detail) in kept)])
        new = self._path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            file.write(whole)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
