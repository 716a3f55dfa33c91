"""The embedded store as a ClickHouse server: its protocol, its limits, its start and its end."""

import gzip
import os
import signal
import socket
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import lz4.frame
import pytest
import urllib3

from collector.catalog.workflows import QUEUE_SAMPLE
from collector.store.clickhouse import Store
from collector.store.embedded.reading import MAX_WAITING, READERS
from tests.processes import of_this_machine, until
from tests.store.facts import a_sample, row_of
from tests.store.running import ROOT, Running, alive, ask, spawn, start


def write(running: Running, statement: str | bytes, **more: Any) -> None:
    reply = ask(running, statement, user="lynceus", key=running.token(), **more)
    assert reply.status == 200, reply.text


# --- protocol ---------------------------------------------------------------------------------------------------------


def test_ping_and_the_empty_request(running: Running) -> None:
    """Load balancers and drivers ask /ping and /, without credentials or a query."""
    with urllib3.HTTPConnectionPool("127.0.0.1", urlsplit(running.url).port) as pool:
        assert pool.request("GET", "/ping").data == b"Ok.\n"
        assert pool.request("GET", "/").data == b"Ok.\n"


def test_an_answer_names_format_and_time_zone(running: Running) -> None:
    """Drivers read both from the headers; times are UTC whatever the host's zone is."""
    reply = ask(running, "SELECT timezone(), 1 FORMAT CSV")

    assert reply.text == '"UTC",1\n'
    assert reply.headers["X-ClickHouse-Format"] == "CSV"
    assert reply.headers["X-ClickHouse-Timezone"] == "UTC"


def test_errors_have_clickhouses_text_and_number(running: Running) -> None:
    """Clients show the text and decide by the number."""
    reply = ask(running, "SELECT no_such_column")

    assert reply.status == 500
    assert reply.headers["X-ClickHouse-Exception-Code"] == "47"
    assert reply.text.startswith("Code: 47. DB::Exception: Unknown expression identifier `no_such_column`")


def test_clickhouse_connect_as_it_comes(running: Running) -> None:
    """An unmodified client with its defaults: sessions, compression, probes, frames, parameters beyond a URL's length."""
    client = clickhouse_connect.get_client(
        host="127.0.0.1",
        port=urlsplit(running.url).port,
        username="lynceus",
        password=running.token(),
        database="lynceus",
    )
    client.command("DROP TABLE IF EXISTS many")
    client.command("CREATE TABLE many (n UInt64, s LowCardinality(String)) ENGINE = MergeTree ORDER BY n")

    written = client.insert("many", [[n, f"s{n % 7}"] for n in range(100_000)], column_names=["n", "s"])
    rows = client.query("SELECT count(), sum(n), uniqExact(s) FROM many").result_rows
    sizes = [100, 9_000, 20_000, 100_000]
    long = [client.query("SELECT length({text:String})", parameters={"text": "x" * size}).result_rows for size in sizes]
    empty = client.query("SELECT n FROM many WHERE n > 100000").result_rows
    frame = client.query_df("SELECT n, s FROM many ORDER BY n LIMIT 2")

    assert written.written_rows == 100_000
    assert rows == [(100_000, 4_999_950_000, 7)]
    assert long == [[(size,)] for size in sizes]
    assert empty == []
    assert frame["n"].tolist() == [0, 1]
    client.command("DROP TABLE many")
    client.close()


@pytest.mark.parametrize("encoding", ["identity", "gzip", "lz4", "deflate"])
def test_a_body_may_be_compressed_in_several_frames(encoding: str, running: Running) -> None:
    """clickhouse-connect writes one lz4 frame a block; every one of them counts."""
    lz4_frame: Any = lz4.frame
    pack = {"identity": bytes, "gzip": gzip.compress, "lz4": lz4_frame.compress, "deflate": zlib.compress}[encoding]
    body = pack(b"INSERT INTO packed FORMAT CSV\n1\n") + pack(b"2\n") + pack(b"3\n")
    write(running, "CREATE OR REPLACE TABLE packed (a Int8) ENGINE = Memory")

    write(running, body, headers={"Content-Encoding": encoding})

    assert ask(running, "SELECT sum(a) FROM packed").text == "6\n"
    write(running, "DROP TABLE packed")


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"INSERT", "lz4"),
        (gzip.compress(b"SELECT 1", mtime=0)[:-9], "gzip"),
        (b"x", "zstd"),
        (gzip.compress(bytes(300 << 20), 1, mtime=0), "gzip"),
    ],
    ids=["garbage", "cut", "unknown", "bomb"],
)
def test_a_body_that_cannot_be_unpacked_is_refused(body: bytes, encoding: str, running: Running) -> None:
    """Nothing of it is run, and a small body that unpacks to a huge one is not unpacked."""
    reply = ask(running, body, user="lynceus", key=running.token(), headers={"Content-Encoding": encoding})

    assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (500, "36")


def test_a_statement_may_stand_in_the_address_and_its_data_in_the_body(running: Running) -> None:
    """As curl users and raw inserts send it."""
    write(running, "CREATE OR REPLACE TABLE raw (a Int8) ENGINE = Memory")
    write(running, b"1\n2\n", query="INSERT INTO raw FORMAT CSV")
    write(running, "INSERT INTO raw VALUES (3)")
    write(running, "INSERT INTO raw SELECT 4")

    assert ask(running, "", query="SELECT sum(a) FROM raw").text == "10\n"
    write(running, "DROP TABLE raw")


def test_a_refused_insert_is_an_error(running: Running, writer: Store) -> None:
    """chdb's streaming insert reports success when a table refuses the rows; ours must not."""
    write(
        running, "CREATE OR REPLACE TABLE strict (a Int8, CONSTRAINT small CHECK a < 5) ENGINE = MergeTree ORDER BY a"
    )

    reply = ask(running, "INSERT INTO strict FORMAT CSV\n9\n", user="lynceus", key=running.token())

    assert reply.headers["X-ClickHouse-Exception-Code"] == "469"
    assert writer.query_rows("SELECT count() FROM lynceus.strict") == [(0,)]
    write(running, "DROP TABLE strict")


def test_nothing_of_a_failed_query_shows_up_in_the_next_answer(running: Running) -> None:
    """On one handle chdb puts the rows of a failed query before the next one's; a request has a handle of its own."""
    for _ in range(4):
        failed = ask(running, "SELECT number, throwIf(number = 400000) FROM numbers(500000)", max_block_size="1000")
        limited = ask(running, "SELECT number FROM numbers(1000000)", max_result_rows="1000")
        assert (failed.status, limited.status) == (500, 500)
        assert ask(running, "SELECT 'clean'").text == "clean\n"


def test_requests_leave_nothing_behind_for_others(running: Running) -> None:
    """No session is kept: a setting or a database of one request is not the next one's, and SET says so."""
    reply = ask(running, "SET max_threads = 1", user="lynceus", key=running.token(), session_id="mine")
    own = ask(running, "SELECT getSetting('max_threads')", user="lynceus", key=running.token(), max_threads="7")
    next_one = ask(running, "SELECT getSetting('max_threads') = 7", user="lynceus", key=running.token())

    assert reply.headers["X-ClickHouse-Exception-Code"] == "48"
    assert (own.text, next_one.text) == ("7\n", "0\n")


def test_clickhouses_block_compression_is_refused_in_words(running: Running) -> None:
    """compress=1 is not spoken; a client that asks for it learns what to set instead."""
    reply = ask(running, "SELECT 1", compress="1")

    assert "use none, lz4 or gzip" in reply.text


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_readers_query_is_bounded(running: Running) -> None:
    """Time, memory and result are limited, and the reader gets the reason."""
    slow = ask(
        running,
        "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))",
        max_execution_time="1",
    )
    greedy = ask(running, "SELECT length(groupArray(number)) FROM numbers(1000000000)")
    long = ask(running, "SELECT number FROM numbers(100000000)")
    large = ask(running, "SELECT repeat('x', 1000000) FROM numbers(300)")
    huge = ask(running, "SELECT repeat('x', 1000000) FROM numbers(65000)")

    codes = [reply.headers["X-ClickHouse-Exception-Code"] for reply in (slow, greedy, long, large, huge)]
    assert codes == ["159", "241", "396", "396", "241"]
    assert ask(running, "SELECT 'well'").text == "well\n"


def test_a_readers_body_is_bounded(running: Running) -> None:
    """More than a statement needs is not even read."""
    reply = ask(running, "SELECT '" + "x" * (2 << 20) + "'")

    assert reply.status == 413


def test_a_long_list_is_no_trouble(running: Running) -> None:
    """Dashboards send long IN lists; up to half a megabyte of statement is judged and run."""
    numbers = ",".join(str(n) for n in range(60_000))

    assert ask(running, f"SELECT count() FROM numbers(100) WHERE number IN ({numbers})").text == "100\n"


def _asking(running: Running, statement: str) -> socket.socket:
    """A client that has asked and has not read yet."""
    client = socket.create_connection(("127.0.0.1", urlsplit(running.url).port or 0))
    body = statement.encode()
    client.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return client


def _endless(running: Running) -> int:
    """How many endless queries run."""
    count = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT count() FROM numbers(1000000000000)%'"
    return int(ask(running, count, user="lynceus", key=running.token()).text)


ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"


def test_readers_hold_up_neither_the_writer_nor_one_another_for_ever(running: Running, writer: Store) -> None:
    """
    Slow readers wait for one another and never for the writer, nor the writer for them; more than may wait must
    come again; a client that goes away takes its query with it.
    """
    writer.command("TRUNCATE TABLE lynceus.queue_sample")
    clients = [_asking(running, ENDLESS) for _ in range(MAX_WAITING)]
    until(lambda: _endless(running) == READERS, 10, "the readers' threads are taken")

    until(lambda: "again" in ask(running, "SELECT 1").text, 10, "one too many")
    refused = ask(running, "SELECT 1")
    for number in range(5):
        writer.insert(QUEUE_SAMPLE, [row_of(a_sample(number))], str(number))
    still_run = _endless(running)
    for client in clients:
        client.close()
    until(lambda: ask(running, "SELECT 1").text == "1\n", 10, "a reader's thread is free")
    until(lambda: _endless(running) == 0, 10, "abandoned queries have ended")

    assert refused.headers["X-ClickHouse-Exception-Code"] == "202"
    assert still_run == READERS
    assert ask(running, "SELECT count() FROM queue_sample").text == "5\n"
    writer.command("TRUNCATE TABLE lynceus.queue_sample")


@pytest.mark.parametrize("name", ["DataFrame", "arrowtable", "Nope", "CSV INTO OUTFILE 'x'"])
def test_a_format_is_one_of_the_engines(name: str, running: Running) -> None:
    """chdb has formats of its own that return Python objects and fail here; they are refused like unknown formats."""
    for reply in (
        ask(running, "SELECT 1", default_format=name),
        ask(running, "SELECT 1", default_format=name, user="lynceus", key=running.token()),
    ):
        assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (500, "73")


# --- beginning and end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_two_seconds_even_during_a_query(number: int, tmp_path: Path) -> None:
    """Its supervisor never needs SIGKILL, whatever the store does at that moment."""
    running = start(tmp_path)
    endless = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"
    asking = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, urllib.request as r; r.urlopen(sys.argv[1], sys.argv[2].encode())",
            running.url,
            endless,
        ],
        stderr=subprocess.DEVNULL,
    )
    watching = (
        "SELECT count() FROM system.processes WHERE query LIKE '%1000000000000%' AND query NOT LIKE '%processes%'"
    )
    while ask(running, watching, user="lynceus", key=running.token()).text != "1\n":
        assert asking.poll() is None

    began = time.monotonic()
    running.process.send_signal(number)
    code = running.reap()

    assert (code, time.monotonic() - began < of_this_machine(2.5)) == (0, True)
    asking.wait(10)


def test_a_second_process_on_the_same_path_is_refused(running: Running) -> None:
    """One process owns a path; the other says in one line who does and what to do, and harms nothing."""
    process = spawn(running.path, running.token_file)
    _, message = process.communicate(timeout=20)

    assert process.returncode == 1
    assert message == (
        f"{running.path}: process {running.process.pid} serves this path already; stop that process, "
        "or give this collector its own data_dir\n"
    )
    assert ask(running, "SELECT 1").status == 200


def test_it_starts_again_after_kill_9(tmp_path: Path) -> None:
    """What was acknowledged is there, and nothing has to be cleaned up by hand."""
    for round_ in range(3):
        running = start(tmp_path)
        write(running, "CREATE TABLE IF NOT EXISTS kept (n Int64) ENGINE = MergeTree ORDER BY n")
        write(running, f"INSERT INTO kept FORMAT CSV\n{round_}\n")
        assert ask(running, "SELECT count() FROM kept").text == f"{round_ + 1}\n"
        running.process.kill()
        running.reap()


def test_no_engine_outlives_a_collector_killed_by_9(tmp_path: Path) -> None:
    """The child sees its standard input close; the path is free for the next collector."""
    collector = subprocess.Popen(
        [sys.executable, "-c", COLLECTOR, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert collector.stdout is not None
    engine = int(collector.stdout.readline())
    assert alive(engine)

    collector.kill()
    collector.communicate(timeout=10)
    until = time.monotonic() + 5
    while alive(engine):
        assert time.monotonic() < until, "the engine still runs"
        os.sched_yield()
    assert start(tmp_path).stop() == 0


COLLECTOR = """
import asyncio, pathlib, sys
from collector.store.embedded.child import start_child

async def main():
    folder = pathlib.Path(sys.argv[1])
    child = await start_child(folder / "chdb", "127.0.0.1:0", folder / "store.token")
    print(child.process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_rows_of_one_key_are_one_row_before_any_merge(writer: Store) -> None:
    """The schema's keys at work through the real door: a row sent twice, and again with a higher version."""
    writer.command("TRUNCATE TABLE lynceus.queue_sample")
    for version, depth, batch in ((1, 5, "a"), (1, 5, "b"), (2, 7, "c"), (1, 5, "d")):
        fact = a_sample(1, depth=depth, version=version)
        writer.insert(QUEUE_SAMPLE, [[getattr(fact, name) for name in fact.__struct_fields__]], batch)

    assert writer.query_rows("SELECT depth FROM lynceus.queue_sample FINAL") == [(7,)]
