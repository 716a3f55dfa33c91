"""The rows of `lynceus check` about the store."""

from pathlib import Path
from typing import Any

import pytest

from collector.checked import Check
from collector.cli import check
from collector.cli.check import run_checks
from collector.settings.model import ClusterSettings, Settings, StoreSettings
from tests.ports import free_port
from tests.store.running import Running

NOWHERE = ClusterSettings(name="c1", kubeconfig="/nonexistent/kubeconfig")


async def check_store(folder: Path, **store: Any) -> Check:
    """The store's row, beside a cluster that does not even have a kubeconfig."""
    clusters, row = (await run_checks(Settings(clusters=(NOWHERE,), store=StoreSettings(**store)), folder))[1:]
    assert (clusters.ok, clusters.subject) == (False, "cluster c1")
    return row


async def test_a_store_that_accepts_rows_passes(running: Running, tmp_path: Path) -> None:
    """Other failures have their own rows."""
    row = await check_store(tmp_path, url=running.url, username="lynceus", password_file=str(running.token_file))

    assert row == Check(True, "store", f"{running.url} answers, and lynceus may write")


async def test_a_user_without_write_access_is_reported(running: Running, tmp_path: Path) -> None:
    """Such a store answers every query, and would accept no row."""
    row = await check_store(tmp_path, url=running.url)

    assert (row.ok, row.detail) == (False, f"{running.url}: default has read-only rights")
    assert "SELECT, INSERT, ALTER, CREATE, DROP and TRUNCATE on lynceus.*, and CLUSTER on *.*" in row.remedy


async def test_a_wrong_password_names_the_file(running: Running, tmp_path: Path) -> None:
    """The message does not name the address, which is right."""
    (tmp_path / "password").write_text("wrong", encoding="utf-8")
    row = await check_store(tmp_path, url=running.url, username="lynceus", password_file=str(tmp_path / "password"))

    assert not row.ok
    assert row.remedy.startswith("write the correct password into store.password_file")


async def test_a_missing_store_is_reported_in_a_line(tmp_path: Path) -> None:
    """The driver quotes its whole request; only the address and the reason help."""
    port = free_port()
    row = await check_store(tmp_path, url=f"http://127.0.0.1:{port}")

    assert row.detail == f"http://127.0.0.1:{port}: 127.0.0.1:{port}: Connection refused"
    assert row.remedy == "check store.url, and that the server is up"


async def test_the_embedded_store_is_checked_by_its_folder(tmp_path: Path) -> None:
    """The store cannot be asked before it runs."""
    row = (await run_checks(Settings(clusters=(NOWHERE,), data_dir=str(tmp_path / "data")), tmp_path))[-1]

    assert row == Check(True, "store", f"embedded, in {tmp_path / 'data'}")


async def test_an_installation_without_the_engine_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image for store.url lacks it; `run` would end with the same words."""
    monkeypatch.setattr(check, "find_spec", lambda name: None)
    row = (await run_checks(Settings(clusters=(NOWHERE,), data_dir=str(tmp_path / "data")), tmp_path))[-1]

    assert row == Check(False, "store", "the engine of the embedded store is not installed here", check.ENGINE_REMEDY)


async def test_each_address_of_the_store_has_a_row(running: Running, tmp_path: Path) -> None:
    """A collector passes over a server that is down; a check names it."""
    nowhere, down = ClusterSettings(name="c1", kubeconfig=str(tmp_path / "none")), f"http://127.0.0.1:{free_port()}"
    store = StoreSettings(url=(down, running.url), username="lynceus", password_file=str(running.token_file))
    rows = (await run_checks(Settings(clusters=(nowhere,), store=store), tmp_path))[-2:]

    assert [(row.ok, row.detail.split(" ")[0].rstrip(":")) for row in rows] == [(False, down), (True, running.url)]
