"""
Backs the embedded store up every so often, and keeps the newest backups.

The folder says when the last backup was, so that a restart neither repeats nor forgets one. The work is done in a thread of
its own: a backup takes minutes, and the end of the collector waits for none; the next one removes what it left.
"""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from collector import __version__, connect
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.live_view import BackupState
from collector.core.model import Instant
from collector.settings.backup import period_s
from collector.settings.model import Settings
from collector.store import backup_series
from collector.store.backup import back_up
from collector.store.clickhouse import Store, StoreError
from collector.store.manifest import BackupError

log = logging.getLogger(__name__)

LOOK_S = 60.0
RETRY_S = 900.0
"""Between a backup that failed and the next attempt: each reads the whole store."""

MakeBackup = Callable[[Store, Path], object]
"""Writes a complete backup into a new folder."""


def make_backup(store: Store, folder: Path) -> None:
    """Writes a backup with the product's own name in its manifest."""
    back_up(store, folder, __version__, lambda step: log.debug("backing up", extra={"step": step}))


class Backups:
    """The scheduled backups of the embedded store."""

    def __init__(
        self, settings: Settings, counters: Counters, make: MakeBackup = make_backup, look_s: float = LOOK_S
    ) -> None:
        self._settings, self._counters, self._make, self._look_s = settings, counters, make, look_s
        self._folder, self._every_s = Path(settings.backup.to), period_s(settings.backup)
        self._last: Instant | None = None

    def state(self) -> BackupState | None:
        """The period and the newest complete backup; None: the settings ask for none."""
        return BackupState(self._every_s, self._last) if self._settings.backup.to else None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Makes backups for as long as the block lasts."""
        if not self._settings.backup.to:
            yield
            return
        self._counters.initialise(metrics.BACKUP_ERRORS)
        ends = Event()
        Thread(target=self._follow, args=(ends,), name="backup", daemon=True).start()
        try:
            yield
        finally:
            ends.set()

    def _follow(self, ends: Event) -> None:
        store = connect.writing_store(self._settings, optional=True)
        pause_s = self._look_s
        while not ends.wait(pause_s):
            try:
                self.look(store, now_ms())
                pause_s = self._look_s
            except (BackupError, StoreError, OSError, shutil.Error) as error:
                if ends.is_set():
                    break
                self._counters.add(metrics.BACKUP_ERRORS)
                log.warning("the store was not backed up", extra={"folder": str(self._folder), "reason": str(error)})
                pause_s = RETRY_S
        store.close()

    def look(self, store: Store, now: Instant) -> None:
        """Makes a backup if one is due, and then removes old ones."""
        self._last = self._newest(now)
        if self._last is not None and now - self._last < self._every_s * 1000:
            return
        backup_series.remove_interrupted(self._folder)
        made = self._folder / backup_series.name_at(now)
        self._make(store, made)
        self._last = self._newest(now)
        log.info("the store is backed up", extra={"folder": str(made)})
        for path in backup_series.remove_old(self._folder, self._settings.backup.keep):
            log.info("an old backup was removed", extra={"folder": str(path)})

    def _newest(self, now: Instant) -> Instant | None:
        # A clock that was ahead left a name in the future: that backup must not delay the next ones.
        begun = (backup_series.begun_at(path) for path in backup_series.complete(self._folder))
        return max((at for at in begun if at <= now), default=None)
