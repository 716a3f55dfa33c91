"""The collector's side of the embedded store: started, watched over, ended."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from collector.store.clickhouse import connect
from collector.store.embedded import child
from collector.store.embedded.child import StoreDidNotStartError, start_child, supervise
from tests.store.running import Running, alive


async def test_a_started_child_answers_and_ends_with_its_input(tmp_path: Path) -> None:
    """`start_child` returns when queries are answered; closing its input is all it takes to end it."""
    one = await start_child(tmp_path / "chdb", "127.0.0.1:0", tmp_path / "token")
    store = connect(one.url)
    assert await asyncio.to_thread(store.query_rows, "SELECT 1") == [(1,)]
    store.close()
    group = os.getpgid(one.process.pid)

    await one.stop()

    assert one.process.returncode == 0
    assert group != os.getpgrp()  # a terminal's Ctrl-C is not for it: it takes the collector's last rows


async def test_a_child_that_does_not_start_reports_why(running: Running, tmp_path: Path) -> None:
    """The child's own words, not a time-out: another process has the path, or something else the port."""
    with pytest.raises(StoreDidNotStartError, match=f"process {running.process.pid} serves this path already"):
        await start_child(running.path, "127.0.0.1:0", running.token_file)
    with pytest.raises(StoreDidNotStartError, match=r"is taken by another process; .*embedded\.listen"):
        await start_child(tmp_path / "chdb", running.address, tmp_path / "token")


async def test_a_child_that_dies_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends it, the store comes back at the same place until the collector itself ends."""
    monkeypatch.setattr(child, "FIRST_PAUSE_S", 0.01)
    ready, stop = asyncio.Queue[str](), asyncio.Event()
    keep = asyncio.create_task(
        supervise(tmp_path / "chdb", "127.0.0.1:0", tmp_path / "token", stop=stop, on_ready=ready.put_nowait)
    )
    for _ in range(2):
        store = connect(await asyncio.wait_for(ready.get(), 20), "lynceus", tmp_path / "token")
        await asyncio.to_thread(store.ping)
        store.close()
        os.kill(_pid(tmp_path), signal.SIGKILL)
    await asyncio.wait_for(ready.get(), 20)
    last = _pid(tmp_path)

    stop.set()
    await asyncio.wait_for(keep, 10)

    assert not alive(last)


class Short:
    """A child that has ended by the time anybody looks."""

    url = "http://127.0.0.1:9"

    class process:
        returncode = -9

    async def wait(self) -> int:
        return -9


@pytest.mark.parametrize(
    ("steady_after_s", "pauses"),
    [(60.0, [0.001, 0.002, 0.004, 0.005, 0.005]), (0.0, [0.001] * 5)],
    ids=["at once", "well"],
)
async def test_pauses_grow_while_it_dies_at_once_and_start_small_after_a_steady_run(
    steady_after_s: float, pauses: list[float], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that cannot live must not keep a machine busy; one that lived well comes back soon. Pauses have an end."""
    monkeypatch.setattr(child, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(child, "LONGEST_PAUSE_S", 0.005)
    monkeypatch.setattr(child, "STEADY_AFTER_S", steady_after_s)
    stop, starts = asyncio.Event(), 0

    async def started(*_place: object, **_more: object) -> Short:
        return Short()

    def ready(_url: str) -> None:
        nonlocal starts
        starts += 1
        if starts > len(pauses):
            stop.set()

    monkeypatch.setattr(child, "start_child", started)
    await supervise(Path("x"), "127.0.0.1:0", Path("t"), stop=stop, on_ready=ready)

    pauses_logged = [record.pause_s for record in caplog.records if hasattr(record, "pause_s")]
    assert pauses_logged[: len(pauses)] == pauses


async def test_a_store_that_does_not_come_back_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After the first start no failure ends the supervision; each failure is reported with its reason."""
    monkeypatch.setattr(child, "FIRST_PAUSE_S", 0.001)
    stop, attempts = asyncio.Event(), 0

    async def started(*_place: object, **_more: object) -> Short:
        nonlocal attempts
        attempts += 1
        if attempts in {2, 3}:
            raise StoreDidNotStartError("no room")
        if attempts == 5:
            stop.set()
        return Short()

    monkeypatch.setattr(child, "start_child", started)
    await supervise(Path("x"), "127.0.0.1:0", Path("t"), stop=stop, on_ready=lambda _url: None)

    assert [record.message for record in caplog.records].count("embedded store did not start, retrying") == 2
    assert attempts == 5


async def test_a_store_that_is_killed_while_it_starts_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Short of memory the kernel ends it at its first start too: that says nothing against path, port or schema."""
    monkeypatch.setattr(child, "FIRST_PAUSE_S", 0.01)
    ready, stop, spawn = asyncio.Event(), asyncio.Event(), child._spawn
    spawned: list[asyncio.subprocess.Process] = []

    async def killed_once(*place: Any) -> asyncio.subprocess.Process:
        spawned.append(await spawn(*place))
        if len(spawned) == 1:
            spawned[0].kill()
        return spawned[-1]

    monkeypatch.setattr(child, "_spawn", killed_once)
    keep = asyncio.create_task(
        supervise(tmp_path / "chdb", "127.0.0.1:0", tmp_path / "token", stop=stop, on_ready=lambda _url: ready.set())
    )
    await asyncio.wait_for(ready.wait(), 20)
    stop.set()
    await keep

    (message,) = [
        vars(record)["reason"]
        for record in caplog.records
        if record.message == "embedded store did not start, retrying"
    ]
    assert message == f"the embedded store at {tmp_path / 'chdb'} did not start: it ended with exit code -9"


async def test_a_store_that_does_not_answer_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that hangs is reported as such, and leaves no process."""
    spawn = asyncio.create_subprocess_exec
    spawned: list[asyncio.subprocess.Process] = []

    async def mute(*_command: str, **pipes: Any) -> asyncio.subprocess.Process:
        spawned.append(await spawn("sleep", "600", **pipes))
        return spawned[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", mute)
    with pytest.raises(StoreDidNotStartError, match=r"it did not answer within 0\.1 s"):
        await start_child(tmp_path / "chdb", "127.0.0.1:0", tmp_path / "token", ready_within_s=0.1)

    assert spawned[0].returncode == -9


async def test_a_store_that_cannot_start_is_reported_at_once(running: Running) -> None:
    """The first start fails loudly: a wrong path or port should not become an endless retry."""
    with pytest.raises(StoreDidNotStartError):
        await supervise(
            running.path, "127.0.0.1:0", running.token_file, stop=asyncio.Event(), on_ready=lambda _url: None
        )


async def test_a_cancelled_supervisor_leaves_no_process(tmp_path: Path) -> None:
    """However the collector's tasks end, the engine goes with them."""
    ready = asyncio.Queue[str]()
    keep = asyncio.create_task(
        supervise(tmp_path / "chdb", "127.0.0.1:0", tmp_path / "token", stop=asyncio.Event(), on_ready=ready.put_nowait)
    )
    await asyncio.wait_for(ready.get(), 20)
    pid = _pid(tmp_path)

    keep.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keep

    assert not alive(pid)


async def test_a_store_is_ended_also_if_its_supervisor_is_cancelled_meanwhile(tmp_path: Path) -> None:
    """A busy engine does not end in the second that the last inserts have: it is waited for, and ended by force."""
    one = await start_child(tmp_path / "chdb", "127.0.0.1:0", tmp_path / "token")
    one.process.send_signal(signal.SIGSTOP)  # it does not notice that its input is closed
    ending = asyncio.create_task(one.stop())
    await asyncio.sleep(0)
    assert one.process.stdin is not None
    assert one.process.stdin.is_closing()

    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending

    assert one.process.returncode == -signal.SIGKILL


def _pid(folder: Path) -> int:
    """Who holds the path, as it says in its lock."""
    return int((folder / "chdb.lock").read_text(encoding="ascii"))
