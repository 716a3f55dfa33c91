"""
What one stream costs a process of its own: run with a file of lines, prints CPU seconds and how far memory grew.

A process apart, since the high-water mark of a test run's own memory belongs to whatever ran before.
"""

import resource
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.bad.stage import Said, play, sounds


class Cost(msgspec.Struct, frozen=True):
    """Of one stream, beyond that of its neighbours' alone."""

    cpu_s: float
    grown_mib: float


def measured(said: list[Said]) -> Cost:
    """The cost of playing a stream here and now."""
    with TemporaryDirectory() as folder:
        alone = play(sounds(), Path(folder) / "alone.sqlite").cpu_s
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        whole = play(said, Path(folder) / "whole.sqlite").cpu_s
    return Cost(whole - alone, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


if __name__ == "__main__":
    lines = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=list[Said])
    sys.stdout.buffer.write(msgspec.json.encode(measured(lines)))
