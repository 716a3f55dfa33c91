"""
Looks at the free space of the disks that the collector needs, now and then.

Each disk is read in a thread of its own, since a look at a network disk that hangs takes as long as it hangs: the event loop
goes on, the end of the collector does not wait for it, and its figures are unknown after some minutes.
"""

import contextlib
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread

from collector import connect
from collector.core.live_view import Disk
from collector.settings.derived import data_dir
from collector.settings.model import Settings
from collector.store import disks
from collector.store.clickhouse import StoreError

log = logging.getLogger(__name__)

EVERY_S = 60.0
FIRST_S = 5.0
"""Between two looks while there is none: the folder of a new store is made after the first look."""
KNOWN_S = 300.0
"""Figures that are older than this are not shown."""

Look = Callable[[], Disk | None]
"""Reads the use of one disk; None: it is not known. OSError or StoreError if it cannot be read."""


class Disks:
    """The use of the disk of the data directory, and of the store's."""

    def __init__(self, settings: Settings, every_s: float = EVERY_S) -> None:
        self._settings, self._every_s = settings, every_s
        self._known: dict[str, tuple[float, Disk]] = {}
        """By disk when it was read, by the monotonic clock, and what was read."""

    def use(self) -> list[Disk]:
        """The figures that are known at present."""
        oldest = time.monotonic() - KNOWN_S
        return [disk for at, disk in list(self._known.values()) if at >= oldest]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Looks at the disks for as long as the block lasts."""
        with contextlib.ExitStack() as stack:
            for look in self._looks(stack):
                ends = Event()
                stack.callback(ends.set)
                Thread(target=self._follow, args=(look, ends), name="disk", daemon=True).start()
            yield

    def _looks(self, stack: contextlib.ExitStack) -> list[Look]:
        data = data_dir(self._settings)
        if not self._settings.store.url:
            return [partial(of_path, "data", data), partial(of_path, "store", data / "store")]
        store = connect.reading_store(self._settings, "")
        stack.callback(store.close)
        return [partial(of_path, "data", data), partial(disks.fullest, store, self._settings.store.cluster)]

    def _follow(self, look: Look, ends: Event) -> None:
        refused = ""
        while not ends.is_set():
            pause_s = self._every_s
            try:
                disk, refused = look(), ""
                if disk is None:
                    pause_s = min(pause_s, FIRST_S)
                else:
                    self._known[disk.name] = time.monotonic(), disk
            except (OSError, StoreError) as error:
                if not refused:  # a store that is down is reported by others
                    log.info("the free space of a disk cannot be read", extra={"reason": str(error)})
                refused = str(error)
            ends.wait(pause_s)


def of_path(name: str, path: Path) -> Disk | None:
    """The use of the disk that holds a folder; None: there is no such folder yet."""
    if not path.exists():
        return None
    use = shutil.disk_usage(path)
    return Disk(name, use.free, use.total)
