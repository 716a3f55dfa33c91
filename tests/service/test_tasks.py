"""Background work: periodic jobs, and the thread and store of a job."""

import asyncio

import pytest

from collector.service.tasks import background_task, every, own_thread
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
