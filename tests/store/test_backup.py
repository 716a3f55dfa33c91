"""A backup of a running store is whole, says what it holds, and becomes a store again that is equal."""

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
from collector.connect import Failure
from collector.core.facts.watches import WatchCursor
from collector.settings.model import SettingsError
from collector.store import backup, manifest
from collector.store.clickhouse import Store
from collector.store.embedded.options import StoreOptions
from collector.store.manifest import BackupError
from collector.store.schema.migrate import load, migrate
from tests.store.facts import a_sample, row_of
from tests.store.running import Running, start


def quiet(_text: str) -> None:
    """Nobody listens."""


class Inserting:
    """Samples with ever higher numbers, each batch followed by the position that says so, as the inserter does it."""

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
def taken(live: Running, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, int]:
    """A backup taken while inserts went on; what was acknowledged when it began and when it ended."""
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
def restored(taken: tuple[Path, int, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store made of that backup, served as any other."""
    folder = tmp_path_factory.mktemp("restored")
    backup.restore(taken[0], folder / "chdb", quiet)
    running = start(folder)
    store = running.writer()
    yield store
    store.close()
    running.stop()


def test_inserts_go_on_and_what_was_acknowledged_before_is_in_it(taken: tuple[Path, int, int], restored: Store) -> None:
    """The rows are those of some moment while it ran: none from before is missing, none is half there."""
    _, before, after = taken

    ((rows, last),) = restored.query_rows(
        "SELECT count(), max(depth) FROM lynceus.queue_sample FINAL WHERE cluster = 'c'"
    )

    assert before <= rows <= after
    assert before < after, "no insert was acknowledged while the backup ran"
    assert rows == last


def test_no_position_is_ahead_of_its_facts(restored: Store) -> None:
    """A watch that goes on from the restored position takes again what it must: never less."""
    ((position,),) = restored.query_rows("SELECT max(toUInt32(resource_version)) FROM lynceus.watch_cursor FINAL")

    assert restored.query_rows("SELECT max(depth) >= {p:UInt32} FROM lynceus.queue_sample", {"p": position}) == [(1,)]


def test_a_restored_store_is_gone_on_with(restored: Store, taken: tuple[Path, int, int]) -> None:
    """Its schema is known, its view answers, and it takes rows."""
    told = manifest.read(taken[0])

    assert migrate(restored) == []
    assert restored.query_rows("SELECT count() FROM lynceus.cost_current") == [(0,)]
    assert [applied.name for applied in told.migrations] == [migration.name for migration in load()]
    assert (told.lynceus, set(backup.POINTERS) - told.tables.keys()) == ("1.2.3", set())
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


def _said(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / manifest.NAME
        file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | changes), encoding="utf-8")

    return change


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "not finished": (_without(manifest.NAME), "no backup, or one that was not finished"),
    "no json": (lambda folder: (folder / manifest.NAME).write_text("{", encoding="utf-8"), "damaged"),
    "not whole json": (lambda folder: (folder / manifest.NAME).write_text('{"product":"lynceus"}'), "damaged"),
    "another product's": (_said(product="clickhouse-backup"), "not a backup of Lynceus"),
    "a later format": (_said(format=2), "newer Lynceus \\(1.2.3\\)"),
    "a later schema": (
        _said(migrations=[{"number": 9999, "name": "9999_later", "checksum": "x"}]), r"newer.*9999_later.*1\.2\.3"
    ),
    "a flipped bit": (_flip, "changed; the backup is damaged"),
    "a missing file": (lambda folder: _some_file(folder).unlink(), "missing; the backup is damaged"),
    "one more file": (lambda folder: (folder / "facts" / "x").write_text("x"), "not its own; the backup is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_no_whole_backup_of_ours_is_refused(name: str, taken: tuple[Path, int, int], tmp_path: Path) -> None:
    """Before anything is made of it, in a sentence that names the file."""
    damage, said = DAMAGES[name]
    folder = tmp_path / "copy"
    shutil.copytree(taken[0], folder)
    damage(folder)

    with pytest.raises(BackupError, match=said):
        backup.restore(folder, tmp_path / "store", quiet)

    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.live
def test_tables_other_than_the_manifest_says_are_no_store(taken: tuple[Path, int, int], tmp_path: Path) -> None:
    """The rows are counted and hashed before the path gets its name."""
    folder = tmp_path / "copy"
    shutil.copytree(taken[0], folder)
    tables = json.loads((folder / manifest.NAME).read_bytes())["tables"]
    _said(tables=tables | {"queue_sample": {"rows": 1, "hash": 1}})(folder)

    with pytest.raises(BackupError, match="queue_sample came out other"):
        backup.restore(folder, tmp_path / "store", quiet)

    assert list(tmp_path.iterdir()) == [folder]


def test_nothing_is_overwritten(live: Running, taken: tuple[Path, int, int], tmp_path: Path) -> None:
    """Neither a backup by a backup, nor a store, or anything else, by a restore."""
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    writer = live.writer()

    with pytest.raises(BackupError, match="is there already"):
        backup.back_up(writer, taken[0], "1", quiet)
    with pytest.raises(BackupError, match="holds something"):
        backup.restore(taken[0], tmp_path, quiet)
    with pytest.raises(BackupError, match="holds something"):
        backup.restore(taken[0], tmp_path / "mine", quiet)
    writer.close()


def test_a_backup_that_fails_leaves_nothing(live: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it ends before its end, no folder has its name; the store's own words say why."""
    writer = live.writer()
    monkeypatch.setattr(backup, "POINTERS", ("no_such_table",))

    with pytest.raises(BackupError, match="no_such_table"):
        backup.back_up(writer, tmp_path / "one", "1", quiet)

    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_was_started_anew_has_forgotten_the_backup() -> None:
    """Supervision brings a killed store back, which then knows of no backup: that is no half success."""

    class Anew(Store):
        def __init__(self) -> None:
            """Nobody is asked."""

        def command(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
            assert sql.startswith("BACKUP x TO File('/y') SETTINGS id = '")

        def query_rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
            return []

    with pytest.raises(BackupError, match="started anew"):
        backup._backed_up(Anew(), "x", Path("/y"))


def test_a_store_without_tables_is_not_backed_up(tmp_path: Path) -> None:
    """It would be a backup of nothing."""
    running = start(tmp_path / "store")
    writer = running.writer()

    with pytest.raises(BackupError, match="no tables yet"):
        backup.back_up(writer, tmp_path / "one", "1", quiet)

    writer.close()
    running.stop()


def test_the_commands_for_the_embedded_store_and_for_a_server(live: Running, tmp_path: Path) -> None:
    """`backup` finds the running store by the settings; of a ClickHouse server they say what to use instead."""
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(live.token_file, data / "store.token")
    config = tmp_path / "lynceus.yaml"
    config.write_text(f"data_dir: {data}\nembedded: {{listen: '{live.address}'}}\n", encoding="utf-8")
    server = tmp_path / "server.yaml"
    server.write_text("store: {url: 'http://clickhouse:8123', cluster: prod}\n", encoding="utf-8")
    run = CliRunner().invoke

    made = run(app, ["store", "backup", str(tmp_path / "one"), "--config", str(config)])
    again = run(app, ["store", "backup", str(tmp_path / "one"), "--config", str(config)])
    back = run(app, ["store", "restore", str(tmp_path / "one"), "--config", str(config)])
    refused = run(app, ["store", "backup", str(tmp_path / "two"), "--config", str(server)])

    assert (made.exit_code, "tables, " in made.stderr) == (0, True), made.stderr
    assert isinstance(again.exception, Failure)
    assert (back.exit_code, (data / "store" / "store").is_dir()) == (0, True), back.stderr
    assert isinstance(refused.exception, SettingsError)
    assert "BACKUP DATABASE lynceus TO Disk" in str(refused.exception)
    assert "ON CLUSTER 'prod'" in str(refused.exception)


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
