"""Reports of the API beside pages: their own threads, more patience, and a bound on those that wait."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.access.scope import ALL
from collector.measured import unmeasured
from collector.reports.report import Query
from collector.service.api_reader import AT_ONCE_EMBEDDED, MOST_WAITING, ApiReader
from collector.service.history import PageReader
from collector.service.store_questions import TooManyQuestionsError
from collector.settings.model import Settings


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[ApiReader]:
    """A reader whose store does not run."""
    made = ApiReader(Settings(data_dir=str(tmp_path)), unmeasured)
    yield made
    made.close()


async def test_reports_that_take_long_leave_pages_alone(reader: ApiReader, tmp_path: Path) -> None:
    """As many as may wait hold their threads; a page is answered meanwhile, and one report more is refused at once."""
    release, begun = threading.Event(), threading.Semaphore(0)

    def hold(_: Query) -> None:
        begun.release()
        assert release.wait(20)

    held = [asyncio.ensure_future(reader.questions.ask("cost", ALL, hold)) for _ in range(MOST_WAITING)]
    await asyncio.to_thread(begun.acquire)
    with contextlib.closing(PageReader(Settings(data_dir=str(tmp_path)), unmeasured)) as pages:
        assert await asyncio.wait_for(pages.ask_report("test", ALL, lambda _: 1), 10) == 1
        with pytest.raises(TooManyQuestionsError, match=f"{MOST_WAITING} others wait"):
            await reader.questions.ask("cost", ALL, lambda _: 1)
    assert not begun.acquire(blocking=False), f"more than {AT_ONCE_EMBEDDED} at a time"
    release.set()
    await asyncio.gather(*held)

    assert await reader.questions.ask("cost", ALL, lambda _: 1) == 1


async def test_a_report_that_nobody_waits_for_is_not_made(reader: ApiReader) -> None:
    """Its place is free again."""
    release = threading.Event()
    first = asyncio.ensure_future(reader.questions.ask("cost", ALL, lambda _: release.wait(20)))
    left = [asyncio.ensure_future(reader.questions.ask("cost", ALL, lambda _: 1)) for _ in range(MOST_WAITING - 1)]
    await asyncio.sleep(0)
    for one in left:
        one.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    again = asyncio.ensure_future(reader.questions.ask("cost", ALL, lambda _: 2))
    await asyncio.sleep(0)
    release.set()

    assert (await first, await again) == (True, 2)
