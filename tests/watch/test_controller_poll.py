"""
The questions that are asked now and then, over real sockets: what is asked where, how often, and what a refusal leads to.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from collector.core.messages import ControllerMetrics, ControllerSettings, Lease, Outcome, Reading
from collector.kube import request
from collector.kube.connection import Connection
from collector.kube.request import LARGEST
from collector.watch import controller_poll as asked_now_and_then
from collector.watch.controller_poll import ControllerPoll, poll_for_ever
from tests.watch.server import Answer, ApiServer, Exchange, Impatient, body, eventually, kubeconfig, raw, silence
from tests.watch.steps import refusal

CONFIG_MAP = "/api/v1/namespaces/argo/configmaps/workflow-controller-configmap"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/argo/leases/workflow-controller"
MEMORY = "/apis/metrics.k8s.io/v1beta1/namespaces/argo/pods/ctl"
HTTPS = "/api/v1/namespaces/argo/pods/https:ctl:9090/proxy/metrics"
HTTP = "/api/v1/namespaces/argo/pods/http:ctl:9090/proxy/metrics"

METRICS = b"""# HELP argo_workflows_gauge number of Workflows currently in the cluster by status
# TYPE argo_workflows_gauge gauge
argo_workflows_gauge{phase="Pending"} 70
argo_workflows_gauge{phase="Running"} 25
# TYPE argo_workflows_is_leader gauge
argo_workflows_is_leader 1
argo_workflows_queue_depth_gauge{queue_name="workflow_queue"} 3
{"argo_workflows_go.memory.used","go.memory.type"="stack"} 5
argo_workflows_go.broken{x=y} is no line of any format
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 1.2e+08
"""
TOLD = ControllerMetrics(
    is_leader=True, memory_bytes=120_000_000, queue_depth={"workflow_queue": 3.0},
    workflows={"Pending": 70.0, "Running": 25.0}, scheme="4.0",
)  # fmt: skip


def as_json(value: Any) -> Answer:
    return body(json.dumps(value).encode())


def well() -> dict[str, Answer]:
    """An installation where all may be read and is there."""
    containers = [{"name": "controller", "usage": {"memory": "512Mi"}}]
    return {
        CONFIG_MAP: as_json({"data": {"parallelism": "100"}}),
        LEASE: as_json({"metadata": {"name": "workflow-controller"}, "spec": {"holderIdentity": "ctl"}}),
        MEMORY: as_json({"containers": containers}),
        HTTPS: body(METRICS, Content_Type="text/plain"),
        HTTP: body(b"Client sent an HTTP request to an HTTPS server.", 400),
    }


@dataclass
class Installation:
    """A controller's namespace, and who asks in it."""

    server: ApiServer
    answers: dict[str, Answer]
    connection: Connection
    told: list[Outcome] = field(default_factory=list)
    pods: list[tuple[str, str, int | None]] = field(default_factory=lambda: [("ctl", "controller", None)])

    def rounds(self, **more: Any) -> ControllerPoll:
        # So short that everything is due again in the next round, and what rests is not.
        values = {"every_s": 0.001} | more
        return ControllerPoll(
            connection=self.connection, namespace="argo", sink=self.told.extend, pods=lambda: self.pods, **values
        )

    def readings(self, kind: str) -> list[Reading]:
        return [o for o in self.told if isinstance(o, Reading) and o.kind == kind]

    def values(self, kind: str) -> list[Any]:
        return [reading.value for reading in self.readings(kind)]

    def asked(self) -> Counter[str]:
        return Counter(asked.path for asked in self.server.asked)


@pytest.fixture
async def argo(tmp_path: Path) -> AsyncIterator[Installation]:
    answers = well()

    async def choose(exchange: Exchange) -> None:
        await answers[exchange.asked.path](exchange)

    server = ApiServer()
    server.otherwise["list"] = choose
    async with server.serving(), Connection(kubeconfig(tmp_path, server.url, user={"token": "t"})) as connection:
        yield Installation(server, answers, connection)


async def ask(rounds: ControllerPoll, times: int = 1) -> None:
    for _ in range(times):
        await rounds.read_due()
        await asyncio.sleep(0.01)


async def test_each_answer_is_a_reading(argo: Installation) -> None:
    """Settings and Lease of the installation, memory and metrics of each pod."""
    await ask(argo.rounds())

    assert [(r.kind, r.subject, r.detail) for r in argo.told if isinstance(r, Reading)] == [
        ("settings", "", ""),
        ("lease", "", ""),
        ("memory", "ctl", ""),
        ("metrics", "ctl", ""),
    ]
    assert argo.values("settings") == [ControllerSettings(parallelism=100)]
    assert argo.values("lease") == [Lease("workflow-controller", "ctl", None, 0, 0)]
    assert argo.values("memory") == [512 * 1024**2]
    assert argo.values("metrics") == [TOLD]
    assert argo.readings("memory")[0].at > 1_700_000_000_000
    assert argo.asked() == Counter((CONFIG_MAP, LEASE, MEMORY, HTTPS))
    assert all(asked.headers["Authorization"] == "Bearer t" for asked in argo.server.asked)


async def test_names_and_port_are_the_installation_s(argo: Installation) -> None:
    """With an instance id the Lease has another name; a pod may name its port."""
    argo.answers.clear()
    argo.server.otherwise["list"] = body(b"", 404)
    argo.pods = [("ctl", "controller", 9191), ("b", "controller", None)]
    await ask(argo.rounds(config_map="mine", lease="workflow-controller-a", metrics_port=7070))

    assert {path.rpartition("/namespaces/")[2] for path in argo.asked()} == {
        "argo/configmaps/mine",
        "argo/leases/workflow-controller-a",
        "argo/pods/ctl",
        "argo/pods/https:ctl:9191/proxy/metrics",
        "argo/pods/b",
        "argo/pods/https:b:7070/proxy/metrics",
    }


async def test_the_way_that_worked_is_taken_first(argo: Installation) -> None:
    """Argo up to 3.5 speaks plain HTTP; its TLS is tried once, not each time."""
    argo.answers |= {HTTPS: body(refusal(503, message="http: server gave HTTP response"), 503), HTTP: body(METRICS)}
    rounds = argo.rounds()
    await ask(rounds, 3)

    assert argo.values("metrics") == [TOLD] * 3
    assert (argo.asked()[HTTPS], argo.asked()[HTTP]) == (1, 3)


async def test_the_other_way_is_tried_again_when_the_known_one_fails(argo: Installation) -> None:
    """An upgrade of Argo turns TLS on."""
    rounds = argo.rounds()
    argo.answers[HTTPS], argo.answers[HTTP] = argo.answers[HTTP], argo.answers[HTTPS]
    await ask(rounds)
    argo.answers |= well()
    await ask(rounds)

    assert argo.values("metrics") == [TOLD, TOLD]


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        (CONFIG_MAP, "settings", "no right to get configmaps workflow-controller-configmap in namespace argo"),
        (LEASE, "lease", "no right to get leases.coordination.k8s.io workflow-controller in namespace argo"),
        (MEMORY, "memory", "no right to get pods.metrics.k8s.io ctl in namespace argo"),
        (HTTPS, "metrics", "no right to get pods/proxy ctl in namespace argo"),
    ],
)
async def test_a_missing_right_is_told_once_and_asked_for_seldom(
    argo: Installation, path: str, kind: str, words: str
) -> None:
    """And nothing else suffers from it."""
    argo.answers[path] = body(refusal(403, "Forbidden", "cannot get"), 403)
    await ask(argo.rounds(), 3)

    (reading,) = argo.readings(kind)
    assert reading.value is None
    assert reading.detail.startswith(words)
    assert argo.asked()[path] == 1
    assert sum(argo.asked().values()) == 3 * 3 + 1


@pytest.mark.parametrize(("path", "kind"), [(CONFIG_MAP, "settings"), (LEASE, "lease"), (MEMORY, "memory")])
async def test_what_is_not_there_is_told_once_and_asked_for_seldom(argo: Installation, path: str, kind: str) -> None:
    """No Lease for a single replica, no metrics API in a small cluster."""
    argo.answers[path] = body(b"404 page not found\n", 404, Content_Type="text/plain")
    await ask(argo.rounds(), 3)

    (reading,) = argo.readings(kind)
    assert reading.value is None
    assert reading.detail.startswith("namespace argo has no ")
    assert argo.asked()[path] == 1


async def test_a_pod_that_the_metrics_api_does_not_know_yet_is_asked_for_soon(argo: Installation) -> None:
    """It takes a minute to know a container that was killed and restarted, just when its memory matters."""
    argo.answers[MEMORY] = body(refusal(404, "NotFound", 'podmetrics "argo/ctl" not found'), 404)
    rounds = argo.rounds()
    await ask(rounds, 2)
    argo.answers |= well()
    await ask(rounds)

    assert argo.values("memory") == [None, 512 * 1024**2]


async def test_settings_are_asked_for_less_often(argo: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """They change with a deployment; a Lease runs out in seconds, and who lost it is to be told."""
    monkeypatch.setattr(asked_now_and_then, "SELDOM_S", 60_000)  # at this pace 40 s, on however slow a machine
    await ask(argo.rounds(every_s=0.01), 3)

    assert argo.asked()[CONFIG_MAP] == 1
    assert argo.asked()[MEMORY] == argo.asked()[LEASE] == 3


async def test_what_is_due_later_is_not_asked(argo: Installation) -> None:
    """However often somebody calls."""
    await ask(argo.rounds(every_s=15), 3)

    assert set(argo.asked().values()) == {1}


async def test_a_server_that_asks_for_patience_gets_it(argo: Installation) -> None:
    """429 with a time, and no other way is tried meanwhile."""
    argo.answers[HTTPS] = body(refusal(429, "TooManyRequests"), 429, Retry_After="30")
    await ask(argo.rounds(), 3)

    assert argo.asked()[HTTPS] == 1
    assert argo.asked()[HTTP] == 0
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
async def test_trouble_is_told_once_and_well_again_at_once(argo: Installation, answer: Answer, words: str) -> None:
    """The value is unknown meanwhile; the next good answer counts."""
    argo.answers |= {HTTPS: answer, HTTP: answer}
    rounds = argo.rounds()
    await ask(rounds, 2)
    argo.answers |= well()
    await ask(rounds)

    assert argo.values("metrics") == [None, TOLD]
    assert words in argo.readings("metrics")[0].detail


async def test_an_answer_without_end_is_given_up(argo: Installation) -> None:
    """Whatever listens on that port."""

    async def endless(exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        with contextlib.suppress(OSError):
            for _ in range(100):
                await exchange.chunks(b"x" * 2**20)

    argo.answers |= {HTTPS: endless, HTTP: body(b"x" * (LARGEST + 1))}
    await ask(argo.rounds())

    assert "larger than 8 MiB" in argo.readings("metrics")[0].detail


async def test_a_silent_server_delays_and_harms_nothing(argo: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question has an end of its own."""
    monkeypatch.setattr(request, "WITHIN", aiohttp.ClientTimeout(total=0.2))
    argo.answers[LEASE] = silence
    await ask(argo.rounds())

    assert "no answer" in argo.readings("lease")[0].detail
    assert argo.values("memory") == [512 * 1024**2]


async def test_refused_credentials_are_renewed_once(argo: Installation) -> None:
    """As everywhere."""
    argo.server.script("list", body(refusal(401), 401))
    await ask(argo.rounds())

    assert argo.values("settings") == [ControllerSettings(parallelism=100)]
    assert argo.asked()[CONFIG_MAP] == 2


async def test_a_pod_that_is_gone_is_forgotten(argo: Installation) -> None:
    """Another of its name starts anew."""
    argo.answers[MEMORY] = body(refusal(403), 403)
    rounds = argo.rounds()
    await ask(rounds)
    pods, argo.pods = argo.pods, []
    await ask(rounds)
    argo.pods = pods
    await ask(rounds)

    assert argo.asked()[MEMORY] == 2


async def test_one_question_at_a_time(argo: Installation) -> None:
    """A small API server has other things to do."""
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
    await ask(argo.rounds(), 2)

    assert most == 1


@asynccontextmanager
async def reading(argo: Installation, **more: Any) -> AsyncIterator[asyncio.Task[None]]:
    going = poll_for_ever(argo.connection, "argo", sink=argo.told.extend, pods=lambda: argo.pods, **more)
    task = asyncio.create_task(going)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=5)


async def test_it_goes_on_until_it_is_cancelled(argo: Installation) -> None:
    """Round after round, through whatever fails."""
    argo.answers[MEMORY] = raw(b"")
    async with reading(argo, every_s=0.01, dice=Impatient()) as task:
        await eventually(lambda: len(argo.values("metrics")) >= 3)

    assert task.cancelled()
    assert argo.values("memory") == [None]


async def test_a_fleet_does_not_ask_at_one_instant(argo: Installation) -> None:
    """The first round waits a part of the period, by dice of its own."""

    class Late(Impatient):
        def uniform(self, a: float, b: float) -> float:
            return b

    async with reading(argo, every_s=5, dice=Late()):
        await asyncio.sleep(0.05)

        assert not argo.server.asked
