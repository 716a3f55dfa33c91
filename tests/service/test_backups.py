"""When the store is backed up, what a failure does, and that the result restores."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector import connect
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.core.live_view import BackupState
from collector.service.backups import Backups, make_backup
from collector.settings.backup import BackupSettings
from collector.settings.model import Settings
from collector.store.backup import restore
from collector.store.backup_series import complete, name_at
from collector.store.clickhouse import Store
from collector.store.manifest import BackupError
from collector.store.schema.migrate import migrate
from tests.store.running import start
from tests.store.test_backup_series import FIRST, HOUR, a_backup

DAY = 24 * HOUR


class FailingBackups:
    """Makes a complete backup, or fails as a test asks."""

    def __init__(self) -> None:
        self.fails, self.calls = False, 0

    def __call__(self, _store: Store, folder: Path) -> None:
        self.calls += 1
        if self.fails:
            (folder.with_name(f"{folder.name}.partial-1")).mkdir(parents=True)
            raise BackupError("no space")
        a_backup(folder.parent, round(time.time() * 1000)).rename(folder)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path / "data"), backup=BackupSettings(to=str(tmp_path / "backups"), keep=2))


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Never asked: what makes the backups here needs none."""
    unused = connect.writing_store(settings)
    yield unused
    unused.close()


def names(settings: Settings) -> list[str]:
    return [path.name for path in complete(Path(settings.backup.to))]


def test_a_backup_is_made_when_the_newest_is_old_enough(settings: Settings, store: Store) -> None:
    """Each day; the newest two stay, and a restart neither repeats nor forgets one."""
    make = FailingBackups()
    for now in (FIRST, FIRST + HOUR, FIRST + DAY - 1, FIRST + DAY):
        Backups(settings, Counters(), make).look(store, now)
    assert names(settings) == [name_at(FIRST), name_at(FIRST + DAY)]

    backups = Backups(settings, Counters(), make)
    assert backups.state() == BackupState(86_400, None)
    backups.look(store, FIRST + 2 * DAY)

    assert names(settings) == [name_at(FIRST + DAY), name_at(FIRST + 2 * DAY)]
    assert backups.state() == BackupState(86_400, FIRST + 2 * DAY)


def test_a_clock_that_was_ahead_delays_no_backup(settings: Settings, store: Store) -> None:
    """Its backup has a name in the future."""
    make = FailingBackups()
    Backups(settings, Counters(), make).look(store, FIRST + 400 * DAY)
    backups = Backups(settings, Counters(), make)
    backups.look(store, FIRST)
    backups.look(store, FIRST + HOUR)

    assert names(settings) == [name_at(FIRST), name_at(FIRST + 400 * DAY)]
    assert backups.state() == BackupState(86_400, FIRST)


def test_a_failure_removes_no_backup_and_leaves_no_copy(settings: Settings, store: Store) -> None:
    """The old ones stay until a new one is complete; what the failure left is gone with the next attempt."""
    make = FailingBackups()
    backups = Backups(settings, Counters(), make)
    for day in (0, 1):
        backups.look(store, FIRST + day * DAY)
    make.fails = True
    with pytest.raises(BackupError):
        backups.look(store, FIRST + 2 * DAY)
    assert names(settings) == [name_at(FIRST), name_at(FIRST + DAY)]

    make.fails = False
    backups.look(store, FIRST + 2 * DAY + HOUR)

    assert sorted(path.name for path in Path(settings.backup.to).iterdir()) == [
        name_at(FIRST + DAY),
        name_at(FIRST + 2 * DAY + HOUR),
    ]


def test_a_failure_is_counted_and_named(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """The thread goes on; the alert sees the age."""
    make, counters = FailingBackups(), Counters()
    make.fails = True
    backups = Backups(settings, counters, make, look_s=0.01)
    assert counters.values(metrics.BACKUP_ERRORS) == []
    with backups.running():
        assert counters.values(metrics.BACKUP_ERRORS) in ([0], [1])
        deadline = time.monotonic() + 20
        while not any(record.message == "the store was not backed up" for record in caplog.records):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    assert counters.values(metrics.BACKUP_ERRORS) == [1]
    (record,) = (record for record in caplog.records if record.message == "the store was not backed up")
    assert getattr(record, "reason", "") == "no space"


def test_nobody_who_asks_for_none_gets_one(tmp_path: Path) -> None:
    """No thread, no metric."""
    backups = Backups(Settings(data_dir=str(tmp_path)), counters := Counters(), look_s=0.001)
    with backups.running():
        assert counters.values(metrics.BACKUP_ERRORS) == []

    assert backups.state() is None


def test_a_scheduled_backup_restores(settings: Settings, tmp_path: Path) -> None:
    """By the thread, from a running store, and with every table equal to the manifest."""
    running = start(Path(settings.data_dir))
    writer = running.writer()
    try:
        migrate(writer)
        backups = Backups(settings, Counters(), make_backup, look_s=0.01)
        with backups.running():
            deadline = time.monotonic() + 120
            while (state := backups.state()) is None or state.last_at is None:
                assert time.monotonic() < deadline
                time.sleep(0.05)
    finally:
        writer.close()
        running.stop()

    (made,) = complete(Path(settings.backup.to))
    assert restore(made, tmp_path / "restored", lambda _: None).tables["schema_migrations"].rows > 0
