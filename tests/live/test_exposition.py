"""What a running collector answers on a demo fleet, read by Prometheus' own tools and by the official parsers."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.exposition import generate_latest as plain_text
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_text
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from collector.catalog import metrics
from collector.exposition.prometheus import families
from collector.service.http_server import with_problems
from tests.exposition.test_lines import Source, read, written
from tests.live.test_prometheus import ask, daemon, watched_fleet
from tests.ports import free_port
from tests.promtool.tool import promtool
from tests.running import Running

pytestmark = pytest.mark.live

LATENCIES = (metrics.QUEUE_LATENCY, metrics.START_LATENCY, metrics.POD_START_LATENCY, metrics.DURATION)


@pytest.fixture
async def busy(tmp_path: Path) -> AsyncIterator[Running]:
    """A collector that has counted something in each histogram of latencies."""
    async with watched_fleet(tmp_path) as collector:
        await collector.until(lambda: all(c.ready for c in collector.runtime.view().clusters))
        await collector.until(lambda: all(m.name in collector.runtime.counters.histograms for m in LATENCIES), 120)
        yield collector


async def scrape(collector: Running, accept: str) -> str:
    """A scrape as Prometheus makes it, gzip included."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{collector.url}/metrics", headers={"accept": accept, "accept-encoding": "gzip"}) as response,
    ):
        assert response.headers["content-encoding"] == "gzip"
        return await response.text()


async def test_a_live_scrape_is_sound(busy: Running) -> None:
    """Promtool has nothing to say about it; both formats are read, have the same families, and name workflows as exemplars."""
    plain, openmetrics = (
        await scrape(busy, "text/plain"),
        await scrape(busy, "application/openmetrics-text;version=1.0.0"),
    )

    assert promtool("check", "metrics", stdin=plain.encode()) == ""
    read_plain = [*parse_plain(plain)]
    read_openmetrics = [*parse_openmetrics(openmetrics)]  # type: ignore[no-untyped-call]
    assert [(f.name, f.type, f.documentation) for f in read_plain] == [
        (f.name, f.type, f.documentation) for f in read_openmetrics
    ]
    exemplars = {f.name: s.exemplar.labels for f in read_openmetrics for s in f.samples if s.exemplar}
    assert {m.name for m in LATENCIES} <= exemplars.keys()
    assert all(labels["workflow_uid"] for labels in exemplars.values())


async def test_a_live_scrape_is_read_as_prometheus_clients(busy: Running) -> None:
    """Of one instant both formats hold the same, and what prometheus-client would have written."""
    runtime = busy.runtime
    gathered = [*families(with_problems(runtime.view()), runtime.counters.copy(), {})]
    plain, openmetrics = written(gathered), written(gathered, openmetrics=True)
    theirs = openmetrics_text(Source(gathered))  # type: ignore[no-untyped-call]

    assert read(parse_plain, plain) == read(parse_plain, plain_text(Source(gathered)))
    assert read(parse_openmetrics, openmetrics) == read(parse_openmetrics, theirs)
    assert read(parse_plain, plain, exemplars=False) == read(parse_openmetrics, openmetrics, exemplars=False)
    assert sum(len(family[3]) for family in read(parse_plain, plain)) > 1000


async def test_prometheus_keeps_exemplars(busy: Running, tmp_path: Path) -> None:
    """A dot of a latency panel leads to a workflow; Prometheus asks for OpenMetrics and gzip, and warns of nothing."""
    port = free_port()
    config, log = tmp_path / "prometheus.yaml", tmp_path / "prometheus.log"
    target = busy.runtime.settings.http.listen
    config.write_text(
        f"scrape_configs: [{{job_name: lynceus, scrape_interval: 1s, static_configs: [{{targets: ['{target}']}}]}}]",
        encoding="utf-8",
    )
    with daemon(
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        log=log,
    ):
        query = f"query_exemplars?query={metrics.QUEUE_LATENCY.name}_bucket&start={time.time() - 3600}&end={time.time() + 3600}"
        found = await ask(f"http://127.0.0.1:{port}/api/v1/{query}", lambda answer: answer["data"])
        scrapes = f"http://127.0.0.1:{port}/api/v1/query?query=count_over_time(up[1m])>5"
        await ask(scrapes, lambda answer: answer["data"]["result"])

    assert all(exemplar["labels"]["workflow_uid"] for series in found for exemplar in series["exemplars"])
    assert "level=warn" not in log.read_text(encoding="utf-8")
    assert "level=error" not in log.read_text(encoding="utf-8")
