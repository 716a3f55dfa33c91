"""
The cost of one stream in a process of its own: takes a file of lines, prints CPU seconds and the growth of memory.

A process apart, since the high-water mark of a test run's own memory belongs to whatever ran before. It is read from
Linux' /proc: getrusage's outlives exec, so a large parent would hide what its child takes.
"""

import json
import re
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.bad.stage import WatchLine, play, sounds

NODE = '{"id": "a-1", "displayName": "step", "type": "Pod", "phase": "Succeeded", "children": ["a-2", "a-3"]}'
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Cost(msgspec.Struct, frozen=True):
    """The cost of one stream beyond that of its neighbours alone."""

    cpu_s: float
    plain_cpu_s: float
    """What the standard library takes to decode as many nodes."""
    grown_mib: float


def measured(sent: list[WatchLine]) -> Cost:
    """Measures the cost of a stream in this process."""
    with TemporaryDirectory() as folder:
        alone = play(sounds(), Path(folder) / "alone.sqlite").cpu_s
        CLEAR.write_text("5", encoding="ascii")  # the mark falls to what is held now
        before = _mib("VmRSS")
        # The least of three: other work on the same cores makes every second longer and none shorter.
        whole = min(play(sent, Path(folder) / f"{i}.sqlite").cpu_s for i in range(3))
    grown = _mib("VmHWM") - before
    return Cost(whole - alone, min(_plain_cpu_s() for _ in range(3)), grown)


def _plain_cpu_s() -> float:
    """Takes the CPU seconds of `json.loads` on 100,000 nodes, as many as the largest input has."""
    text = "[" + ",".join([NODE] * 100_000) + "]"
    before = time.process_time()
    json.loads(text)
    return time.process_time() - before


def _mib(name: str) -> float:
    """A figure of this process's memory."""
    found = re.search(rf"{name}:\s*(\d+) kB", STATUS.read_text(encoding="ascii"))
    assert found
    return int(found[1]) / 1024


if __name__ == "__main__":
    lines = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=list[WatchLine])
    sys.stdout.buffer.write(msgspec.json.encode(measured(lines)))
