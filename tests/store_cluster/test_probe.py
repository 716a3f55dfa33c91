"""What keeps the collector from serving, on two servers: users who read rows of others, found by logging in as them."""

from pathlib import Path

import pytest

from collector.cli.check_store_users import check_store_users
from collector.connect import ExternalError
from collector.service.store_probe import StoreProbe, leaks_of
from collector.settings.load import load_settings
from collector.settings.model import Settings
from collector.store.servers.users import user_of
from tests.commands import run_command
from tests.store_cluster.servers import TwoShards


def settings(shards: TwoShards, tmp_path: Path, *users: str, password: Path | None = None) -> Settings:
    """The cluster of both servers, with the users that are checked."""
    urls = ", ".join(f"'{node.url}'" for node in shards.nodes)
    login = f"username: writer, password_file: {shards.folder / 'writer'}, cluster: prod"
    file = tmp_path / "lynceus.yaml"
    file.write_text(
        f"store: {{url: [{urls}], {login}}}\naccess: {{store_users: [{', '.join(users)}]}}", encoding="utf-8"
    )
    return load_settings(file)


def a_department(shards: TwoShards, name: str, *departments: str) -> str:
    password = shards.folder / "passwords" / user_of(name)
    return (
        f"{{username: {user_of(name)}, password_file: {password}, departments: [{', '.join(departments or (name,))}]}}"
    )


def stranger(shards: TwoShards) -> str:
    """A user with SELECT on all of the database whom no filter names."""
    return f"{{username: reader, password_file: {shards.folder / 'reader'}}}"


async def test_users_that_read_their_own_rows_pass(owned: TwoShards, tmp_path: Path) -> None:
    """On both servers, asked as each of them; and `lynceus check` says so."""
    given = settings(owned, tmp_path, a_department(owned, "maps"), a_department(owned, "radar"))
    probe = StoreProbe(given)

    async with probe.watching():
        assert probe.leaks == []
    assert [(line.ok, line.subject) for line in check_store_users(given)] == [
        (True, "store user lynceus_dept_maps"),
        (True, "store user lynceus_dept_maps"),
        (True, "store user lynceus_dept_radar"),
        (True, "store user lynceus_dept_radar"),
    ]


async def test_a_user_that_no_policy_names_keeps_the_collector_from_starting(owned: TwoShards, tmp_path: Path) -> None:
    """ClickHouse lets it read every row."""
    given = settings(owned, tmp_path, a_department(owned, "maps"), stranger(owned))

    with pytest.raises(ExternalError, match="reader reads rows of other departments in lynceus"):
        async with StoreProbe(given).watching():
            pass
    failed = [line for line in check_store_users(given) if not line.ok]
    assert [line.subject for line in failed] == ["store user reader"] * 2
    assert "lynceus generate users" in failed[0].remedy


def test_the_collector_ends_before_it_serves(owned: TwoShards, tmp_path: Path) -> None:
    """With exit code 1 and the remedy."""
    settings(owned, tmp_path, stranger(owned))
    (tmp_path / "clusters").mkdir()
    file = tmp_path / "lynceus.yaml"
    file.write_text(f"{file.read_text()}\ndiscovery: {{argocd_secrets: {tmp_path / 'clusters'}}}\n", encoding="utf-8")
    done = run_command("run", "--config", str(file))

    assert done.returncode == 1
    assert "access.store_users: reader reads rows of other departments" in done.stderr


def test_every_table_of_a_leak_is_named(owned: TwoShards, tmp_path: Path) -> None:
    """Those of a shard too; the second server reads whole tables from the first here."""
    given = settings(owned, tmp_path, stranger(owned))
    found = leaks_of(given, given.access.store_users[0], owned.nodes[0].url)

    for table in (
        "workflow_run",
        "workflow_live_local",
        "pod_cost_local",
        "cost_daily",
        "statement_current",
        "pod_run",
    ):
        assert any(line.endswith(f"lynceus.{table}") for line in found), table


def test_rows_of_a_department_too_many_are_found(owned: TwoShards, tmp_path: Path) -> None:
    """A user whose policy names another department than the settings."""
    given = settings(owned, tmp_path, a_department(owned, "radar", "maps"))
    found = leaks_of(given, given.access.store_users[0], owned.nodes[1].url)

    assert "rows of other departments in lynceus.pod_cost" in found


async def test_a_server_that_does_not_answer_is_not_a_leak(owned: TwoShards, tmp_path: Path) -> None:
    """Nor is a wrong password; the look is repeated."""
    (tmp_path / "wrong").write_text("wrong", encoding="utf-8")
    given = settings(owned, tmp_path, f"{{username: reader, password_file: {tmp_path / 'wrong'}}}")
    probe = StoreProbe(given)

    async with probe.watching():
        assert (probe.look(), probe.leaks) == (False, [])
    assert "Authentication failed" in check_store_users(given)[0].detail
