"""
Pieces of the collector's own work, as those see it that do the work: a name and what it is about, while it lasts.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Measure = Callable[..., AbstractContextManager[object]]
"""Called with a name and texts by keyword: a context that lasts as long as the work."""


def unmeasured(_name: str, **_about: str) -> AbstractContextManager[object]:
    """Measures nothing."""
    return nullcontext()
