"""All bad inputs, and those whose time and memory are measured."""

from tests.bad import objects, others, streams, values
from tests.bad.cases import Case

CASES: tuple[Case, ...] = (*objects.CASES, *values.CASES, *streams.CASES, *others.CASES)
BY_NAME = {bad.name: bad for bad in CASES}

COSTLY = (
    "13 20000 steps", "13 100000 steps, packed", "14 a chain of 10,000", "14 a failed chain of 10,000",
    "54 a line of 15 MiB", "54 a line of 17 MiB", "55 a bomb of packed steps", "55 a bomb of packed steps, zstd",
    "55 a dense bomb of steps", "59 packed in 10,000 members", "62 100,000 deep in a label", "62 100,000 deep in a step",
    "50 20,000 conditions",
)  # fmt: skip
"""Those whose time and memory are measured each in a process of its own."""
