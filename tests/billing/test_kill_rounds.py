"""Repricing and a collector killed at random instants: the bill turns whole or not at all, and ends as if nothing had been."""

import random
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collector.billing.rows import read_facts
from collector.core.facts.bills import PodCost
from collector.store.clickhouse import Store
from tests.billing.stored import a_past, current, write_all
from tests.billing.test_commands import MONTH, settings_of
from tests.commands import run_command
from tests.processes import ROOT, lynceus
from tests.store.running import Running

pytestmark = pytest.mark.live
ROUNDS = 3
PODS, LATE = 30, 30
LOOK_S = 0.05
BUSY_S = 2.0
"""About as long as a repricing works after its start."""


def collector(engine: Running) -> subprocess.Popen[bytes]:
    """What a collector writes, by a process of its own."""
    command = [sys.executable, "-m", "tests.billing.writer", engine.url, str(engine.token_file), str(LATE)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)


def killed(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def at_work(store: Store, before: int) -> None:
    """Wait until a repricing has taken a number."""
    deadline = time.monotonic() + 20
    while store.query_rows("SELECT max(run) FROM lynceus.pricing_run")[0][0] <= before and time.monotonic() < deadline:
        time.sleep(0.02)


def priced(store: Store, number: int) -> dict[tuple[str, int], tuple[Any, ...]]:
    """Returns the charges of a run without their versions, which any later write may raise."""
    charges = read_facts(store, PodCost, "FINAL WHERE run = {run:UInt32}", {"run": number})
    return {
        (c.pod_uid, c.day): (c.cost, c.cost_pending, c.list_cost, c.department, c.class_, c.meters) for c in charges
    }


def watch(engine: Running, seen: list[tuple[Any, ...]], ended: threading.Event) -> None:
    """A reader: under which runs the bill stands, and what the pods that were there from the first cost in it."""
    reader = engine.reader()
    while not ended.wait(LOOK_S):
        seen += reader.query_rows(
            "SELECT groupUniqArray(run), sumIf(cost, department = 'maps') FROM lynceus.cost_current"
        )
    reader.close()


def test_killed_at_any_instant_the_bill_is_whole(store: Store, engine: Running, tmp_path: Path) -> None:
    """No reader sees two runs or half of one; the last repricing gives what an undisturbed one does; run 1 stays."""
    chance = random.Random(6)
    write_all(store, a_past(PODS))
    config = ("--config", str(settings_of(engine, tmp_path, "./dearer.yaml")))
    first = Decimal(store.query_rows("SELECT sum(cost) FROM lynceus.cost_current")[0][0])
    seen: list[tuple[Any, ...]] = []
    ended = threading.Event()
    reader = threading.Thread(target=watch, args=(engine, seen, ended))
    reader.start()
    writer = collector(engine)
    for _ in range(ROUNDS):
        before = store.query_rows("SELECT max(run) FROM lynceus.pricing_run")[0][0]
        process = subprocess.Popen(lynceus("reprice", *MONTH, *config), stdout=-3, stderr=-3, cwd=ROOT)
        at_work(store, before)
        time.sleep(chance.uniform(0, BUSY_S))
        process.kill()
        process.wait()
        if chance.random() < 1 / 2:
            killed(writer)
            writer = collector(engine)
    assert writer.communicate(timeout=60)[0] == b"written\n"
    done = [run_command("reprice", *MONTH, *config) for _ in range(2)]
    ended.set()
    reader.join()

    assert [(one.returncode, one.stderr[-200:] if one.returncode else "") for one in done] == [(0, ""), (0, "")]
    ((active,),) = store.query_rows("SELECT DISTINCT run FROM lynceus.cost_current")
    assert priced(store, active) == priced(store, active - 1)
    assert len(priced(store, active)) == PODS + LATE
    # A repricing that was quicker than its kill has activated its run: later charges are not written under run 1.
    now, then = priced(store, active), priced(store, 1)
    assert sum(cost for cost, *_ in current(store).values()) == sum(cost for cost, *_ in now.values())
    assert {key: 2 * cost for key, (cost, *_) in then.items()} == {key: now[key][0] for key in then}
    assert {len(numbers) for numbers, _ in seen} == {1}
    assert {Decimal(cost) for _, cost in seen} == {first, 2 * first}
    assert {pod for pod, _ in now} - {pod for pod, _ in then} <= {f"late-{i:04}" for i in range(LATE)}
