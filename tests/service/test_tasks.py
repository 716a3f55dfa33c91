"""Background work: periodic jobs, and the thread and store of a job."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from collector.core.slices import Slices
from collector.service.tasks import background_task, every, in_slices, on_wall_clock, own_thread, pause_after
from collector.store.clickhouse import Store


async def test_an_unexpected_error_is_logged_and_the_job_continues(caplog: pytest.LogCaptureFixture) -> None:
    """A defect in one round must not end a job for good, and must not be silent."""
    runs, done = 0, asyncio.Event()

    async def job() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise ValueError("broken")
        done.set()

    async with background_task(every(0.001, job), "job"):
        await asyncio.wait_for(done.wait(), 10)

    (record,) = caplog.records
    assert record.message == "unexpected error in a periodic job, which continues"
    assert "job" in vars(record)["job"]


async def test_a_job_chooses_the_pause_until_its_next_run() -> None:
    """A pause that a job returns replaces the regular one, which here would never end."""
    runs, done = 0, asyncio.Event()

    async def job() -> float:
        nonlocal runs
        runs += 1
        if runs == 3:
            done.set()
        return 0.001

    async with background_task(every(3600, job, first_s=0), "job"):
        await asyncio.wait_for(done.wait(), 10)

    assert runs >= 3


@pytest.mark.parametrize(
    ("took_s", "pause_s"), [(0.0, 60), (3.0, 60), (10.0, 190), (100.0, 1900), (378.9, 7199.1), (500.0, 7200)]
)
def test_a_run_takes_its_share_of_the_time(took_s: float, pause_s: float) -> None:
    """A twentieth with the pause after it, unless it is so short that the regular pause is longer, or too long to wait for."""
    assert pause_after(took_s, 0.05, 60, 7200) == pytest.approx(pause_s)


class SteppedClock:
    """A wall clock that moves by what is slept, which is `early_s` too little, plus the steps by which it is set."""

    def __init__(self, at: float, early_s: float = 0.0, steps: Sequence[float] = ()) -> None:
        self.at, self.early_s, self.steps = at, early_s, list(steps)

    def time(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += max(seconds - self.early_s, 1e-6) + (self.steps.pop(0) if self.steps else 0.0)


async def runs_at(clock: SteppedClock, monkeypatch: pytest.MonkeyPatch, times: int) -> list[float]:
    """When a job on the grid of 15 s runs."""
    found: list[float] = []

    async def job() -> None:
        found.append(clock.at)
        if len(found) == times:
            raise asyncio.CancelledError

    monkeypatch.setattr(time, "time", clock.time)
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    with pytest.raises(asyncio.CancelledError):
        await on_wall_clock(15, job)
    return found


@pytest.mark.parametrize("start", [0.0, 0.001, 13.2, 14.999])
async def test_a_job_on_the_wall_clock_runs_on_its_grid(start: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever the process started."""
    assert await runs_at(SteppedClock(1500 + start), monkeypatch, 3) == pytest.approx([1515, 1530, 1545])


async def test_a_timer_that_fires_early_runs_the_job_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the grid, and not twice within a millisecond."""
    found = await runs_at(SteppedClock(1513.2, early_s=0.0004), monkeypatch, 3)

    assert found == pytest.approx([1515, 1530, 1545], abs=0.001)


async def test_after_the_clock_was_set_the_grid_is_that_of_the_new_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run that was under way is off the grid; later ones are on it, whether the clock went forward or back."""
    found = await runs_at(SteppedClock(1513.2, steps=[7, -3601]), monkeypatch, 4)

    assert found == pytest.approx([1522, -2071 + 0, -2070, -2055], abs=0.001)


async def test_the_first_run_follows_the_regular_pause() -> None:
    """Without `first_s` a job does not run at once: at a start there is nothing to sample yet."""
    runs = 0

    async def job() -> None:
        nonlocal runs
        runs += 1

    async with background_task(every(3600, job), "job"):
        await asyncio.sleep(0.01)

    assert runs == 0


async def test_overdue_runs_are_made_up_by_one() -> None:
    """A slow run is followed by one run at once, not by all that it delayed."""
    starts: list[float] = []
    clock, done = asyncio.get_running_loop().time, asyncio.Event()

    async def job() -> None:
        starts.append(clock())
        if len(starts) == 1:
            await asyncio.sleep(1.6)  # three runs come due meanwhile
        elif len(starts) == 3:
            done.set()

    async with background_task(every(0.5, job, first_s=0), "job"):
        await asyncio.wait_for(done.wait(), 20)

    assert starts[2] - starts[1] > 0.1


async def test_the_thread_of_a_job_ends_with_its_block() -> None:
    """Neither a thread nor a connection outlives the job, whatever ends it."""

    class Closing(Store):
        closed = False

        def close(self) -> None:
            self.closed = True

    store = Closing(lambda: pytest.fail("no connection is made"))
    with pytest.raises(ZeroDivisionError), own_thread("job", store) as worker:
        await worker.run(lambda: 1 // 0)

    assert store.closed
    with pytest.raises(RuntimeError, match="shutdown"):
        await worker.run(lambda: 1)


@pytest.mark.parametrize(("slice_s", "least"), [(0.0, 9), (3600.0, 0)])
async def test_slices_let_others_go_first(slice_s: float, least: int) -> None:
    """After each slice that ends later than its time; what the work results in is returned."""
    passes = 0

    async def count() -> None:
        nonlocal passes
        while True:
            passes += 1
            await asyncio.sleep(0)

    def work() -> Slices[str]:
        for _ in range(10):
            yield
        return "done"

    async with background_task(count(), "others"):
        result = await in_slices(work(), slice_s)
        seen = passes

    assert (result, seen >= least, seen <= least + 2) == ("done", True, True)
