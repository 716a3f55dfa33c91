"""Another user's program at the store's port gets nothing of ours; our own programs reach the store all the same."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import structs
from typer.testing import CliRunner

from collector import connect
from collector.cli.main import app
from collector.service import run
from collector.settings.model import ClusterSettings, EmbeddedSettings, Settings
from collector.store import clickhouse
from collector.store.clickhouse import StoreError, StoreUnreachableError
from collector.store.schema.migrate import load
from tests.ports import free_port
from tests.running import a_service, running


@contextmanager
def rogue() -> Iterator[tuple[int, list[bytes]]]:
    """A server that records all that it gets, and answers everything with success."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(client: socket.socket) -> None:
        with client:
            while got := client.recv(65536):
                heard.append(got)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-ClickHouse-Timezone: UTC\r\n\r\nOk.\n")

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def settings_of(folder: Path, port: int, **embedded: str) -> Settings:
    kubeconfig = folder / "kube.yaml"
    kubeconfig.write_text("apiVersion: v1\nkind: Config\n", encoding="utf-8")
    chosen = a_service(folder, ClusterSettings(name="absent", kubeconfig=str(kubeconfig)))
    return structs.replace(chosen, embedded=EmbeddedSettings(listen=f"127.0.0.1:{port}", **embedded))


def command(folder: Path, chosen: Settings, *words: str) -> str:
    """What a command of this user prints, with the collector's settings."""
    embedded, config = chosen.embedded, folder / "lynceus.yaml"
    reader = f", reader_token_file: {embedded.reader_token_file}" if embedded.reader_token_file else ""
    config.write_text(
        f"data_dir: {chosen.data_dir}\nembedded: {{listen: '{embedded.listen}'{reader}}}\n", encoding="utf-8"
    )
    result = CliRunner().invoke(app, [*words, "--config", str(config)])
    return f"{result.output}{result.exception or ''}"


COMMANDS = (
    ("period", "list"),
    ("period", "lock", "2026-10"),
    ("reprice", "--from", "2026-10-01", "--to", "2026-11-01"),
    ("store", "backup", "copy"),
    ("report", "cost", "--from", "2026-10-01", "--to", "2026-10-02"),
)


async def test_a_program_at_the_stores_port_gets_no_token(tmp_path: Path) -> None:
    """Neither the collector's nor a command's, of the writer or of readers, and not one that a release before left."""
    (tmp_path / "data").mkdir(mode=0o700)
    for name in ("data/store.token", "reader.token"):
        (tmp_path / name).write_text(f"secret of {name} 0123456789", encoding="ascii")
        (tmp_path / name).chmod(0o600)
    with rogue() as (port, heard):
        chosen = settings_of(tmp_path, port, reader_token_file=str(tmp_path / "reader.token"))
        with pytest.raises(connect.ExternalError, match="is taken by another process"):
            await run.run(chosen, Path())
        printed = [await asyncio.to_thread(command, tmp_path, chosen, *words) for words in COMMANDS]

    everything = b"".join(heard).lower()
    assert b"authorization" not in everything
    assert b"x-clickhouse-key" not in everything
    assert b"lynceus:" not in everything
    assert not (tmp_path / "data" / "store.token").exists()
    assert ["nothing serves" in text for text in printed] == [True] * len(COMMANDS), printed


async def test_commands_reach_the_running_store_and_its_port_has_no_writer(tmp_path: Path) -> None:
    """The socket is beside the store, and this user's alone; at the port one only reads."""
    chosen = settings_of(tmp_path, free_port(), reader_token_file="")
    async with running(chosen) as collector:
        await collector.until(f"SELECT count() = {len(load())} FROM schema_migrations FINAL")
        printed = await asyncio.to_thread(lambda: command(tmp_path, chosen, "period", "lock", "2026-10"))
        stranger = clickhouse.connect(f"http://{chosen.embedded.listen}", "lynceus")
        with pytest.raises(StoreError, match="Authentication failed"):
            await asyncio.to_thread(stranger.query_rows, "SELECT 1")
        door = tmp_path / "data" / "store.run" / "writer.socket"
        modes = [oct(place.stat().st_mode & 0o777) for place in (door, door.parent)]
        writer = connect.writing_store(chosen)
        readonly = await asyncio.to_thread(writer.query_rows, "SELECT getSetting('readonly')")
        writer.close()

    assert "locked" in printed
    assert modes == ["0o600", "0o700"]
    assert readonly == [(0,)]
    assert not list((tmp_path / "data").glob("*.token"))


async def test_a_long_path_is_no_trouble(tmp_path: Path) -> None:
    """The kernel's limit for a socket's path is about a hundred bytes."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    chosen = settings_of(folder, free_port())
    async with running(chosen) as collector:
        await collector.until("SELECT count() = 0 FROM pod_run")
        assert await asyncio.to_thread(connect.writing_store(chosen).query_rows, "SELECT 1") == [(1,)]


def test_a_folder_that_others_may_write_is_not_trusted(tmp_path: Path) -> None:
    """Somebody else's socket could stand there."""
    folder = tmp_path / "store.run"
    folder.mkdir()
    folder.chmod(0o777)
    store = connect.writing_store(Settings(data_dir=str(tmp_path)))

    with pytest.raises(StoreUnreachableError, match="belongs to others"):
        store.query_rows("SELECT 1")
