"""What a scraper gets for its headers, and what a scrape costs everything else in the loop."""

import asyncio
import gc
import gzip
import time
from itertools import pairwise

import pytest

from collector.catalog import metrics as catalog
from collector.catalog.counters import Counters
from collector.catalog.metrics.metric import MAX_SERIES
from collector.core.live_view import LiveView
from collector.exposition.lines import Writer
from collector.exposition.prometheus import Scrapes
from collector.exposition.prometheus import families as exposed
from tests.exposition import large
from tests.exposition.test_prometheus import families, samples
from tests.web.fleet import MINUTE, a_view, some_counters, waiting

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def scrapes(counters: Counters | None = None, view: LiveView | None = None) -> Scrapes:
    seen = view or a_view()
    return Scrapes(lambda: seen, counters or some_counters())


async def test_a_scraper_gets_the_format_that_it_asks_for() -> None:
    """The same figures in both."""
    endpoint = scrapes()
    plain, openmetrics = await endpoint.answer("", ""), await endpoint.answer("application/openmetrics-text", "")

    assert (plain.headers["content-type"], openmetrics.headers["content-type"]) == (PLAIN, OPENMETRICS)
    assert openmetrics.body.endswith(b"# EOF\n")
    depth = "lynceus_queue_depth"
    assert families(plain.body)[depth].samples == families(openmetrics.body, openmetrics=True)[depth].samples != []


async def test_a_scraper_that_accepts_gzip_gets_it() -> None:
    """A cache in between sees what the answer depends on."""
    endpoint = scrapes(Counters())
    plain, small = await endpoint.answer("", ""), await endpoint.answer("", "gzip")

    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert small.headers["vary"] == "Accept, Accept-Encoding"
    assert len(small.body) < len(plain.body) / 3
    assert gzip.decompress(small.body).splitlines()[:50] == plain.body.splitlines()[:50]


@pytest.mark.parametrize("name", ["lynceus_queue_latency_seconds", "lynceus_queue_latency_seconds_bucket"])
async def test_a_scraper_may_name_what_it_wants(name: str) -> None:
    """By a family, or by a sample of it; a name of nothing adds nothing."""
    answer = await scrapes().answer("", "", [name, "lynceus_workflows_started", "nowhere"])

    assert set(families(answer.body)) == {"lynceus_queue_latency_seconds", "lynceus_workflows_started_total"}


async def test_an_answer_is_of_one_moment() -> None:
    """What is added while the text is written does not come into it: neither a sample nor one bucket of several."""
    counters = Counters()
    counters.observe(catalog.QUEUE_LATENCY, 0.5, cluster="prod", queue="q")
    endpoint = scrapes(counters)
    writing = asyncio.create_task(endpoint.answer("", ""))
    for _ in range(3):
        await asyncio.sleep(0)
    for seconds in (0.001, 1, 100):
        counters.observe(catalog.QUEUE_LATENCY, seconds, cluster="prod", queue="q")

    buckets = samples((await writing).body, "lynceus_queue_latency_seconds_bucket")

    assert [buckets["prod", le, "q"] for le in ("0.01", "0.5", "+Inf")] == [0, 1, 1]


async def test_scrapers_that_wait_share_an_answer() -> None:
    """However many ask at once, two answers are made: that under way, and one for all that began to wait meanwhile."""
    made = []

    def view() -> LiveView:
        made.append(1)
        return a_view()

    endpoint = Scrapes(view, Counters())
    first = asyncio.create_task(endpoint.answer("", ""))
    while not made:
        await asyncio.sleep(0)
    bodies = {answer.body for answer in await asyncio.gather(*(endpoint.answer("", "") for _ in range(50)))}

    assert len(bodies) == 1
    assert (await first).body
    assert len(made) == 2


async def test_a_scraper_that_goes_away_takes_no_answer_from_others() -> None:
    """Nor the next scrape."""
    endpoint = scrapes()
    gone, waits = (asyncio.create_task(endpoint.answer("", "")) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()

    assert (await waits).body
    assert (await endpoint.answer("", "")).body


async def test_a_failed_scrape_fails_alone() -> None:
    """The next one is a new attempt."""
    views = iter([a_view()])
    endpoint = Scrapes(lambda: next(views, None) or 1 // 0, Counters())  # type: ignore[arg-type,return-value]
    await endpoint.answer("", "")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await endpoint.answer("", "")


async def test_gauges_that_overflow_are_counted_once_a_scrape() -> None:
    """As counters are, so that one alert finds both; the next scrape shows it."""
    bomb = [waiting(("c", "ns", f"q{i}"), "unseen", 1, MINUTE) for i in range(MAX_SERIES["gauge"] + 2)]
    counters = Counters()
    endpoint = scrapes(counters, a_view(queues=bomb))
    for _ in range(2):
        await endpoint.answer("", "", ["lynceus_queue_depth", "lynceus_queue_oldest_age_seconds"])

    overflow = samples((await endpoint.answer("", "")).body, "lynceus_label_overflow_total")

    assert overflow == {("lynceus_queue_depth",): 2, ("lynceus_queue_oldest_age_seconds",): 2}


async def test_the_process_is_shown_as_that_of_any_program() -> None:
    """Under the names that dashboards and rules of others know."""
    began = time.time()
    body = (await scrapes().answer("", "")).body

    [memory], [cpu], [start], [files], [most] = (
        samples(body, f"process_{name}").values()
        for name in ("resident_memory_bytes", "cpu_seconds_total", "start_time_seconds", "open_fds", "max_fds")
    )
    assert 2**20 < memory < 2**40
    assert cpu > 0
    assert began - 3600 < start < began
    assert 0 < files <= most
    assert set(samples(body, "python_gc_collections_total")) == {("0",), ("1",), ("2",)}


async def test_a_large_scrape_leaves_the_loop_to_others() -> None:
    """
    Of the CPU that 100,000 samples take, less than a fifteenth is taken in the loop's thread, or between two pauses.

    A share and no time, since the machine may be slow; `python -m tests.bench.scrape` measures how late timers are.
    """
    made = large.counters(100_000)
    view = large.view(100_000)
    endpoint = Scrapes(lambda: view, made)
    before = time.thread_time()
    body = (await endpoint.answer("application/openmetrics-text", "gzip")).body
    in_loop = time.thread_time() - before

    pieces = Writer().write(exposed(view, made, {}), openmetrics=True)
    gc.disable()  # a search for cycles takes as long as this process has objects of other tests
    marks = [time.thread_time()]
    marks.extend(time.thread_time() for _ in pieces)
    gc.enable()

    assert gzip.decompress(body).count(b"\n") > 100_000
    assert in_loop < (marks[-1] - marks[0]) / 15
    assert max(after - before for before, after in pairwise(marks)) < (marks[-1] - marks[0]) / 15
