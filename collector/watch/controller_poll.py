"""
The few questions that are asked now and then and not watched: the controller's settings, its Lease, its memory, its metrics.

One question at a time a cluster, at its own pace; what is refused or not there is said once and then asked seldom. A question
that fails fails alone: the watches know nothing of it. What answers mean is core/readings.py's, here is only their text.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Any, Literal

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from collector.clock import now_ms
from collector.core.argo import controller_readings
from collector.core.messages import ControllerMetrics, ControllerSettings, Lease, Reading
from collector.kube.connection import Connection
from collector.kube.request import BROKEN, fetch
from collector.watch.api_errors import failure_of, trouble_of
from collector.watch.kinds import CONFIG_MAP, LEASE, config_map_path, lease_path
from collector.watch.reflector import Sink

Pods = Callable[[], Iterable[tuple[str, str, int | None]]]
"""Name, container and metrics port of each controller pod; None: Argo's own port."""

METRICS_PORT = 9090
EVERY_S = 15.0
"""Memory, metrics and Lease: a controller fills its memory in minutes, and its Lease runs out in seconds."""
SELDOM_S = 60.0
"""Settings, which change with a deployment."""
ABSENT_S = 600.0
"""What is refused or not there needs a person first."""

MOST_SAMPLES = 100_000
PLAIN_TEXT = {"Accept": "text/plain;version=0.0.4"}

Value = ControllerSettings | Lease | ControllerMetrics | int


class _Failure(msgspec.Struct, frozen=True):
    """No value came, and why."""

    detail: str
    rest_s: float = 0.0
    """Ask again after this, if that is later than usual."""
    final: bool = False
    """No other way to the same thing will do better."""


@dataclass(frozen=True, slots=True)
class _Question:
    kind: Literal["settings", "lease", "memory", "metrics"]
    subject: str
    what: str
    """In words, for whoever must grant it."""
    paths: tuple[str, ...]
    """Ways to the same thing."""
    read: Callable[[bytes], Value | None]
    """The value in an answer; None or ValueError when it is not what was asked for."""
    every_s: float


@dataclass(slots=True)
class _Asked:
    """What became of a question so far."""

    due_s: float = 0.0
    trouble: str = ""
    """The last that was told."""
    way: str = ""
    """The path that worked."""


async def read_for_ever(
    connection: Connection,
    namespace: str,
    *,
    sink: Sink,
    pods: Pods,
    every_s: float = EVERY_S,
    config_map: str = CONFIG_MAP,
    lease: str = LEASE,
    metrics_port: int = METRICS_PORT,
    dice: Random | None = None,
) -> None:
    """Ask until cancelled; each answer is one Reading to the sink."""
    dice = dice or Random()
    rounds = ControllerPoll(connection, namespace, sink, pods, every_s, config_map, lease, metrics_port)
    await asyncio.sleep(dice.uniform(0, every_s))
    while True:
        await rounds.ask_due()
        await asyncio.sleep(every_s * dice.uniform(0.9, 1.1))


@dataclass
class ControllerPoll:
    """One installation's questions and when each is due."""

    connection: Connection
    namespace: str
    sink: Sink
    pods: Pods
    every_s: float = EVERY_S
    config_map: str = CONFIG_MAP
    lease: str = LEASE
    metrics_port: int = METRICS_PORT
    _asked: dict[tuple[str, str], _Asked] = field(default_factory=dict)

    async def ask_due(self) -> None:
        """Ask, one after the other, what is due; what nobody asks any more is forgotten."""
        before, self._asked = self._asked, {}
        questions = {(q.kind, q.subject): q for q in self._questions()}
        self._asked = {key: before.get(key, _Asked()) for key in questions}
        for key, question in questions.items():
            asked = self._asked[key]
            if asyncio.get_running_loop().time() >= asked.due_s:
                await self._ask(question, asked)

    def _questions(self) -> Iterator[_Question]:
        namespace, seldom_s = self.namespace, self.every_s * SELDOM_S / EVERY_S
        name, path = self.config_map, config_map_path(self.namespace, self.config_map)
        yield _Question("settings", "", f"configmaps {name}", (path,), settings, seldom_s)
        name, path = self.lease, lease_path(namespace, self.lease)
        yield _Question(
            "lease", "", f"leases.coordination.k8s.io {name}", (path,), controller_readings.lease, self.every_s
        )
        for pod, container, port in self.pods():
            path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods/{pod}"
            yield _Question("memory", pod, f"pods.metrics.k8s.io {pod}", (path,), _memory_of(container), self.every_s)
            # Through the API server: no pod need be reachable from here. TLS is Argo's default since 3.6, plain before.
            proxied = f"/api/v1/namespaces/{namespace}/pods/{{}}:{pod}:{port or self.metrics_port}/proxy/metrics"
            ways = (proxied.format("https"), proxied.format("http"))
            yield _Question("metrics", pod, f"pods/proxy {pod}", ways, metrics, self.every_s)

    async def _ask(self, question: _Question, asked: _Asked) -> None:
        """Ask and tell; the same trouble is told once."""
        got: Value | _Failure = _Failure("")
        for path in sorted(question.paths, key=lambda path: path != asked.way):
            got = await self._try(question, path)
            if not isinstance(got, _Failure):
                asked.way = path
                break
            if got.final:
                break
        value, trouble, rest_s = (None, got.detail, got.rest_s) if isinstance(got, _Failure) else (got, "", 0.0)
        asked.due_s = asyncio.get_running_loop().time() + max(rest_s, question.every_s * 0.9)
        if value is not None or trouble != asked.trouble:
            self.sink([Reading(question.kind, question.subject, now_ms(), value, trouble)])
        asked.trouble = trouble

    async def _try(self, question: _Question, path: str) -> Value | _Failure:
        try:
            status, headers, body = await fetch(
                self.connection, "GET", path, headers=PLAIN_TEXT if question.kind == "metrics" else None
            )
        except BROKEN as error:
            return _Failure(f"{question.what}: no answer: {str(error)[:300] or type(error).__name__}")
        if status != 200:
            return self._refused(question, status, headers, body)
        try:
            # Up to 8 MiB of text; the loop has watches to read.
            value = await asyncio.to_thread(question.read, body)
        except ValueError as error:
            return _Failure(f"{question.what}: the answer cannot be read: {str(error)[:300]}")
        return _Failure(f"{question.what}: the answer is something else") if value is None else value

    def _refused(self, question: _Question, status: int, headers: Any, body: bytes) -> _Failure:
        """Why, in words; what is refused or not there rests for long."""
        trouble = trouble_of(status, headers, body, now_ms())
        if status == 403:
            lacks = f"no right to get {question.what} in namespace {self.namespace}"
            return _Failure(f"{lacks}; {trouble.detail}", ABSENT_S, final=True)
        if status == 404:
            # The metrics API does not know a pod in its first minute, nor after a restart: when it matters most.
            passing = question.subject and failure_of(body).reason == "NotFound"
            detail = f"namespace {self.namespace} has no {question.what}; {trouble.detail}"
            return _Failure(detail, 0.0 if passing else ABSENT_S, final=True)
        return _Failure(f"{question.what}: {trouble.detail}", trouble.retry_after_s, final=status in (401, 429))


def settings(body: bytes) -> ControllerSettings | None:
    """The limits in a ConfigMap; None when it is none, ValueError when its YAML cannot be read."""
    texts = controller_readings.config_texts(body)
    if texts is None:
        return None
    if texts.config is None:
        return controller_readings.settings(msgspec.structs.asdict(texts))
    values = msgspec.yaml.decode(texts.config) if texts.config.strip() else {}
    return controller_readings.settings(values) if isinstance(values, dict) else None


def metrics(body: bytes) -> ControllerMetrics | None:
    """A controller's metrics; an empty answer is a standby's, and None no controller's. ValueError when a line is broken."""
    if not body.strip():
        return ControllerMetrics(is_leader=False)
    # Only the lines that are of use are parsed: the others are ten times as many, and their names follow newer rules.
    wanted = tuple(controller_readings.WANTED)
    lines = islice(
        (line for line in body.decode("utf-8", "replace").split("\n") if line.startswith(wanted)), MOST_SAMPLES
    )
    families = text_string_to_metric_families("\n".join(lines) + "\n")
    return controller_readings.metrics((s.name, s.labels, s.value) for family in families for s in family.samples)


def _memory_of(container: str) -> Callable[[bytes], int | None]:
    return lambda body: controller_readings.memory(body, container)
