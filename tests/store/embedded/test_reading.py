"""Queries of readers that the engine cannot end: they are noticed, reported, and end by a restart that loses nothing."""

import asyncio
import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest
import urllib3

from collector.catalog.workflows import QUEUE_SAMPLE
from collector.store.clickhouse import StoreError, connect
from collector.store.embedded.child import supervise
from collector.store.embedded.reading import READERS, RunningQuery, look, note_end, patience
from collector.store.schema.migrate import migrate
from tests.processes import until
from tests.store.facts import a_sample, row_of
from tests.store.running import ROOT, Running, ask, free_address, ready

UNSTOPPABLE = "SELECT hasAll(range(materialize(1000000)), arrayReverse(range(materialize(1000000))))"
"""Takes a million times a million steps within one call."""


def reading(*, began_at: float | None = None, queued_at: float = 0.0, abandoned: bool = False) -> RunningQuery:
    return RunningQuery(
        by="default from 127.0.0.1",
        limit_s=60.0,
        own=False,
        queued_at=queued_at,
        name="n",
        began_at=began_at,
        abandoned=abandoned,
    )


@pytest.mark.parametrize(
    ("one", "kill", "ends", "problem"),
    [
        (reading(began_at=0.0), (), False, ""),
        (reading(began_at=0.0, abandoned=True), ("n",), False, ""),
        (reading(queued_at=95.0), (), False, ""),
        (reading(queued_at=89.0), (), False, "busy"),
        (reading(began_at=39.5), (), False, ""),
        (reading(began_at=38.0), ("n",), False, "stuck"),
        (reading(began_at=34.0), ("n",), True, "stuck"),
    ],
    ids=["runs", "abandoned", "waits", "waits long", "just past", "past", "far past"],
)
def test_what_is_done_about_a_query(one: RunningQuery, kill: tuple[str, ...], ends: bool, problem: str) -> None:
    """A query is killed at its limit or without its client; what is past its limit for long ends the process."""
    seen = look([one, reading(began_at=99.0)], 100.0 if one.began_at != 0.0 else 50.0, 5.0)

    assert (seen.kill, seen.stuck is one, seen.problem.partition(" ")[0]) == (kill, ends, problem)


def test_patience_grows_with_each_end_and_is_forgiven(tmp_path: Path) -> None:
    """One client that asks such queries again and again ends the store about once a minute, not every few seconds."""
    grown = [patience(tmp_path, 5.0)]
    for _ in range(5):
        note_end(tmp_path, grown[-1])
        grown.append(patience(tmp_path, 5.0))
    (tmp_path / "patience").write_text("what", encoding="ascii")

    assert grown == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert patience(tmp_path, 5.0) == 5.0


async def test_stuck_readers_end_by_a_restart_that_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Meanwhile rows go in and the collector reads; the log has the user and the time, and no text of the query."""
    place, token = free_address(), tmp_path / "token"
    stop, readies, problems = asyncio.Event(), asyncio.Queue[str](), list[str]()
    keep = asyncio.create_task(
        supervise(tmp_path / "chdb", place, token, stop=stop, on_ready=readies.put_nowait, on_readers=problems.append)
    )
    url = await asyncio.wait_for(readies.get(), 30)
    running = Running(process=None, url=url, path=tmp_path / "chdb", token_file=token)  # type: ignore[arg-type]
    await asyncio.to_thread(migrate, running.writer())
    held = [_asking(place, UNSTOPPABLE) for _ in range(READERS)]
    inserts = asyncio.create_task(asyncio.to_thread(_insert_until_restarted, running, problems))

    async with asyncio.timeout(30):
        while not any(problem.startswith("stuck") for problem in problems):
            await asyncio.sleep(0.01)
    own = await asyncio.to_thread(
        lambda: ask(running, "", method="GET", user="lynceus", key=running.token(), query="SELECT 7").text
    )
    await asyncio.wait_for(readies.get(), 60)
    rows = await inserts
    counted = await asyncio.to_thread(lambda: ask(running, "SELECT count() FROM lynceus.queue_sample FINAL").text)
    for process in held:
        process.wait(10)
    stop.set()
    await keep

    (words,) = [text for record in caplog.records if "cannot end it" in (text := str(vars(record).get("line", "")))]
    assert (own, counted) == ("7\n", f"{rows}\n")
    assert rows > 3
    assert problems[-1] == ""
    assert words.startswith("a query of default from 127.0.0.1 ran for ")
    assert "its limit is 1 s" in words
    assert not any("hasAll" in record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)


def _insert_until_restarted(running: Running, problems: list[str]) -> int:
    """Inserts row after row, each until it is acknowledged, till readers are answered again; returns their number."""
    store, number, until = connect(running.url, "lynceus", running.token_file), 0, time.monotonic() + 60
    while time.monotonic() < until and not (problems[-1:] == [""] and "stuck" in " ".join(problems)):
        try:
            store.insert(QUEUE_SAMPLE, [row_of(a_sample(number))], f"row {number}")
        except StoreError:
            continue
        number += 1
    store.close()
    return number


def _asking(place: str, statement: str) -> subprocess.Popen[bytes]:
    """A client with a limit of one second that waits for its answer."""
    ask_it = "import sys, urllib.request as r; r.urlopen(sys.argv[1], sys.argv[2].encode())"
    return subprocess.Popen(
        [sys.executable, "-c", ask_it, f"http://{place}/?max_execution_time=1", statement],
        stderr=subprocess.DEVNULL,
    )


def test_a_store_of_its_own_starts_again_by_itself(tmp_path: Path) -> None:
    """`lynceus store` has no collector that would start it again: the process becomes a new one at the same place."""
    place = free_address()
    command = [sys.executable, "-m", "collector", "store", "--path", "chdb", "--listen", place]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = ready(process, tmp_path / "chdb", tmp_path / "chdb.token")
    held = _asking(place, UNSTOPPABLE)
    assert process.stdout is not None
    assert process.stdout.readline() == f"ready http://{place}\n"

    held.wait(10)
    until(lambda: _answers(running), 10, "it answers")
    process.terminate()
    assert running.reap() == 0


def _answers(running: Running) -> bool:
    try:
        return ask(running, "SELECT 1").text == "1\n"
    except urllib3.exceptions.HTTPError:
        return False


@pytest.mark.parametrize(
    "query",
    [
        "SELECT arrayLevenshteinDistance(range(400000), range(1, 400001))",
        "SELECT arraySimilarity(range(40000), range(1, 40001), range(40000), range(1, 40001))",
        "SELECT LEVENSHTEINDISTANCE(repeat('a', 60000), repeat('b', 60000))",
        "SELECT editDistanceUTF8(repeat('a', 60000), repeat('b', 60000))",
        "SELECT polygonsIntersectionCartesian([[[(0., 0.), (0., 1.), (1., 1.)]]], [[[(0., 0.), (0., 1.), (1., 1.)]]])",
    ],
)
def test_functions_of_quadratic_time_are_refused(query: str, running: Running) -> None:
    """What takes hours for arguments of a few megabytes, with no step at which the engine could end it."""
    refused = ask(running, query)

    assert (refused.status, refused.headers["X-ClickHouse-Exception-Code"]) == (500, "164")
    assert "is not for readers" in refused.text
