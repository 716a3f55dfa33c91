"""How a cluster of servers is queried: the settings of every statement, and which of several servers gets it."""

from collections.abc import Iterator
from unittest.mock import Mock

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import ProgrammingError

from collector.catalog.bills import PERIOD
from collector.catalog.workflows import QUEUE_SAMPLE
from collector.connect import ExternalError, reading_store, store_failures, writing_store
from collector.settings.model import Settings, StoreSettings
from collector.store.claim import acquire_claim
from collector.store.clickhouse import Store, StoreError, StoreRefusedError, StoreUnreachableError, connect
from collector.store.client_settings import fit_quorum
from collector.store.sharded import writer_settings
from tests.ports import free_port
from tests.store.facts import a_sample, row_of
from tests.store.recording import Answer, Recorder, Statement, recording
from tests.store.running import Running

AWAITS_QUORUM = Answer("Code: 286. DB::Exception: Quorum for previous write has not been satisfied yet.", 286)


@pytest.fixture
def recorder(running: Running) -> Iterator[Recorder]:
    with recording(running) as one:
        yield one


def settings(running: Running, *urls: str, **more: object) -> Settings:
    store = {"username": "lynceus", "password_file": str(running.token_file), "cluster": "prod"} | more
    return Settings(store=StoreSettings(url=urls, **store))  # type: ignore[arg-type]


def chosen(statement: Statement) -> dict[str, str]:
    return {name: statement.settings.get(name, "") for name in writer_settings(60)}


def as_text(values: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def a_month(version: int) -> list[object]:
    return [20_000, version, 1, "open", None, "", {}, 0, {}, "", {}]


def test_every_statement_to_a_cluster_waits_until_it_is_done(running: Running, recorder: Recorder) -> None:
    """Inserts on the shards and on a quorum, whole answers, one pointer for all shards, no replica that lags."""
    store = writing_store(settings(running, recorder.url))
    store.command("INSERT INTO lynceus.pod_cost (cluster, pod_uid) SELECT 'c', 'p' WHERE 0")
    store.insert(PERIOD, [a_month(1)], "one")
    store.query_rows("SELECT count() FROM lynceus.cost_current")
    store.close()

    sent = recorder.of("INSERT", "SELECT count()")
    assert len(sent) == 3
    assert [chosen(one) for one in sent] == [as_text(writer_settings(60))] * 3
    assert [one.settings.get("insert_quorum_parallel") for one in sent] == [None, "0", None]


def test_what_a_cluster_waits_for_ends_before_the_connection_does() -> None:
    """Else the answer is that nothing answers, and no server is named."""
    for timeout_s in (10, 60, 600):
        chosen = writer_settings(timeout_s)
        assert chosen["insert_quorum_timeout"] < 1000 * timeout_s
        assert chosen["distributed_ddl_task_timeout"] < timeout_s


def test_a_quorum_is_as_large_as_the_settings_say(running: Running, recorder: Recorder) -> None:
    """For those who rather lose a replica's last rows than wait for it."""
    store = writing_store(settings(running, recorder.url, insert_quorum=0))
    store.query_rows("SELECT 1")
    store.close()

    assert recorder.statements[-1].settings["insert_quorum"] == "0"


def test_a_readers_connection_waits_for_no_replica(running: Running, recorder: Recorder) -> None:
    """Reports are answered while one is down or behind; a query still has one answer of all shards."""
    store = reading_store(settings(running, recorder.url), "")
    store.query_rows("SELECT 1")
    store.close()

    sent = recorder.statements[-1].settings
    assert (sent["distributed_product_mode"], sent["prefer_global_in_and_join"]) == ("global", "1")
    assert not {"insert_quorum", "select_sequential_consistency", "load_balancing"} & sent.keys()


def test_a_long_answer_is_not_kept_until_it_ends(running: Running, recorder: Recorder) -> None:
    """A stream is read while the store makes it."""
    store = writing_store(settings(running, recorder.url))
    assert list(store.query_stream("SELECT number FROM numbers(3)")) == [(0,), (1,), (2,)]
    store.close()

    assert recorder.statements[-1].settings["wait_end_of_query"] == "0"


def test_an_insert_in_order_waits_for_the_one_before_it(running: Running, recorder: Recorder) -> None:
    """Two collectors write a month's first row at once: the servers take one after the other."""
    left = [AWAITS_QUORUM, AWAITS_QUORUM]
    recorder.instead = lambda statement: left.pop() if left and statement.sql.startswith("INSERT INTO") else None
    store = writing_store(settings(running, recorder.url))

    store.insert(PERIOD, [a_month(2)], "two")

    assert left == []
    assert len(recorder.of("INSERT")) == 3
    store.close()


def test_without_a_quorum_the_refusal_names_replicas(
    running: Running, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows wait in the spool, and the cause names replicas."""
    monkeypatch.setattr("collector.store.clickhouse._AWAIT_QUORUM_S", (0.0,))
    recorder.instead = lambda statement: AWAITS_QUORUM if statement.sql.startswith("INSERT INTO") else None
    store = writing_store(settings(running, recorder.url))

    with pytest.raises(StoreRefusedError) as refused:
        acquire_claim(store, "quorum", "a", 1, 60)
    assert refused.value.cause == "store_replicas"
    assert str(refused.value).startswith("an earlier insert still waits for its replicas: ")
    with (
        pytest.raises(ExternalError, match=r"^the store refused: an earlier insert .*: Code: 286\. DB::Exc"),
        store_failures(),
    ):
        acquire_claim(store, "quorum", "a", 1, 60)
    store.close()


def test_of_two_that_claim_through_two_servers_the_token_lets_one(running: Running, recorder: Recorder) -> None:
    """Both saw the same claim before theirs, so both send one token, and of these replicas take one row."""
    store = writing_store(settings(running, recorder.url))
    assert acquire_claim(store, "token", "a", 1_000, 60)
    assert acquire_claim(store, "token", "a", 2_000, 60)
    store.close()

    sent = recorder.of("INSERT")
    assert [one.settings["insert_deduplication_token"] for one in sent] == ["claim token 1", "claim token 2"]
    assert {one.settings["insert_quorum_parallel"] for one in sent} == {"0"}


def test_another_server_is_used_when_one_is_down(running: Running) -> None:
    """The first statement is answered already."""
    store = connect([f"http://127.0.0.1:{free_port()}", running.url])

    assert store.query_rows("SELECT 1") == [(1,)]
    store.close()


def test_a_server_is_used_until_it_fails(running: Running, recorder: Recorder) -> None:
    """A rollup's staging table is on one server, and what is written is read back where it was written."""
    with recording(running) as second:
        store = connect([recorder.url, second.url])
        for _ in range(3):
            store.query_rows("SELECT 1")
        assert second.statements == []

        recorder.instead = lambda _: Answer("Code: 242. DB::Exception: Table is in readonly mode.", 242)
        with pytest.raises(StoreRefusedError):
            store.query_rows("SELECT 1")
        recorder.instead = lambda _: None
        store.query_rows("SELECT 2")
        store.query_rows("SELECT 3")
        assert [one.sql.split("\n")[0] for one in second.statements[-2:]] == ["SELECT 2", "SELECT 3"]
        store.close()


def test_a_bad_statement_changes_no_server(running: Running, recorder: Recorder) -> None:
    """Every server would refuse it."""
    with recording(running) as second:
        store = connect([recorder.url, second.url])
        with pytest.raises(StoreRefusedError):
            store.query_rows("SELECT no_such_column")
        store.query_rows("SELECT 1")
        assert second.statements == []
        store.close()


def test_servers_that_are_all_down_are_all_named() -> None:
    """With the reason of each."""
    ports = free_port(), free_port()
    store: Store = connect([f"http://127.0.0.1:{port}" for port in ports], connect_timeout_s=1)

    with pytest.raises(StoreUnreachableError) as error:
        store.ping()
    assert all(f"127.0.0.1:{port}: Connection refused" in str(error.value) for port in ports)


def test_settings_that_a_profile_fixes_are_left_out_for_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader's account may be read-only, and its view has one pointer anyway; a writer is refused with the reason."""
    accepted: list[str] = []

    def set_one(name: str, _: object) -> None:
        if name == "fixed":
            raise ProgrammingError("Setting fixed is readonly")
        accepted.append(name)

    monkeypatch.setattr(clickhouse_connect, "get_client", lambda **_: Mock(set_client_setting=set_one))
    chosen = {"fixed": 1, "free": 2}

    connect("http://nowhere", settings=chosen, optional=True).command("SELECT 1")
    assert accepted == ["free"]
    with pytest.raises(StoreError, match="Setting fixed is readonly"):
        connect("http://nowhere", settings=chosen).command("SELECT 1")


def test_a_sharded_table_takes_inserts_at_once(running: Running, recorder: Recorder) -> None:
    """In order they would wait for one another, and there are many collectors."""
    store = writing_store(settings(running, recorder.url))
    store.insert(QUEUE_SAMPLE, [row_of(a_sample(1))], "sample")
    store.close()

    (insert,) = recorder.of("INSERT")
    assert "insert_quorum_parallel" not in insert.settings


def test_pricing_runs_are_read_as_they_are_now(running: Running, recorder: Recorder) -> None:
    """A collector that read an old month from a replica that lags would write into a locked one."""
    for cluster in ("prod", ""):
        store = reading_store(settings(running, recorder.url, cluster=cluster), "", sequential=True)
        store.query_rows("SELECT 1")
        store.close()
        assert recorder.statements[-1].settings["select_sequential_consistency"] == "1"


@pytest.mark.parametrize(
    ("replicas", "of_shards", "of_all"),
    [((1, 1), "0", "0"), ((1, 2), "0", "auto"), ((2, 2), "auto", "auto"), ((0, 0), "auto", "auto")],
)
def test_the_only_replica_of_a_shard_is_its_own_quorum(replicas: tuple[int, int], of_shards: str, of_all: str) -> None:
    """ClickHouse would wait for another one until the insert is given up; other tables are on all servers."""
    chosen: dict[str, object] = {"insert_quorum": "auto"}
    client = Mock(get_client_setting=chosen.get, set_client_setting=chosen.__setitem__)
    client.query.return_value.result_rows = [replicas]

    of_whole_tables = fit_quorum(client, "prod")

    assert str(chosen["insert_quorum"]) == of_shards
    assert str({**chosen, **of_whole_tables}["insert_quorum"]) == of_all


def test_replicas_are_counted_where_the_store_is_opened(running: Running, recorder: Recorder) -> None:
    """An engine without clusters counts none, and the settings stay as they are."""
    store = writing_store(settings(running, recorder.url, cluster="{cluster}"))
    store.insert(PERIOD, [a_month(3)], "three")
    store.close()

    (count,) = [one for one in recorder.statements if "system.clusters" in one.sql]
    assert count.settings["param_cluster"] == "{cluster}"
    assert recorder.of("INSERT")[0].settings["insert_quorum"] == "auto"
