"""
Python's search for reference cycles, kept away from what lives as long as the process.

A search visits each entry of each container that it looks at. The states of a large fleet are a million entries: nothing else
runs for 0.1 to 0.3 s, whenever a quarter more objects have survived. States refer to nothing that refers back.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

COLLECT_AFTER = 10_000
"""Allocations after which Python looks for reference cycles. There are few cycles here, but a batch of rows has as many objects
as Python's own 700 a dozen times over, and each look walks through all of them: a tenth of all CPU."""


@contextmanager
def short_searches() -> Iterator[None]:
    """For as long as the block lasts, searches are few and leave out the containers that exist now, however full they get."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER)
    leave_out_present()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def leave_out_present() -> None:
    """Leaves out what exists now, too; for containers that were made later, as those of a cluster that was added."""
    gc.freeze()
