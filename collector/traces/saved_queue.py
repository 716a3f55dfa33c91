"""
What waits for its export, on disk between two runs of a collector: a file that one end writes and the next start takes.

A collector that is killed writes none.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from collector.traces.feed import AttemptKey, WaitingAttempt

NAME = "traces.json"
Queue = Mapping[AttemptKey, WaitingAttempt]


def save(folder: Path, queue: Queue) -> None:
    """Writes what waits; OSError: it could not be written."""
    if not queue:
        return
    new = folder / f"{NAME}.new"
    new.write_bytes(msgspec.json.encode(list(queue.items())))
    new.replace(folder / NAME)


def load(folder: Path) -> Queue:
    """Reads what the run before left, and removes the file; nothing if there is none, or none that can be read."""
    file = folder / NAME
    try:
        content = file.read_bytes()
        file.unlink()
        return dict(msgspec.json.decode(content, type=list[tuple[AttemptKey, WaitingAttempt]]))
    except (OSError, msgspec.DecodeError):
        return {}
