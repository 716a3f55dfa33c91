"""`lynceus migrate --verify` on a server of no cluster: the steps that make sense there, and nothing is left."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from collector.checked import Check
from collector.store.clickhouse import Store
from collector.store.schema.members import one_server
from collector.store.servers import steps
from collector.store.servers.scratch import left_behind, scratch
from collector.store.servers.trial import verify
from tests.commands import run_command
from tests.store.running import Running
from tests.store.servers.canned import MEMBERS, CannedStore


@pytest.fixture
def left(writer: Store) -> Iterator[list[str]]:
    """The scratch databases that a test leaves; none must be."""
    names: list[str] = []
    yield names
    names += [
        str(name) for (name,) in writer.query_rows("SELECT name FROM system.databases WHERE name LIKE '%verify%'")
    ]
    assert names == []


def test_a_single_server_does_what_makes_sense_there(writer: Store, left: list[str]) -> None:
    """Eight of the nine steps; no other server can be read."""
    lines = list(verify(writer, writer, ""))

    assert [line for line in lines if not line.ok] == []
    assert [line.subject for line in lines] == [
        "create", "insert", "repeat", "alter", "rollup", "claims", "view", "removed",
    ]  # fmt: skip


def test_the_command_verifies_and_migrates_nothing(running: Running, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Exit code 0, a line each."""
    settings = tmp_path_factory.mktemp("verify") / "lynceus.yaml"
    login = f"username: lynceus, password_file: {running.token_file}"
    settings.write_text(f"{{store: {{url: '{running.url}', {login}}}}}", encoding="utf-8")

    done = run_command("migrate", "--verify", "--config", str(settings))

    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 8


def test_a_step_that_fails_ends_it_and_leaves_nothing(writer: Store, left: list[str]) -> None:
    """A server whose inserts do not arrive: the step says so, later ones are not tried, the database is removed."""

    class Losing(CannedStore):
        def __init__(self) -> None:
            super().__init__({})

        def query_rows(self, sql, parameters=None):  # type: ignore[no-untyped-def]
            return writer.query_rows(sql, parameters)

        def command(self, sql, parameters=None, *rest):  # type: ignore[no-untyped-def]
            if not sql.startswith("INSERT"):
                writer.command(sql, parameters)

    lines = list(verify(Losing(), writer, "", within_s=0))

    assert [(line.subject, line.ok) for line in lines] == [("create", True), ("insert", False), ("removed", True)]
    assert "are read as 0 rows" in lines[1].detail


def test_an_end_in_the_middle_removes_the_scratch_database(writer: Store, left: list[str]) -> None:
    """Ctrl-C closes the generator; `finally` removes what was made."""
    with closing(verify(writer, writer, "")) as lines:
        assert isinstance(next(lines), Check)
        assert len(writer.query_rows("SELECT 1 FROM system.databases WHERE name LIKE 'lynceus_verify_%'")) == 1


def test_what_a_killed_run_left_is_removed_an_hour_later(writer: Store, left: list[str]) -> None:
    """Its name has the time; a younger one may be of a run that still goes on, another name is somebody else's."""
    now = int(time.time())
    old, young, other = f"lynceus_verify_{now - 3700}_0123abcd", f"lynceus_verify_{now}_0123abcd", "lynceus_verify_mine"
    for name in (old, young, other):
        writer.command(f"CREATE DATABASE {name} ENGINE = Atomic")

    found = left_behind(one_server(writer))
    first = next(iter(verify(writer, writer, "")))
    remaining = {name for (name,) in writer.query_rows("SELECT name FROM system.databases")}
    for name in (young, other):
        writer.command(f"DROP DATABASE {name} SYNC")

    assert found == [old]
    assert first == Check(True, "left behind", f"{old} of an earlier run is removed")
    assert {young, other} <= remaining
    assert old not in remaining


def test_nothing_is_made_while_a_server_is_down() -> None:
    """It would make the scratch database when it returns, long after this has ended."""
    answers: dict[str, Any] = {"clusterAllReplicas": [(1, "26.9")], "'clusters'": [], "system.clusters": MEMBERS}
    store = CannedStore(answers)

    (line,) = verify(store, store, "prod")

    assert not line.ok
    assert "not n2:9000, n3:9000, n4:9000" in line.detail
    assert store.commands == []


def test_a_missing_cluster_is_one_line() -> None:
    """A typing error in store.cluster."""
    store = CannedStore({})

    assert [line.detail for line in verify(store, store, "prd")] == ["there is no cluster 'prd' in system.clusters"]


def test_statements_mean_the_scratch_database(writer: Store, left: list[str]) -> None:
    """The real tables are not touched, however the name is written."""
    with scratch(writer, writer, one_server(writer), "plain") as trial:
        steps.create(trial)
        trial.store.command("INSERT INTO lynceus.period (month, active_run) VALUES ('2020-01-01', 7)")
        made = trial.store.query_rows(
            "SELECT count() FROM system.tables WHERE database = {database:String}", {"database": "lynceus"}
        )

    assert made == [(len(steps.TABLES),)]
    assert writer.query_rows("SELECT count() FROM lynceus.period WHERE active_run = 7") == [(0,)]
