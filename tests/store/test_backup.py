"""A backup of a running store is complete, lists its content, and restores to an equal store."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from collector.catalog.watches import WATCH_CURSOR
from collector.catalog.workflows import QUEUE_SAMPLE
from collector.cli import store as cli_store
from collector.cli.main import app
from collector.connect import ExternalError
from collector.core.facts.watches import WatchCursor
from collector.settings.model import SettingsError
from collector.store import backup
from collector.store.clickhouse import Store
from collector.store.embedded.options import StoreOptions
from collector.store.manifest import FILE_NAME, BackupError, read_manifest
from collector.store.schema.migrate import load, migrate
from tests.store.facts import a_sample, row_of
from tests.store.running import Running, start


def quiet(_text: str) -> None:
    """Ignores progress."""


class Inserting:
    """Inserts samples with rising numbers, each followed by its position, as the inserter does."""

    def __init__(self, store: Running):
        self._store, self._stop = store, threading.Event()
        self.acknowledged = 0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Inserting":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        writer = self._store.writer()
        while not self._stop.is_set():
            number = self.acknowledged + 1
            writer.insert(QUEUE_SAMPLE, [row_of(a_sample(number))], f"s{number}")
            writer.insert(WATCH_CURSOR, [row_of(cursor(number))], f"c{number}")
            self.acknowledged = number
        writer.close()


def cursor(number: int) -> WatchCursor:
    """The position after so many samples."""
    return WatchCursor(
        cluster="c", kind="pods", version=number, resource_version=str(number), cluster_uid="u", at=number, totals={}
    )


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start(tmp_path_factory.mktemp("live"))
    writer = running.writer()
    migrate(writer)
    writer.close()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def recent_backup(live: Running, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, int]:
    """A backup made during inserts; the rows that were acknowledged when it began and when it ended."""
    folder = tmp_path_factory.mktemp("backups") / "one"
    writer = live.writer()
    with Inserting(live) as inserting:
        while inserting.acknowledged < 5:
            pass
        before = inserting.acknowledged
        backup.back_up(writer, folder, "1.2.3", quiet)
        after = inserting.acknowledged + 1  # one more may be on its way
    writer.close()
    return folder, before, after


@pytest.fixture(scope="module")
def restored(recent_backup: tuple[Path, int, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store restored from that backup."""
    folder = tmp_path_factory.mktemp("restored")
    backup.restore(recent_backup[0], folder / "store", quiet)
    running = start(folder)
    store = running.writer()
    yield store
    store.close()
    running.stop()


def test_inserts_continue_and_earlier_rows_are_in_the_backup(
    recent_backup: tuple[Path, int, int], restored: Store
) -> None:
    """The rows are those of one instant of the backup: no earlier row is missing, no row is incomplete."""
    _, before, after = recent_backup

    ((rows, last),) = restored.query_rows(
        "SELECT count(), max(depth) FROM lynceus.queue_sample FINAL WHERE cluster = 'c'"
    )

    assert before <= rows <= after
    assert before < after, "no insert was acknowledged while the backup ran"
    assert rows == last


def test_no_position_is_ahead_of_its_facts(restored: Store) -> None:
    """A watch that resumes from the restored position misses no event."""
    ((position,),) = restored.query_rows("SELECT max(toUInt32(resource_version)) FROM lynceus.watch_cursor FINAL")

    assert restored.query_rows("SELECT max(depth) >= {p:UInt32} FROM lynceus.queue_sample", {"p": position}) == [(1,)]


def test_a_restored_store_continues(restored: Store, recent_backup: tuple[Path, int, int]) -> None:
    """Its schema is known, its view answers, and it accepts rows."""
    written = read_manifest(recent_backup[0])

    assert migrate(restored) == []
    assert restored.query_rows("SELECT count() FROM lynceus.cost_current") == [(0,)]
    assert [applied.name for applied in written.migrations] == [migration.name for migration in load()]
    assert (written.lynceus, set(backup.POINTERS) - written.tables.keys()) == ("1.2.3", set())
    restored.insert(QUEUE_SAMPLE, [row_of(a_sample(1, cluster="later"))], "later")


def _without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def _some_file(folder: Path) -> Path:
    return next(path for path in sorted((folder / "facts").rglob("*.bin")) if path.stat().st_size)


def _flip(folder: Path) -> None:
    file = _some_file(folder)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _manifest_with(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / FILE_NAME
        file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | changes), encoding="utf-8")

    return change


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "not finished": (_without(FILE_NAME), "not a complete backup"),
    "no json": (lambda folder: (folder / FILE_NAME).write_text("{", encoding="utf-8"), "damaged"),
    "not whole json": (lambda folder: (folder / FILE_NAME).write_text('{"product":"lynceus"}'), "damaged"),
    "another product's": (_manifest_with(product="clickhouse-backup"), "not a backup of Lynceus"),
    "a later format": (_manifest_with(format=2), "newer Lynceus \\(1.2.3\\)"),
    "a later schema": (
        _manifest_with(migrations=[{"number": 9999, "name": "9999_later", "checksum": "x"}]), r"newer.*9999_later.*1\.2\.3"
    ),
    "a flipped bit": (_flip, "changed; the backup is damaged"),
    "a missing file": (lambda folder: _some_file(folder).unlink(), "missing; the backup is damaged"),
    "one more file": (lambda folder: (folder / "facts" / "x").write_text("x"), "not its own; the backup is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_an_incomplete_or_foreign_backup_is_refused(
    name: str, recent_backup: tuple[Path, int, int], tmp_path: Path
) -> None:
    """Before anything is restored, with a message that names the file."""
    damage, message = DAMAGES[name]
    folder = tmp_path / "copy"
    shutil.copytree(recent_backup[0], folder)
    damage(folder)

    with pytest.raises(BackupError, match=message):
        backup.restore(folder, tmp_path / "store", quiet)

    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.live
def test_tables_that_differ_from_the_manifest_are_refused(recent_backup: tuple[Path, int, int], tmp_path: Path) -> None:
    """The rows are counted and hashed before the path gets its name."""
    folder = tmp_path / "copy"
    shutil.copytree(recent_backup[0], folder)
    tables = json.loads((folder / FILE_NAME).read_bytes())["tables"]
    _manifest_with(tables=tables | {"queue_sample": {"rows": 1, "hash": 1}})(folder)

    with pytest.raises(BackupError, match="queue_sample differ from the manifest"):
        backup.restore(folder, tmp_path / "store", quiet)

    assert list(tmp_path.iterdir()) == [folder]


def test_nothing_is_overwritten(live: Running, recent_backup: tuple[Path, int, int], tmp_path: Path) -> None:
    """A backup overwrites no backup, and a restore overwrites no store or other file."""
    (tmp_path / "other").write_text("other", encoding="utf-8")
    writer = live.writer()

    with pytest.raises(BackupError, match="exists already"):
        backup.back_up(writer, recent_backup[0], "1", quiet)
    with pytest.raises(BackupError, match="is not empty"):
        backup.restore(recent_backup[0], tmp_path, quiet)
    with pytest.raises(BackupError, match="is not empty"):
        backup.restore(recent_backup[0], tmp_path / "other", quiet)
    writer.close()


def test_a_backup_that_fails_leaves_nothing(live: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a backup fails, no folder gets its name; the message is the store's."""
    writer = live.writer()
    monkeypatch.setattr(backup, "POINTERS", ("no_such_table",))

    with pytest.raises(BackupError, match="no_such_table"):
        backup.back_up(writer, tmp_path / "one", "1", quiet)

    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_restarted_store_has_forgotten_the_backup() -> None:
    """A killed store is restarted and then knows no backup: that is a failure, not a partial success."""

    class Restarted(Store):
        def __init__(self) -> None:
            """Has no connection."""

        def command(
            self, sql: str, parameters: dict[str, Any] | None = None, settings: dict[str, Any] | None = None
        ) -> None:
            assert sql.startswith("BACKUP x TO File('/y') SETTINGS id = '")

        def query_rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
            return []

    with pytest.raises(BackupError, match="was restarted"):
        backup._run_backup(Restarted(), "x", Path("/y"))


def test_a_store_without_tables_is_not_backed_up(tmp_path: Path) -> None:
    """The backup would be empty."""
    running = start(tmp_path / "store")
    writer = running.writer()

    with pytest.raises(BackupError, match="no tables yet"):
        backup.back_up(writer, tmp_path / "one", "1", quiet)

    writer.close()
    running.stop()


def test_the_commands_for_the_embedded_store_and_for_a_server(live: Running, tmp_path: Path) -> None:
    """`backup` finds the running store by the settings; for a ClickHouse server the message names the alternative."""
    config, other, data = tmp_path / "lynceus.yaml", tmp_path / "other.yaml", tmp_path / "data"
    config.write_text(f"data_dir: {live.path.parent}\n", encoding="utf-8")
    other.write_text(f"data_dir: {data}\n", encoding="utf-8")
    server = tmp_path / "server.yaml"
    server.write_text("store: {url: 'http://clickhouse:8123', cluster: prod}\n", encoding="utf-8")
    run = CliRunner().invoke

    made = run(app, ["store", "backup", str(tmp_path / "one"), "--config", str(config)])
    again = run(app, ["store", "backup", str(tmp_path / "one"), "--config", str(config)])
    back = run(app, ["store", "restore", str(tmp_path / "one"), "--config", str(other)])
    refused = run(app, ["store", "backup", str(tmp_path / "two"), "--config", str(server)])

    assert (made.exit_code, "tables, " in made.stderr) == (0, True), made.stderr
    assert isinstance(again.exception, ExternalError)
    assert (back.exit_code, (data / "store" / "store").is_dir()) == (0, True), back.stderr
    assert isinstance(refused.exception, SettingsError)
    assert str(refused.exception).count("ON CLUSTER 'prod'") == 4


def test_pointers_of_a_server_are_backed_up_before_rows_and_restored_after_them() -> None:
    """An active run whose charges the backup lacks would be a bill of nothing."""
    for cluster, cursor in (("", "lynceus.watch_cursor"), ("prod", "lynceus.watch_cursor_local")):
        first, second, third, fourth = backup.server_statements(cluster)
        on = " ON CLUSTER 'prod'" if cluster else ""
        assert first.startswith(f"BACKUP TABLE {cursor}, TABLE ")
        assert "TABLE lynceus.period, " in first
        assert first.endswith(f"{on} TO Disk('backups', 'pointers.zip')")
        assert second.startswith(f"BACKUP DATABASE lynceus EXCEPT TABLES {cursor}, ")
        assert (third, fourth) == tuple(
            sql.replace("BACKUP ", "RESTORE ").replace(" TO Disk", " FROM Disk") for sql in (second, first)
        )


def test_serving_needs_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """`lynceus store --path` serves; without a path it is wrong use, and the error names the commands."""
    served: list[StoreOptions] = []

    def serve(options: StoreOptions) -> int:
        served.append(options)
        return 0

    monkeypatch.setattr(cli_store, "serve_store", serve)

    CliRunner().invoke(app, ["store", "--path", "x", "--listen", "127.0.0.1:1", "--until-stdin-closes"])
    bare = CliRunner().invoke(app, ["store"])

    assert served == [
        StoreOptions(path="x", listen="127.0.0.1:1", writer_token_file="x.token", until_stdin_closes=True)
    ]
    assert bare.exit_code == 2
    assert "backup or restore" in " ".join(bare.stderr.replace("│", "").split())
