"""Spans of the collector's own work: what they show, that they are bounded, and that they are off by default."""

import asyncio
import urllib.request
from pathlib import Path

import pytest

from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.settings.model import ClusterSettings
from collector.settings.traces import TraceSettings
from collector.traces import own_work
from collector.traces.own_work import OwnWork
from tests.running import a_service, running
from tests.traces.receiving import as_dict, receiving


def test_work_that_fails_is_marked_and_fails() -> None:
    """Each piece is a trace of its own, with what it was about."""
    own = OwnWork(Counters())
    with own.measure("list", cluster="c1", kind="pods"):
        pass
    with pytest.raises(ValueError, match="broken"), own.measure("insert", table="pod_run"):
        raise ValueError("broken")
    well, failed = own.first(9)

    assert (well.name, well.attributes, well.failed) == (
        "list",
        {"lynceus.cluster": "c1", "lynceus.kind": "pods"},
        False,
    )
    assert (failed.name, failed.failed, failed.message) == ("insert", True, "ValueError")
    assert failed.attributes == {"lynceus.table": "pod_run", "error.type": "ValueError"}
    assert well.end >= well.start
    assert (well.parent, well.place.trace_id == failed.place.trace_id) == (None, False)


def test_more_than_fits_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest stay, since a request with them may be under way."""
    monkeypatch.setattr(own_work, "MOST", 2)
    own = OwnWork(counters := Counters())
    for number in range(5):
        with own.measure(f"w{number}"):
            pass

    assert [span.name for span in own.first(9)] == ["w0", "w1"]
    assert counters.series[metrics.TRACES_DROPPED.name] == {("own_work",): 3}
    own.remove(1)
    assert [span.name for span in own.first(9)] == ["w1"]


@pytest.mark.parametrize("chosen", [True, False])
async def test_a_collector_shows_its_own_work_if_the_settings_ask(tmp_path: Path, chosen: bool) -> None:
    """Lists of objects, inserts and the page's query, as another service than the workflows."""
    kubeconfig = tmp_path / "kube.yaml"
    kubeconfig.write_text("apiVersion: v1\nkind: Config\n", encoding="utf-8")
    with receiving() as there:
        there.answers = [400] if chosen else []
        service = a_service(
            tmp_path,
            ClusterSettings(name="absent", kubeconfig=str(kubeconfig)),
            traces=TraceSettings(endpoint=there.url, own_work=chosen),
        )
        async with running(service) as collector:
            await collector.until("SELECT count() > 0 FROM pricing_run")

            def is_complete() -> bool:
                urllib.request.urlopen(f"{collector.url}/api/v1/live").read()
                return not chosen or {span.name for span in there.spans} >= {"list", "insert", "report"}

            async with asyncio.timeout(30):
                while not await asyncio.to_thread(is_complete):
                    await asyncio.sleep(0.1)
            dropped = collector.runtime.counters.series[metrics.TRACES_DROPPED.name]

    if not chosen:
        assert there.tried == 0
        return
    assert dropped["own_work",] > 0  # the first request was refused
    assert {about["service.name"] for about in there.resources} == {"lynceus"}
    about = {span.name: as_dict(span.attributes) for span in there.spans}
    assert about["list"]["lynceus.cluster"] == "absent"
    assert about["report"] == {"lynceus.report": "cost of today"}
    assert "lynceus.table" in about["insert"]
