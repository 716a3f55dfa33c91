"""
The questions that are asked now and then, over real sockets: what is asked where, how often, and what a refusal leads to.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from collector.core.messages import ControllerSettings, Lease, Reading
from collector.kube.request import LARGEST
from collector.watch import controller_poll
from collector.watch.controller_poll import LARGEST_OBJECT, poll_for_ever
from tests.watch.installation import (
    CONFIG_MAP,
    HTTP,
    HTTPS,
    LEASE,
    MEMORY,
    METRICS,
    METRICS_TEXT,
    Installation,
    all_answers,
    an_installation,
    as_json,
    read_due,
)
from tests.watch.server import Answer, Exchange, Impatient, body, eventually, raw, silence
from tests.watch.steps import refusal


@pytest.fixture
async def argo(tmp_path: Path) -> AsyncIterator[Installation]:
    async with an_installation(tmp_path) as installation:
        yield installation


async def test_each_answer_is_a_reading(argo: Installation) -> None:
    """Settings and Lease of the installation, memory and metrics of each pod."""
    await read_due(argo.poll())

    assert [(r.kind, r.subject, r.detail) for r in argo.emitted if isinstance(r, Reading)] == [
        ("settings", "", ""),
        ("lease", "", ""),
        ("memory", "ctl", ""),
        ("metrics", "ctl", ""),
    ]
    assert argo.values("settings") == [ControllerSettings(parallelism=100)]
    assert argo.values("lease") == [Lease("workflow-controller", "ctl", None, 0)]
    assert argo.values("memory") == [512 * 1024**2]
    assert argo.values("metrics") == [METRICS]
    assert argo.readings("memory")[0].at > 1_700_000_000_000
    assert argo.requests() == Counter((CONFIG_MAP, LEASE, MEMORY, HTTPS))
    assert all(request.headers["Authorization"] == "Bearer t" for request in argo.server.requests)


async def test_names_and_port_are_the_installation_s(argo: Installation) -> None:
    """With an instance id the Lease has another name; a pod may name its port."""
    argo.answers.clear()
    argo.server.otherwise["list"] = body(b"", 404)
    argo.pods = [("ctl", "controller", 9191), ("b", "controller", None)]
    await read_due(argo.poll(config_map="mine", lease="workflow-controller-a", metrics_port=7070))

    assert {path.rpartition("/namespaces/")[2] for path in argo.requests()} == {
        "argo/configmaps/mine",
        "argo/leases/workflow-controller-a",
        "argo/pods/ctl",
        "argo/pods/https:ctl:9191/proxy/metrics",
        "argo/pods/b",
        "argo/pods/https:b:7070/proxy/metrics",
    }


async def test_the_way_that_worked_is_taken_first(argo: Installation) -> None:
    """Argo up to 3.5 speaks plain HTTP; its TLS is tried once, not each time."""
    argo.answers |= {
        HTTPS: body(refusal(503, message="http: server gave HTTP response"), 503),
        HTTP: body(METRICS_TEXT),
    }
    poll = argo.poll()
    await read_due(poll, 3)

    assert argo.values("metrics") == [METRICS] * 3
    assert (argo.requests()[HTTPS], argo.requests()[HTTP]) == (1, 3)


async def test_the_other_way_is_tried_again_when_the_known_one_fails(argo: Installation) -> None:
    """An upgrade of Argo turns TLS on."""
    poll = argo.poll()
    argo.answers[HTTPS], argo.answers[HTTP] = argo.answers[HTTP], argo.answers[HTTPS]
    await read_due(poll)
    argo.answers |= all_answers()
    await read_due(poll)

    assert argo.values("metrics") == [METRICS, METRICS]


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        (CONFIG_MAP, "settings", "no right to get configmaps workflow-controller-configmap in namespace argo"),
        (LEASE, "lease", "no right to get leases.coordination.k8s.io workflow-controller in namespace argo"),
        (MEMORY, "memory", "no right to get pods.metrics.k8s.io ctl in namespace argo"),
        (HTTPS, "metrics", "no right to get pods/proxy ctl in namespace argo"),
    ],
)
async def test_a_missing_right_is_reported_once_and_polled_seldom(
    argo: Installation, path: str, kind: str, words: str
) -> None:
    """The other values are still read."""
    argo.answers[path] = body(refusal(403, "Forbidden", "cannot get"), 403)
    await read_due(argo.poll(), 3)

    (reading,) = argo.readings(kind)
    assert reading.value is None
    assert reading.detail.startswith(words)
    assert argo.requests()[path] == 1
    assert sum(argo.requests().values()) == 3 * 3 + 1


@pytest.mark.parametrize(("path", "kind"), [(CONFIG_MAP, "settings"), (LEASE, "lease"), (MEMORY, "memory")])
async def test_an_absent_reading_is_reported_once_and_polled_seldom(argo: Installation, path: str, kind: str) -> None:
    """A single replica has no Lease, a small cluster no metrics API."""
    argo.answers[path] = body(b"404 page not found\n", 404, Content_Type="text/plain")
    await read_due(argo.poll(), 3)

    (reading,) = argo.readings(kind)
    assert reading.value is None
    assert reading.detail.startswith("namespace argo has no ")
    assert argo.requests()[path] == 1


async def test_a_pod_that_the_metrics_api_does_not_know_yet_is_polled_soon(argo: Installation) -> None:
    """The metrics API needs a minute for a restarted container, just when its memory matters."""
    argo.answers[MEMORY] = body(refusal(404, "NotFound", 'podmetrics "argo/ctl" not found'), 404)
    poll = argo.poll()
    await read_due(poll, 2)
    argo.answers |= all_answers()
    await read_due(poll)

    assert argo.values("memory") == [None, 512 * 1024**2]


async def test_settings_are_polled_less_often(argo: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings change with a deployment; a Lease expires in seconds, and its loss must be reported."""
    monkeypatch.setattr(controller_poll, "SELDOM_S", 60_000)  # at this pace 40 s, on however slow a machine
    await read_due(argo.poll(every_s=0.01), 3)

    assert argo.requests()[CONFIG_MAP] == 1
    assert argo.requests()[MEMORY] == argo.requests()[LEASE] == 3


async def test_a_query_that_is_not_due_is_not_sent(argo: Installation) -> None:
    """The interval holds, however often the poll is called."""
    await read_due(argo.poll(every_s=15), 3)

    assert set(argo.requests().values()) == {1}


async def test_a_server_that_asks_for_patience_gets_it(argo: Installation) -> None:
    """After a 429 with a time, no other path is tried until then."""
    argo.answers[HTTPS] = body(refusal(429, "TooManyRequests"), 429, Retry_After="30")
    await read_due(argo.poll(), 3)

    assert argo.requests()[HTTPS] == 1
    assert argo.requests()[HTTP] == 0
    assert "asks for fewer requests" in argo.readings("metrics")[0].detail


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (raw(b""), "no answer: "),
        (body(b"<html>Sign in"), "is of another kind"),
        (body(b"argo_workflows_gauge{phase=x} 1\n"), "cannot be read: "),
        (body(b"", 500), "the server failed (500)"),
        (body(b"", 401), "does not accept our credentials"),
    ],
)
async def test_trouble_is_reported_once_and_recovery_at_once(argo: Installation, answer: Answer, words: str) -> None:
    """The value is unknown until the next good answer."""
    argo.answers |= {HTTPS: answer, HTTP: answer}
    poll = argo.poll()
    await read_due(poll, 2)
    argo.answers |= all_answers()
    await read_due(poll)

    assert argo.values("metrics") == [None, METRICS]
    assert words in argo.readings("metrics")[0].detail


async def test_an_answer_without_end_is_given_up(argo: Installation) -> None:
    """Another program may listen on that port."""

    async def endless(exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        with contextlib.suppress(OSError):
            for _ in range(100):
                await exchange.chunks(b"x" * 2**20)

    argo.answers |= {HTTPS: endless, HTTP: body(b"x" * (LARGEST + 1))}
    await read_due(argo.poll())

    assert "larger than 8 MiB" in argo.readings("metrics")[0].detail


MERGED = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{','.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 13))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("[" * 100_000, "more than 2000 lists or maps"),
        ("[" * 1_500, "cannot be read"),
        ("- " * 100_000, "more than 2000 lists or maps"),
        ("? " * 100_000, "more than 2000 lists or maps"),
        (MERGED, "it has a merge key"),
        (MERGED.replace("<<", "!!merge b"), "it has a merge key"),
        ("a" * 300_000, "larger than 256 KiB"),
        ("a" * LARGEST_OBJECT, "larger than 2 MiB"),
    ],
)
async def test_settings_that_would_be_parsed_for_hours_are_given_up(
    argo: Installation, config: str, words: str
) -> None:
    """Who may write a ConfigMap of one cluster must not stop the collector: the other readings go on."""
    argo.answers[CONFIG_MAP] = as_json({"data": {"config": config}})
    await read_due(argo.poll())

    (reading,) = argo.readings("settings")
    assert words in reading.detail
    assert argo.values("memory")


async def test_a_silent_server_delays_and_harms_nothing(argo: Installation) -> None:
    """Each query has its own timeout."""
    argo.answers[LEASE] = silence
    await read_due(argo.poll(within=aiohttp.ClientTimeout(total=0.2)))

    assert "no answer" in argo.readings("lease")[0].detail
    assert argo.values("memory") == [512 * 1024**2]


async def test_refused_credentials_are_renewed_once(argo: Installation) -> None:
    """Refused credentials are renewed once."""
    argo.server.script("list", body(refusal(401), 401))
    await read_due(argo.poll())

    assert argo.values("settings") == [ControllerSettings(parallelism=100)]
    assert argo.requests()[CONFIG_MAP] == 2


async def test_a_pod_that_is_gone_is_forgotten(argo: Installation) -> None:
    """Another pod of the same name starts from scratch."""
    argo.answers[MEMORY] = body(refusal(403), 403)
    poll = argo.poll()
    await read_due(poll)
    pods, argo.pods = argo.pods, []
    await read_due(poll)
    argo.pods = pods
    await read_due(poll)

    assert argo.requests()[MEMORY] == 2


async def test_one_question_at_a_time(argo: Installation) -> None:
    """Requests to a small API server are limited to one at a time."""
    most = 0
    answers = dict(argo.answers)

    def slowly(path: str) -> Answer:
        async def answer(exchange: Exchange) -> None:
            nonlocal most
            most = max(most, argo.server.answering["list"])
            await asyncio.sleep(0.01)
            await answers[path](exchange)

        return answer

    argo.answers |= {path: slowly(path) for path in answers}
    await read_due(argo.poll(), 2)

    assert most == 1


@asynccontextmanager
async def reading(argo: Installation, **more: Any) -> AsyncIterator[asyncio.Task[None]]:
    going = poll_for_ever(
        argo.connection, "argo", sink=argo.emitted.extend, pods=lambda: argo.pods, is_led=lambda: argo.led, **more
    )
    task = asyncio.create_task(going)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=5)


async def test_it_goes_on_until_it_is_cancelled(argo: Installation) -> None:
    """The poll continues after every failure."""
    argo.answers[MEMORY] = raw(b"")
    async with reading(argo, every_s=0.01, dice=Impatient()) as task:
        await eventually(lambda: len(argo.values("metrics")) >= 3)

    assert task.cancelled()
    assert argo.values("memory") == [None]


async def test_a_fleet_does_not_ask_at_one_instant(argo: Installation) -> None:
    """The first round waits for a random part of the interval."""

    class Late(Impatient):
        def uniform(self, a: float, b: float) -> float:
            return b

    async with reading(argo, every_s=5, dice=Late()):
        await asyncio.sleep(0.05)

        assert not argo.server.requests
