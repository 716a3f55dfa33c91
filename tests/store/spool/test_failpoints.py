"""kill -9 at each named point between a commit and its acknowledgement, compared with an undisturbed process."""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.catalog.tables import TABLE_NAMED
from collector.store.clickhouse import Store
from collector.store.spool.failpoints import FAILPOINTS
from tests.store.running import ROOT, Running
from tests.store.spool.mortal import Task

TABLES = ("queue_sample", "workflow_live", "watch_cursor", "quarantine")
CALM = "calm"
KILLED = -9

Live = Callable[[Task], dict[str, Any]]


@pytest.fixture(scope="module")
def run_once() -> Iterator[Live]:
    """Runs a process for each task and returns the result."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.store.spool.mortal"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    requests, answers = process.stdin, process.stdout

    def live(task: Task) -> dict[str, Any]:
        requests.write(msgspec.json.encode(task).decode() + "\n")
        requests.flush()
        answer: dict[str, Any] = json.loads(answers.readline())
        return answer

    yield live
    requests.close()
    assert process.wait(10) == 0
    answers.close()


@pytest.fixture(scope="module")
def calm(run_once: Live, running: Running, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How often an undisturbed process reached each point."""
    result = run_once(a_task(CALM, tmp_path_factory.mktemp("calm"), running))
    assert result["code"] == 0
    hits: dict[str, int] = result["hits"]
    return hits


def a_task(cluster: str, folder: Path, running: Running, point: str = "", hit: int = 1) -> Task:
    return Task(
        cluster=cluster,
        spool=str(folder / f"{cluster}.sqlite"),
        url=running.url,
        token_file=str(running.token_file),
        point=point,
        hit=hit,
    )


def stored(writer: Store, cluster: str) -> dict[str, list[str]]:
    """The rows of a cluster without its name; the uid of a quarantine row is a hash and is left empty."""
    rows: dict[str, list[str]] = {}
    for name in TABLES:
        columns = [c.name for c in TABLE_NAMED[name].stored if c.name not in ("cluster", "sample")]
        selected = ", ".join("'' AS uid" if name == "quarantine" and c == "uid" else c for c in columns)
        found = writer.query_rows(
            f"SELECT {selected} FROM lynceus.{name} FINAL WHERE cluster = {{cluster:String}}", {"cluster": cluster}
        )
        rows[name] = sorted(repr(row).replace(cluster, "") for row in found)
    return rows


@pytest.fixture(scope="module")
def wanted(calm: dict[str, int], running: Running) -> dict[str, list[str]]:
    """The rows that an undisturbed process leaves in the store."""
    store = running.reader()
    rows = stored(store, CALM)
    store.close()
    return rows


def test_every_point_is_reached(calm: dict[str, int]) -> None:
    """A point that no process reaches would not be tested, and neither would an undeclared point."""
    assert set(calm) == set(FAILPOINTS)


@pytest.mark.parametrize("point", FAILPOINTS)
def test_after_a_kill_no_row_is_missing_or_doubled(
    point: str,
    calm: dict[str, int],
    wanted: dict[str, list[str]],
    run_once: Live,
    running: Running,
    writer: Store,
    tmp_path: Path,
) -> None:
    """The next process continues, and the tables equal those of an undisturbed process; the hit that kills is random."""
    cluster = f"at {point}"
    hit = random.Random(point).randint(1, calm[point])

    first = run_once(a_task(cluster, tmp_path, running, point, hit))
    second = run_once(a_task(cluster, tmp_path, running))

    assert (first["code"], second["code"]) == (KILLED, 0)
    assert stored(writer, cluster) == wanted


@pytest.mark.live
def test_after_two_kills_no_row_is_missing_or_doubled(
    calm: dict[str, int], wanted: dict[str, list[str]], run_once: Live, running: Running, writer: Store, tmp_path: Path
) -> None:
    """The long form: two hits of each point, and after each a second kill at the first hit of another point."""
    dice, differ = random.Random(1), []
    for point, hits in calm.items():
        for hit in dice.sample(range(1, hits + 1), min(hits, 2)):
            cluster = f"{point} {hit}"
            run_once(a_task(cluster, tmp_path, running, point, hit))
            run_once(a_task(cluster, tmp_path, running, dice.choice(FAILPOINTS), 1))
            last = run_once(a_task(cluster, tmp_path, running))
            if last["code"] != 0 or stored(writer, cluster) != wanted:
                differ.append(cluster)

    assert differ == []
