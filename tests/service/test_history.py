"""The reader of pages: a few questions at a time, each ended in time, over connections that are used again."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.access.scope import ALL, of_departments
from collector.measured import unmeasured
from collector.reports.report import NotPermittedError, Query
from collector.service.history import AT_ONCE, PageReader
from collector.service.store_questions import EVEN_S, rest_of_step
from collector.settings.model import Settings
from collector.store.clickhouse import StoreUnreachableError
from collector.web.history import NameSought


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[PageReader]:
    """A reader whose store does not run."""
    made = PageReader(Settings(data_dir=str(tmp_path)), unmeasured)
    yield made
    made.close()


async def test_so_many_questions_are_answered_at_a_time(reader: PageReader) -> None:
    """The others wait for their turn; each gets its own answer."""
    running, most, lock = 0, 0, threading.Lock()
    enough = threading.Event()

    def question(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == AT_ONCE:
                enough.set()
        assert enough.wait(10)
        with lock:
            running -= 1
        return number

    answers = await asyncio.gather(*(reader.ask("test", ALL, lambda _, n=n: question(n)) for n in range(6)))  # type: ignore[misc]

    assert answers == [*range(6)]
    assert most == AT_ONCE


async def test_a_question_that_waits_too_long_asks_the_store_no_more(tmp_path: Path) -> None:
    """Its page has given up: the next statement would be for nothing."""
    reader = PageReader(Settings(data_dir=str(tmp_path)), unmeasured, patience_s=-1.0)

    with contextlib.closing(reader), pytest.raises(TimeoutError, match="waits no longer"):
        await reader.ask("test", ALL, lambda query: query("SELECT 1", {}))


async def test_a_store_that_is_down_is_an_error_and_the_connection_is_kept(reader: PageReader) -> None:
    """More often than there are connections, so a lost one would be noticed."""
    history = reader.history(ALL)
    for _ in range(AT_ONCE):
        with pytest.raises(StoreUnreachableError):
            await history.workflow("w1", None, ["c1"])
        with pytest.raises(StoreUnreachableError):
            await history.named(NameSought("w1", "", "", ["c1"]))


async def test_a_page_that_left_the_queue_is_never_answered(reader: PageReader) -> None:
    """A reader who reloads ten times has one question at work, and not ten."""
    release, begun = threading.Event(), []

    def hold(_: Query) -> None:
        assert release.wait(10)

    held = [asyncio.ensure_future(reader.ask("test", ALL, hold)) for _ in range(AT_ONCE)]
    left = asyncio.ensure_future(reader.ask("test", ALL, lambda _: begun.append(time.monotonic())))
    await asyncio.sleep(0)
    left.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await left
    release.set()
    await asyncio.gather(*held)
    await reader.ask("test", ALL, lambda _: None)

    assert begun == []


@pytest.mark.parametrize(("took_s", "rest_s"), [(0.0, 0.0), (0.003, EVEN_S - 0.003), (0.099, 0.001), (0.25, 0.05)])
def test_an_answer_waits_for_the_end_of_its_step(took_s: float, rest_s: float) -> None:
    """So that 9.3 and 9.8 ms, one for nothing and one for the rows of others, are the same."""
    assert rest_of_step(took_s) == pytest.approx(rest_s, abs=1e-9)


@pytest.mark.parametrize("fails", [False, True])
async def test_the_time_of_an_answer_to_a_department_shows_nothing(reader: PageReader, *, fails: bool) -> None:
    """Found, not found or failed: it comes at the end of a step. Readers of everything do not wait."""

    def question(_: Query) -> int:
        if fails:
            raise StoreUnreachableError("gone")
        return 1

    for scope, waits in ((of_departments(["maps"]), True), (ALL, False)):
        began = time.monotonic()
        with contextlib.suppress(StoreUnreachableError):
            await reader.ask("test", scope, question)
        assert (time.monotonic() - began >= EVEN_S * 0.99) >= waits


async def test_a_report_for_a_department_may_not_name_what_is_of_all(reader: PageReader) -> None:
    """It is refused before the store is asked, which does not run here; who reads everything gets through to it."""
    for scope, error in ((of_departments(["maps"]), NotPermittedError), (ALL, StoreUnreachableError)):
        with pytest.raises(error):
            await reader.ask_report("test", scope, lambda query: query("SELECT hash FROM lynceus.period", {}))
