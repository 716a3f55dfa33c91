"""
The present state of the door before pages, API and metrics.
"""

import msgspec

from collector.core.model import Instant


class AccessHealth(msgspec.Struct, frozen=True, gc=False):
    """Whom the door lets in, and what is wrong with tokens."""

    open_to_all: bool = False
    """Whether everyone who reaches it from other hosts may read everything."""
    problems: tuple[str, ...] = ()
    """What is wrong with the files of tokens, a sentence each."""
    leaks: tuple[str, ...] = ()
    """Which users of the store read what they must not, a sentence each."""
    ends: dict[str, Instant] = {}
    """When the tokens end, by name; of several of one name the last. Those that do not end are not here."""
