"""`lynceus spool salvage`: the readable rows of a file that was set aside reach the store."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from collector.cli.main import app
from collector.core.messages import Commit
from collector.store.clickhouse import Store
from collector.store.spool.spool import open_spool
from tests.store.facts import a_sample
from tests.store.running import Running
from tests.store.spool.spooled import NOW


@pytest.fixture
def settings(running: Running, writer: Store, tmp_path: Path) -> Path:
    """Settings of a collector that writes to the store of the tests, whose tables are empty."""
    for table in ("queue_sample", "watch_gap", "quarantine"):
        writer.command(f"TRUNCATE TABLE lynceus.{table}")
    kubeconfig = tmp_path / "kubeconfig.yaml"
    kubeconfig.write_text(
        "{clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], "
        "contexts: [{name: c, context: {cluster: c, user: u}}], current-context: c, users: [{name: u, user: {}}]}",
        encoding="utf-8",
    )
    file = tmp_path / "lynceus.yaml"
    file.write_text(
        f"clusters: [{{name: c, kubeconfig: {kubeconfig}}}]\n"
        f"store: {{url: '{running.url}', username: lynceus, password_file: {running.token_file}}}\n",
        encoding="utf-8",
    )
    return file


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A file with two pieces of five rows; one is damaged."""
    file = tmp_path / "spool.sqlite.damaged-1"
    spool = open_spool(file, 1 << 30, NOW)
    for start in (0, 5):
        spool.commit(Commit(at=NOW, facts=[a_sample(start + n) for n in range(5)]))
    spool._connection.execute("UPDATE fact SET body = x'90' WHERE seq = 2")
    spool.close()
    return file


def stored(writer: Store) -> list[int]:
    return [depth for (depth,) in writer.query_rows("SELECT depth FROM lynceus.queue_sample FINAL ORDER BY depth")]


def test_readable_rows_are_sent_and_lost_ones_are_a_gap(damaged: Path, settings: Path, writer: Store) -> None:
    """A second time changes nothing."""
    for _ in range(2):
        result = CliRunner().invoke(app, ["spool", "salvage", str(damaged), "--config", str(settings)])

        assert result.exit_code == 0, result.output
        assert result.output.splitlines() == ["queue_sample: 5 rows sent", "lost: 5 rows of queue_sample"]
        assert stored(writer) == [*range(5)]
        assert writer.query_rows("SELECT cluster, cause FROM lynceus.watch_gap FINAL") == [("c", "spool damaged")]
        assert writer.query_rows("SELECT count() FROM lynceus.quarantine FINAL") == [(1,)]


def test_a_dry_run_counts(damaged: Path, settings: Path, writer: Store) -> None:
    """Nothing is sent."""
    result = CliRunner().invoke(app, ["spool", "salvage", str(damaged), "--dry-run", "--config", str(settings)])

    assert result.output.splitlines() == ["queue_sample: 5 rows readable", "lost: 5 rows of queue_sample"]
    assert stored(writer) == []


def test_a_file_that_is_no_spool_is_an_error(tmp_path: Path, settings: Path) -> None:
    """One sentence names the file, which stays as it is."""
    file = tmp_path / "other"
    file.write_bytes(b"not a spool" * 1000)

    result = CliRunner().invoke(app, ["spool", "salvage", str(file), "--config", str(settings)])

    assert result.exit_code == 1
    assert f"{file}: nothing in it can be read" in str(result.exception)
    assert file.read_bytes() == b"not a spool" * 1000


def test_the_spool_of_a_running_collector_is_refused(tmp_path: Path, settings: Path) -> None:
    """It sends its rows itself."""
    spool = open_spool(tmp_path / "spool.sqlite", 1 << 30, NOW)
    result = CliRunner().invoke(app, ["spool", "salvage", str(tmp_path / "spool.sqlite"), "--config", str(settings)])
    spool.close()

    assert result.exit_code == 1
    assert "another Lynceus uses it" in str(result.exception)
