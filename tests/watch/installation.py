"""A controller's namespace behind a real socket, and what is read in it."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collector.core.messages import ControllerMetrics, Outcome, Reading
from collector.kube.connection import Connection
from collector.watch.controller_poll import ControllerPoll
from tests.watch.server import Answer, ApiServer, Exchange, body, kubeconfig

CONFIG_MAP = "/api/v1/namespaces/argo/configmaps/workflow-controller-configmap"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/argo/leases/workflow-controller"
MEMORY = "/apis/metrics.k8s.io/v1beta1/namespaces/argo/pods/ctl"
HTTPS = "/api/v1/namespaces/argo/pods/https:ctl:9090/proxy/metrics"
HTTP = "/api/v1/namespaces/argo/pods/http:ctl:9090/proxy/metrics"

METRICS_TEXT = b"""# HELP argo_workflows_gauge number of Workflows currently in the cluster by status
# TYPE argo_workflows_gauge gauge
argo_workflows_gauge{phase="Pending"} 70
argo_workflows_gauge{phase="Running"} 25
# TYPE argo_workflows_is_leader gauge
argo_workflows_is_leader 1
argo_workflows_queue_depth_gauge{queue_name="workflow_queue"} 3
{"argo_workflows_go.memory.used","go.memory.type"="stack"} 5
argo_workflows_go.broken{x=y} is not a line of any format
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 1.2e+08
"""
METRICS = ControllerMetrics(
    is_leader=True, memory_bytes=120_000_000, queue_depth={"workflow_queue": 3.0},
    workflows={"Pending": 70.0, "Running": 25.0}, scheme="4.0",
)  # fmt: skip


def as_json(value: Any) -> Answer:
    return body(json.dumps(value).encode())


def all_answers() -> dict[str, Answer]:
    """An installation in which every value exists and may be read."""
    containers = [{"name": "controller", "usage": {"memory": "512Mi"}}]
    return {
        CONFIG_MAP: as_json({"data": {"parallelism": "100"}}),
        LEASE: as_json({"metadata": {"name": "workflow-controller"}, "spec": {"holderIdentity": "ctl"}}),
        MEMORY: as_json({"containers": containers}),
        HTTPS: body(METRICS_TEXT, Content_Type="text/plain"),
        HTTP: body(b"Client sent an HTTP request to an HTTPS server.", 400),
    }


@dataclass
class Installation:
    """A controller's namespace, and the poll that reads in it."""

    server: ApiServer
    answers: dict[str, Answer]
    connection: Connection
    emitted: list[Outcome] = field(default_factory=list)
    pods: list[tuple[str, str, int | None]] = field(default_factory=lambda: [("ctl", "controller", None)])
    led: bool = True

    def poll(self, **more: Any) -> ControllerPoll:
        # So short that everything is due again in the next round, and what rests is not.
        values: dict[str, Any] = {"every_s": 0.001, "is_led": lambda: self.led} | more
        return ControllerPoll(
            connection=self.connection, namespace="argo", sink=self.emitted.extend, pods=lambda: self.pods, **values
        )

    def readings(self, kind: str) -> list[Reading]:
        return [o for o in self.emitted if isinstance(o, Reading) and o.kind == kind]

    def values(self, kind: str) -> list[Any]:
        return [reading.value for reading in self.readings(kind)]

    def requests(self) -> Counter[str]:
        return Counter(request.path for request in self.server.requests)


@asynccontextmanager
async def an_installation(folder: Path) -> AsyncIterator[Installation]:
    """The installation behind a real socket."""
    answers = all_answers()

    async def choose(exchange: Exchange) -> None:
        await answers[exchange.request.path](exchange)

    server = ApiServer()
    server.otherwise["list"] = choose
    async with server.serving(), Connection(kubeconfig(folder, server.url, user={"token": "t"})) as connection:
        yield Installation(server, answers, connection)


async def read_due(poll: ControllerPoll, times: int = 1) -> None:
    for _ in range(times):
        await poll.read_due()
        await asyncio.sleep(0.01)
