"""
The folder in which the embedded store's process works: beside the store, for this user alone.

The engine reads `config.xml` of its working folder when it is loaded and again when it opens a path: a file that lies where
somebody happens to start Lynceus must change nothing. So the process enters this folder before it loads the engine, stays
in it, and finds there a configuration that says nothing; with one there, the engine looks at no other place either.
"""

import os
from pathlib import Path

MERGED_PARTS = 20
"""Parts that are merged into one. By the engine's 5, tables of some thousand rows are written again every few seconds."""
IDLE_THREADS = 16
"""Threads that the engine keeps after a large query. It would keep all of them, 120 after the first look at a month, and the
memory that each one has cached."""
_CONFIGURATION = f"""<clickhouse>
  <max_thread_pool_free_size>{IDLE_THREADS}</max_thread_pool_free_size>
  <merge_tree><merge_selector_base>{MERGED_PARTS}</merge_selector_base></merge_tree>
</clickhouse>
"""
_MERGED = ("conf.d", "config.d")
"""Folders beside a configuration whose files the engine adds to it."""


SOCKET = "writer.socket"
"""The door of this user's own programs."""


class RunFolderError(Exception):
    """The folder cannot be used; the text names it and the reason."""


def run_folder(path: Path) -> Path:
    """The folder that belongs to a store's path."""
    return path.with_name(path.name + ".run")


def socket_of(path: Path) -> Path:
    """The socket at which a store's path is served to this user."""
    return run_folder(path) / SOCKET


def enter_run_folder(path: Path) -> None:
    """Makes this process work in the folder of a store, an absolute path, from now on."""
    folder = run_folder(path)
    for other in _MERGED:
        if (folder / other).exists():
            raise RunFolderError(f"{folder / other}: would change the engine; remove it")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        (folder / "config.xml").unlink(missing_ok=True)
        (folder / "config.xml").write_text(_CONFIGURATION, encoding="ascii")
        os.chdir(folder)
    except OSError as error:
        raise RunFolderError(f"{folder}: the store's process cannot work there: {error.strerror}") from error
