"""`lynceus check --store`: on a real server without a cluster, and what it says where it may not ask."""

from pathlib import Path

from collector.cli.check import examine_store
from collector.settings.model import EmbeddedSettings, Settings, StoreSettings
from collector.store.clickhouse import Store, StoreRefusedError
from collector.store.servers.examine import ExaminedStore, examine
from collector.store.servers.rights import Privilege, grants, missing_rights
from tests.commands import run_command
from tests.ports import free_port
from tests.store.running import Running
from tests.store.servers.canned import MEMBERS, CannedStore


def test_a_server_of_no_cluster_has_fewer_lines(running: Running) -> None:
    """Nothing is asked of a cluster that there is not; every line is in order."""
    store = StoreSettings(url=running.url, username="lynceus", password_file=str(running.token_file))

    lines = examine_store(Settings(store=store))

    assert [line for line in lines if not line.ok] == []
    assert [line.subject for line in lines] == [
        "store", "store: settings", "store: rights", "store: database", "store: tables", "store: clock",
    ]  # fmt: skip
    assert "ClickHouse" in lines[0].detail


def test_the_embedded_store_is_examined_where_it_listens(running: Running) -> None:
    """Through the socket of the data directory."""
    lines = examine_store(
        Settings(data_dir=str(running.path.parent), embedded=EmbeddedSettings(listen=running.address))
    )

    assert [line for line in lines if not line.ok] == []
    assert lines[0].detail.startswith(f"the embedded store, {running.address} answers")


def test_an_embedded_store_that_does_not_run_is_one_line(tmp_path: Path) -> None:
    """Nothing can be asked."""
    (tmp_path / "store.token").write_text("x", encoding="ascii")
    listen = f"127.0.0.1:{free_port()}"

    (line,) = examine_store(Settings(data_dir=str(tmp_path), embedded=EmbeddedSettings(listen=listen)))

    assert not line.ok
    assert line.remedy == "start `lynceus run`"


def test_the_command_ends_with_2_and_the_remedy(tmp_path: Path) -> None:
    """The same lines and the same exit code as `lynceus check`."""
    settings = tmp_path / "lynceus.yaml"
    settings.write_text(f"{{store: {{url: 'http://127.0.0.1:{free_port()}'}}}}", encoding="utf-8")

    done = run_command("check", "--store", "--config", str(settings))

    assert done.returncode == 2
    assert "remedy: check store.url, and that the server is up" in done.stdout


def test_a_reader_lacks_rights_and_settings(reader: Store) -> None:
    """The embedded store's readers are refused what a writer needs; each lack is a line."""
    lines = {line.subject: line for line in examine(reader, ExaminedStore("here", "default", "", ""))}

    assert not lines["store: settings"].ok
    assert lines["store: clock"].ok


class Granted(CannedStore):
    """A server that knows which rights an account has."""

    def __init__(self, *lacking: str, code: int = 0):
        super().__init__({})
        self._lacking, self._code = lacking, code

    def answer(self, sql: str) -> str:
        if self._code:
            raise StoreRefusedError("no such statement", self._code)
        return str(int(not any(f"GRANT {privilege} ON" in sql for privilege in self._lacking)))


def test_each_missing_right_is_named_with_its_grant() -> None:
    """CLUSTER, DROP and TRUNCATE are needed too: for statements on all servers, and for rollups."""
    missing = missing_rights(Granted("CLUSTER", "TRUNCATE", "DROP TABLE"), "prod")

    assert missing == [
        Privilege("DROP TABLE", "lynceus.*"),
        Privilege("TRUNCATE", "lynceus.*"),
        Privilege("CLUSTER", "*.*"),
    ]
    assert grants(missing, "w") == "GRANT DROP TABLE, TRUNCATE ON lynceus.* TO w; GRANT CLUSTER ON *.* TO w"


def test_one_server_needs_no_right_of_a_cluster() -> None:
    """Nor the right to ask other servers."""
    assert missing_rights(Granted("CLUSTER", "REMOTE"), "") == []


def test_a_version_without_check_grant_gives_no_answer() -> None:
    """The statement itself is refused there."""
    assert missing_rights(Granted(code=62), "prod") is None


def test_a_denied_question_is_a_line_and_the_others_answer() -> None:
    """A line for each, with the grant that lets it be asked, and no failure."""
    denied = StoreRefusedError("it's necessary to have the grant READ ON REMOTE. (ACCESS_DENIED)", 497)
    store = CannedStore({
        "clusterAllReplicas": denied,
        "SELECT version()": [("25.3.1",)],
        "'clusters'": [("internal_replication",)],
        "system.clusters": MEMBERS,
    })  # fmt: skip

    lines = examine(store, ExaminedStore("here", "w", "prod", ""))
    unasked = [line for line in lines if line.detail.startswith("could not be asked") and line.remedy]

    assert lines[0].detail == "here answers: ClickHouse 25.3.1; Lynceus is tested with 26.9"
    assert {line.remedy for line in unasked} == {"GRANT REMOTE ON *.* TO w"}
    assert not any(line.needed for line in unasked)
    assert next(line for line in lines if line.subject == "store: internal_replication").ok


def test_a_cluster_that_is_not_there_ends_the_lines() -> None:
    """A typing error in store.cluster."""
    lines = examine(CannedStore({"SELECT version()": [("26.9.1",)]}), ExaminedStore("here", "w", "prd", ""))

    assert (lines[-1].ok, lines[-1].detail) == (False, "there is no cluster 'prd' in system.clusters")
