"""Lynceus on two ClickHouse servers as two shards: the schema, every figure of one server, users, and what is examined."""

from pathlib import Path

import pytest

from collector.billing.reprice import activate, prepare
from collector.catalog.bills import MONTH_STATEMENT, PERIOD, POD_COST, PRICING_RUN, STATEMENT_LINE
from collector.catalog.tables import TABLES, local_name
from collector.store.clickhouse import Store, StoreRefusedError
from collector.store.schema.migrate import SchemaError, migrate
from collector.store.servers.trial import verify
from collector.store.sharded import writer_settings
from tests.billing.stored import a_preparation, current, dearer
from tests.commands import run_command
from tests.store.running import Running
from tests.store_cluster.filled import facts, fill
from tests.store_cluster.servers import PlayedStore, TwoShards

EARLY = {**writer_settings(60), "distributed_foreground_insert": 0}
REPORTS = (
    ("cost",),
    ("cost", "--by", "department,day"),
    ("cost", "--by", "template"),
    ("cost", "--by", "cluster"),
    ("queue",),
    ("success",),
)


@pytest.fixture(scope="module")
def filled(shards: TwoShards, alone: Running) -> None:
    """The same facts in both stores, and their rollups."""
    stores = (shards.played(), alone.writer())
    for store in stores:
        fill(store, facts())
        store.close()


def test_migrations_are_applied_once(sharded: PlayedStore) -> None:
    """A second start finds nothing to do, through the other server too."""
    assert migrate(sharded, "prod") == []


def test_rows_are_on_the_shard_of_their_key(shards: TwoShards, sharded: PlayedStore, filled: None) -> None:
    """Both have some; a table of all shards has the sum; none is on two."""
    counts = [
        shards.store(node).query_rows("SELECT count() FROM lynceus.pod_cost_local FINAL WHERE run = 1")[0][0]
        for node in shards.nodes
    ]
    twice = (
        "SELECT count() FROM (SELECT pod_uid FROM lynceus.pod_cost GROUP BY pod_uid HAVING uniqExact(_shard_num) > 1)"
    )

    assert all(counts)
    assert sum(counts) == sharded.query_rows("SELECT count() FROM lynceus.pod_cost FINAL WHERE run = 1")[0][0] == 90
    assert sharded.query_rows(twice) == [(0,)]


@pytest.mark.parametrize("report", REPORTS, ids=" ".join)
@pytest.mark.parametrize("node", [0, 1], ids=["first server", "second server"])
def test_reports_are_those_of_one_server(
    report: tuple[str, ...], node: int, shards: TwoShards, alone: Running, filled: None
) -> None:
    """Digit for digit, through either server, by an account that may only read."""
    span = ("--from", "2026-11-20", "--to", "2026-11-24", "--format", "csv")

    one = run_command("report", *report, *span, "--url", alone.url)
    two = run_command("report", *report, *span, "--config", str(shards.settings_file(user="reader", node=node)))

    assert (one.returncode, two.returncode) == (0, 0), two.stderr
    assert len(one.stdout.splitlines()) > 1
    assert two.stdout == one.stdout


def test_every_table_is_read_alike(shards: TwoShards, alone: Running, filled: None) -> None:
    """The rows of each table, through both servers and in the store of one."""
    stores = [shards.store(node) for node in shards.nodes] + [alone.writer()]
    for table in (table for table in TABLES if table not in (PRICING_RUN, PERIOD)):  # they have times of a repricing
        timed = (
            ("version", "complete_until") if table in (MONTH_STATEMENT, STATEMENT_LINE) else ()
        )  # of the computation
        columns = ", ".join(f"`{column.name}`" for column in table.stored if column.name not in timed)
        sql = f"SELECT {columns} FROM lynceus.{table.name} FINAL {'WHERE run = 1' * (table is POD_COST)}"
        read = [sorted(map(repr, store.query_rows(sql))) for store in stores]
        assert read[0] == read[1] == read[2], table.name


def test_a_month_is_repriced_alike(
    shards: TwoShards, sharded: PlayedStore, single: Store, filled: None, tmp_path: Path
) -> None:
    """The charges of the new run count from the moment of the turn, and no row waits for its shard."""
    before = current(sharded)
    bills = []
    for store in (sharded, single):
        work = a_preparation(store, dearer(tmp_path))
        prepare(work)
        activate(work)
        bills.append(current(store))

    assert bills[0] == bills[1]
    assert bills[0] != before
    for node in shards.nodes:
        assert shards.store(node).query_rows("SELECT count() FROM system.distribution_queue WHERE data_files > 0") == [
            (0,)
        ]


def test_what_is_acknowledged_is_stored(shards: TwoShards, sharded: PlayedStore) -> None:
    """A statement by command too: its rows are on their shards when it returns."""
    values = "SELECT 'waits', toString(number), '', 1 FROM numbers(200)"
    sharded.command(f"INSERT INTO lynceus.quarantine (cluster, uid, kind, version) {values}")

    where = "WHERE cluster = 'waits'"
    there = [
        shards.store(node).query_rows(f"SELECT count() FROM lynceus.{local_name('quarantine')} {where}")[0][0]
        for node in shards.nodes
    ]
    for node in shards.nodes:
        shards.store(node).command(f"TRUNCATE TABLE lynceus.{local_name('quarantine')}")

    assert sum(there) == 200


@pytest.mark.parametrize("cluster", ["grown", "heavier", "swapped"])
def test_other_shards_are_refused_at_the_start(cluster: str, sharded: PlayedStore, shards: TwoShards) -> None:
    """A shard more, another weight, another order: with the remedy, before anything is written."""
    with pytest.raises(SchemaError, match="count twice; give remote_servers their former shards"):
        migrate(sharded, cluster)

    done = run_command("check", "--store", "--config", str(shards.settings_file(cluster)))
    assert done.returncode == 2
    assert "store: shards: the shards of" in done.stdout


def test_a_reader_writes_nothing(shards: TwoShards) -> None:
    """By its profile and by its grants."""
    reader = shards.store(shards.nodes[1], "reader")

    with pytest.raises(StoreRefusedError) as refused:
        reader.command("INSERT INTO lynceus.period (month) VALUES ('2026-01-01')")

    assert refused.value.cause == "store_read_only"
    with pytest.raises(StoreRefusedError, match="max_execution_time"):
        reader.query_rows("SELECT 1 SETTINGS max_execution_time = 600")


def test_a_wrong_password_is_named(shards: TwoShards, tmp_path: Path) -> None:
    """The remedy is about the file and not about the address."""
    (tmp_path / "wrong").write_text("wrong", encoding="utf-8")
    settings = tmp_path / "lynceus.yaml"
    login = f"username: writer, password_file: {tmp_path / 'wrong'}, cluster: prod"
    settings.write_text(f"store: {{url: '{shards.nodes[0].url}', {login}}}", encoding="utf-8")

    done = run_command("check", "--store", "--config", str(settings))

    assert done.returncode == 2
    assert "Authentication failed" in done.stdout


def test_a_sound_cluster_is_examined_line_by_line(shards: TwoShards, filled: None) -> None:
    """All that can be had without a Keeper; what cannot be asked is not a failure."""
    done = run_command("check", "--store", "--config", str(shards.settings_file()))
    lines = done.stdout.splitlines()

    assert done.returncode == 0, done.stdout
    assert [line for line in lines if line.startswith("without")] == [
        line for line in lines if "ON CLUSTER: could not be asked" in line
    ]
    for shown in ("2 of 2 answer; 2 shards of weight 1, 1", "as recorded", "01-r1, 02-r1", "the same on 2 servers"):
        assert shown in done.stdout


def test_a_server_that_is_down_is_named(shards: TwoShards) -> None:
    """With exit code 2, and the lines about the others."""
    done = run_command("check", "--store", "--config", str(shards.settings_file("halved")))

    assert done.returncode == 2
    assert "1 of 2 answer, not 127.0.0.1:" in done.stdout


def test_missing_rights_and_fixed_settings_are_named(shards: TwoShards) -> None:
    """Each right with its GRANT; a setting that a profile fixes by its name."""
    partly = run_command("check", "--store", "--config", str(shards.settings_file(user="partly"))).stdout
    fixed = run_command("check", "--store", "--config", str(shards.settings_file(user="fixed"))).stdout

    assert "partly lacks ALTER ON lynceus.*" in partly
    assert "GRANT REMOTE ON *.* TO partly" in partly
    assert "SELECT ON lynceus.*" not in partly
    assert "insert_quorum" in next(line for line in fixed.splitlines() if line.startswith("failed"))


def test_a_difference_between_servers_is_named(shards: TwoShards) -> None:
    """A column that one of them lacks, a table that one of them lost."""
    second = shards.store(shards.nodes[1])
    second.command("ALTER TABLE lynceus.backfill DROP COLUMN absent")
    done = run_command("check", "--store", "--config", str(shards.settings_file()))
    second.command("ALTER TABLE lynceus.backfill ADD COLUMN absent UInt32 AFTER taken")

    assert done.returncode == 2
    assert "backfill" in next(line for line in done.stdout.splitlines() if line.startswith("failed"))


def test_the_trial_passes_and_leaves_nothing(shards: TwoShards) -> None:
    """The nine steps that users run, through two servers."""
    stores = [shards.played(number) for number in (0, 1)]
    lines = list(verify(stores[0], stores[1], "prod", within_s=10))

    assert [line for line in lines if not line.ok] == []
    assert len(lines) == 9
    assert scratch_databases(shards) == []


def test_the_trial_finds_rows_that_wait_for_their_shard(shards: TwoShards) -> None:
    """A connection that lets a Distributed table acknowledge early: the step fails, and everything is removed."""
    early = PlayedStore(shards, shards.store(shards.nodes[0], settings=EARLY))
    lines = list(verify(early, early, "prod", within_s=0))

    assert [line.subject for line in lines if not line.ok] == ["insert"]
    assert "1000 keys in two versions are read as" in lines[1].detail
    assert scratch_databases(shards) == []


def scratch_databases(shards: TwoShards) -> list[tuple[str]]:
    """The scratch databases on both servers."""
    found = "SELECT name FROM system.databases WHERE name LIKE 'lynceus_verify_%'"
    return [row for node in shards.nodes for row in shards.store(node).query_rows(found)]
