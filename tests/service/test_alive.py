"""What the image's HEALTHCHECK says of the pages' own server, over http, TLS and TLS with certificates of clients."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.catalog.counters import Counters
from collector.service import alive
from collector.service.http_server import serving
from collector.service.visitors import Visitors
from collector.settings.load import load_settings
from tests.kube import certificates
from tests.ports import free_port
from tests.web.fleet import a_view


def settings_file(folder: Path, listen: str, more: str = "") -> Path:
    """A file with the address of the pages."""
    file = folder / "settings.yaml"
    file.write_text(f"clusters: []\nhttp: {{listen: '{listen}'{more}}}\n")
    return file


def tls(folder: Path, client_ca: str = "") -> str:
    """Keys of `http` for a server with a certificate."""
    made = certificates.make(folder)
    certificate, key = made.of("server")
    return f", tls: {{cert: {certificate}, key: {key}{f', client_ca: {made.authority}' if client_ca else ''}}}"


@pytest.mark.parametrize(
    ("host", "more"),
    [
        ("127.0.0.1", lambda folder: ""),
        ("0.0.0.0", lambda folder: ", open: true"),
        ("127.0.0.1", tls),
        ("0.0.0.0", lambda folder: tls(folder, client_ca="yes")),
    ],
    ids=["plain", "every address", "TLS", "TLS with certificates of clients"],
)
async def test_a_collector_that_answers_is_alive(host: str, more: Callable[[Path], str], tmp_path: Path) -> None:
    """The check follows the settings; one that asks the wrong port or scheme would restart a collector that works."""
    file = settings_file(tmp_path, f"{host}:{free_port()}", more(tmp_path))

    settings = load_settings(file)
    async with serving(settings, a_view, Counters(), entrance=Visitors(settings).entrance):
        assert await asyncio.to_thread(alive.main, [str(file)]) == 0


def test_a_port_without_a_server_is_not_alive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert alive.main([str(settings_file(tmp_path, f"127.0.0.1:{free_port()}"))]) == 1
    assert "refused" in capsys.readouterr().err


async def test_a_server_with_another_answer_is_not_alive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another program on the port, or a server that fails."""

    async def fail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(fail, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await asyncio.to_thread(alive.main, [str(settings_file(tmp_path, f"127.0.0.1:{port}"))]) == 1

    assert "/healthz answered 500" in capsys.readouterr().err


def test_settings_that_cannot_be_read_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an argument it is the image's own file."""
    assert alive.main([str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml: cannot be read" in capsys.readouterr().err
    assert alive.main([]) == 1
    assert "/etc/lynceus/lynceus.yaml" in capsys.readouterr().err
