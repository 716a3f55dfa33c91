"""How long the event loop is held."""

import asyncio
import time

from collector.service.passes import TimedSelector


def test_each_hold_is_measured_and_no_wait() -> None:
    """Of a short hold between two long waits the hold is measured, and the waits are not."""
    timed, held = TimedSelector(), list[float]()

    async def work() -> None:
        await asyncio.sleep(0.2)
        time.sleep(0.05)  # noqa: ASYNC251 - that the loop is held is the point
        await asyncio.sleep(0.2)

    with asyncio.Runner(loop_factory=timed.new_loop) as runner:
        runner.run(asyncio.sleep(0))
        timed.observe = held.append
        begun = time.perf_counter()
        runner.run(work())
        whole = time.perf_counter() - begun

    assert max(held) >= 0.05
    assert sum(held) < whole - 0.2
