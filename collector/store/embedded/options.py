"""
The options of the embedded store's process: `lynceus store` fills them from the command line, a collector for its child.
"""

from pathlib import Path

import msgspec

READERS_STUCK = 75
"""Exit code of a store that ended since it could not end a reader's query."""


class StoreOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the embedded store is served. A collector hands them to its child as JSON: paths are texts."""

    path: str
    """Folder of the store."""
    listen: str
    """HOST:PORT; port 0 takes any free one."""
    writer_token_file: str | None = None
    """File with the token of the writer; created if it is missing. None: the writer comes through the socket only."""
    reader_token_file: str | None = None
    """File with the token of readers; created if it is missing. None: readers need no token, on loopback only."""
    token_files: tuple[str, ...] = ()
    """Files with tokens of readers, each with its scope (access/tokens.py), which are read again when they change. With any
    of them named, readers need a token."""
    until_stdin_closes: bool = False
    """Exit when standard input closes, so that a child cannot outlive its collector."""
    patience_s: float = 5.0
    """How long a reader's query may run past its limit before the store starts again."""


def default_token_file(path: Path) -> Path:
    """The writer's token file of a store's folder: beside it."""
    return path.with_name(path.name + ".token")
