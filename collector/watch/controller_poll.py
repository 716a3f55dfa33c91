"""
Polls what is not watched: the controller's settings, its Lease, its memory and its metrics.

One request at a time for each cluster, each at its own interval. A reading that is refused or absent is reported once, then
polled seldom. A failure does not affect the watches. core/argo/controller_readings.py interprets the values; here are only
requests and formats.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from random import Random
from typing import Any

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from collector.clock import now_ms
from collector.core.argo import controller_readings
from collector.core.messages import ControllerMetrics, ControllerSettings, Lease, Reading, ReadingKind
from collector.kube.connection import Connection
from collector.kube.request import BROKEN, LARGEST, WITHIN, fetch
from collector.shown_text import redact
from collector.watch.api_errors import failure_of, trouble_of
from collector.watch.foreign_yaml import parse_foreign
from collector.watch.kinds import CONFIG_MAP, LEASE, config_map_path, lease_path
from collector.watch.reflector import Sink

Pods = Callable[[], Iterable[tuple[str, str, int | None]]]
"""Name, container and metrics port of each controller pod; None: Argo's default port."""

METRICS_PORT = 9090
EVERY_S = 15.0
"""Memory, metrics and Lease: a controller can fill its memory in minutes, and its Lease expires in seconds."""
SELDOM_S = 60.0
"""Settings, which change only with a deployment."""
HURRY_S = 2.0
"""The Lease while its holder does not run: another replica takes it within 20 s, and until then nothing starts."""
HURRY_FOR_S = 120.0
"""How long the Lease is read so often; who does not lead by then needs a person."""
ABSENT_S = 600.0
"""A reading that is refused or absent: a person must act first."""

LARGEST_OBJECT = 2 * 2**20
"""Kubernetes stores a ConfigMap of 1 MiB at most."""

MOST_SAMPLES = 100_000
PLAIN_TEXT = {"Accept": "text/plain;version=0.0.4"}

Value = ControllerSettings | Lease | ControllerMetrics | int


class _Failure(msgspec.Struct, frozen=True):
    """The reason why there is no value."""

    detail: str
    rest_s: float = 0.0
    """The shortest pause before the next request."""
    final: bool = False
    """Whether other paths to the same value would fail too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    kind: ReadingKind
    subject: str
    target: str
    """The resource and its name, for the person who grants the right."""
    paths: tuple[str, ...]
    """Alternative paths to the same value."""
    read: Callable[[bytes], Value | None]
    """Reads the value from an answer; None or ValueError if the answer is of another kind."""
    every_s: float


@dataclass(slots=True)
class _Progress:
    """The state of a query."""

    due_s: float = 0.0
    trouble: str = ""
    """The last reported trouble."""
    path: str = ""
    """The path that worked."""


async def poll_for_ever(
    connection: Connection,
    namespace: str,
    *,
    sink: Sink,
    pods: Pods,
    is_led: Callable[[], bool],
    every_s: float = EVERY_S,
    config_map: str = CONFIG_MAP,
    lease: str = LEASE,
    metrics_port: int = METRICS_PORT,
    dice: Random | None = None,
) -> None:
    """Polls until cancelled; each answer is a Reading for the sink."""
    dice = dice or Random()
    poll = ControllerPoll(
        connection=connection,
        namespace=namespace,
        sink=sink,
        pods=pods,
        is_led=is_led,
        every_s=every_s,
        config_map=config_map,
        lease=lease,
        metrics_port=metrics_port,
    )
    await asyncio.sleep(dice.uniform(0, every_s))
    while True:
        await poll.read_due()
        await asyncio.sleep(every_s * HURRY_S / EVERY_S * dice.uniform(0.9, 1.1))


@dataclass(kw_only=True)
class ControllerPoll:
    """The queries of one installation, and when each is due."""

    connection: Connection
    namespace: str
    sink: Sink
    pods: Pods
    is_led: Callable[[], bool]
    """Whether the Lease has a holder that runs."""
    every_s: float = EVERY_S
    config_map: str = CONFIG_MAP
    lease: str = LEASE
    metrics_port: int = METRICS_PORT
    within: aiohttp.ClientTimeout = WITHIN
    """For each query by itself."""
    _progress: dict[tuple[str, str], _Progress] = field(default_factory=dict)
    _led_at_s: float = -inf
    """When a holder of the Lease was last known to run."""

    async def read_due(self) -> None:
        """Reads, one after the other, the values that are due; forgets queries of pods that are gone. One round."""
        before = self._progress
        queries = {(query.kind, query.subject): query for query in self._queries()}
        self._progress = {key: before.get(key, _Progress()) for key in queries}
        for key, query in queries.items():
            if self._is_due(query, self._progress[key]):
                await self._read(query, self._progress[key])

    def _is_due(self, query: _Query, progress: _Progress) -> bool:
        """Whether to read now. While the one that led does not run, the Lease is due in each round, unless it is refused."""
        now_s = asyncio.get_running_loop().time()
        if query.kind == "lease":
            if self.is_led():
                self._led_at_s = now_s
            elif not progress.trouble and now_s - self._led_at_s <= HURRY_FOR_S * self.every_s / EVERY_S:
                return True
        return now_s >= progress.due_s

    def _queries(self) -> Iterator[_Query]:
        namespace, config_map, lease = self.namespace, self.config_map, self.lease
        yield _Query(
            kind="settings",
            subject="",
            target=f"configmaps {config_map}",
            paths=(config_map_path(namespace, config_map),),
            read=settings,
            every_s=self.every_s * SELDOM_S / EVERY_S,
        )
        yield _Query(
            kind="lease",
            subject="",
            target=f"leases.coordination.k8s.io {lease}",
            paths=(lease_path(namespace, lease),),
            read=controller_readings.lease,
            every_s=self.every_s,
        )
        for pod, container, port in self.pods():
            yield self._memory_query(pod, container)
            yield self._metrics_query(pod, port or self.metrics_port)

    def _memory_query(self, pod: str, container: str) -> _Query:
        return _Query(
            kind="memory",
            subject=pod,
            target=f"pods.metrics.k8s.io {pod}",
            paths=(f"/apis/metrics.k8s.io/v1beta1/namespaces/{self.namespace}/pods/{pod}",),
            read=lambda body: controller_readings.memory(body, container),
            every_s=self.every_s,
        )

    def _metrics_query(self, pod: str, port: int) -> _Query:
        # Through the API server: the pod itself need not be reachable. TLS is Argo's default since 3.6, plain before.
        pods = f"/api/v1/namespaces/{self.namespace}/pods"
        return _Query(
            kind="metrics",
            subject=pod,
            target=f"pods/proxy {pod}",
            paths=tuple(f"{pods}/{scheme}:{pod}:{port}/proxy/metrics" for scheme in ("https", "http")),
            read=metrics,
            every_s=self.every_s,
        )

    async def _read(self, query: _Query, progress: _Progress) -> None:
        """Reads a value and emits it; a trouble that repeats is emitted once."""
        result: Value | _Failure = _Failure("")
        for path in sorted(query.paths, key=lambda path: path != progress.path):
            result = await self._try(query, path)
            if not isinstance(result, _Failure):
                progress.path = path
                break
            if result.final:
                break
        value, trouble, rest_s = (
            (None, result.detail, result.rest_s) if isinstance(result, _Failure) else (result, "", 0.0)
        )
        progress.due_s = asyncio.get_running_loop().time() + max(rest_s, query.every_s * 0.9)
        if value is not None or trouble != progress.trouble:
            self.sink([Reading(kind=query.kind, subject=query.subject, at=now_ms(), value=value, detail=trouble)])
        progress.trouble = trouble

    async def _try(self, query: _Query, path: str) -> Value | _Failure:
        try:
            status, headers, body = await fetch(
                self.connection,
                "GET",
                path,
                headers=PLAIN_TEXT if query.kind == "metrics" else None,
                within=self.within,
                largest=LARGEST if query.kind == "metrics" else LARGEST_OBJECT,
            )
        except BROKEN as error:
            return _Failure(f"{query.target}: no answer: {redact(str(error))[:300] or type(error).__name__}")
        if status != 200:
            return self._refusal(query, status, headers, body)
        try:
            # Up to 8 MiB of text; the loop has watches to read.
            value = await asyncio.to_thread(query.read, body)
        except ValueError as error:
            return _Failure(f"{query.target}: the answer cannot be read: {str(error)[:300]}")
        return _Failure(f"{query.target}: the answer is of another kind") if value is None else value

    def _refusal(self, query: _Query, status: int, headers: Any, body: bytes) -> _Failure:
        """The failure for a refused or absent reading; the next request follows after a long pause."""
        trouble = trouble_of(status, headers, body, now_ms())
        if status == 403:
            lacks = f"no right to get {query.target} in namespace {self.namespace}"
            return _Failure(f"{lacks}; {trouble.detail}", ABSENT_S, final=True)
        if status == 404:
            # The metrics API does not know a pod in its first minute, nor after a restart, when its memory matters most.
            passing = query.subject and failure_of(body).reason == "NotFound"
            detail = f"namespace {self.namespace} has no {query.target}; {trouble.detail}"
            return _Failure(detail, 0.0 if passing else ABSENT_S, final=True)
        return _Failure(f"{query.target}: {trouble.detail}", trouble.retry_after_s, final=status in (401, 429))


def settings(body: bytes) -> ControllerSettings | None:
    """Reads the limits in a ConfigMap; None if the body is not a ConfigMap, ValueError if its YAML cannot be read."""
    texts = controller_readings.config_texts(body)
    if texts is None:
        return None
    if texts.config is None:
        return controller_readings.settings(msgspec.structs.asdict(texts))
    values = parse_foreign(texts.config) if texts.config.strip() else {}
    return controller_readings.settings(values) if isinstance(values, dict) else None


def metrics(body: bytes) -> ControllerMetrics | None:
    """Reads a controller's metrics: empty from a standby; None if they are not a controller's. ValueError for a broken line."""
    if not body.strip():
        return ControllerMetrics(is_leader=False)
    # Only useful lines are parsed: the others are ten times as many, and their names follow newer rules.
    wanted = tuple(controller_readings.WANTED)
    lines = islice(
        (line for line in body.decode("utf-8", "replace").split("\n") if line.startswith(wanted)), MOST_SAMPLES
    )
    families = text_string_to_metric_families("\n".join(lines) + "\n")
    return controller_readings.metrics((s.name, s.labels, s.value) for family in families for s in family.samples)
