"""
One process of the simulated controller: what it has counted since its start, as its /metrics shows it.

Pure: each instant is an argument. A process that dies takes its counts with it, as Argo's does.
"""

from collections import Counter, deque
from math import ceil

VERSION = "v4.1.2"
QPS, BURST = 20.0, 30.0
"""Defaults of Argo's --qps and --burst: its client spends a token for each request and waits while none is left."""
CONFLICT_EVERY, THROTTLED_EVERY = 150, 15
"""Requests for one that meets a newer object, and, of a busy controller, for one that the API server sends back."""
REQUEST_S = 0.2
"""How long a worker is busy with a request: the objects change at once, a real API server takes its time."""
WORKERS = 32
"""Argo's --workflow-workers."""
CAUSES = ("CronWorkflowSpecError", "CronWorkflowSubmissionError", "OperationPanic")


class ControllerProcess:
    """The counters of one process."""

    def __init__(self, started_at: float) -> None:
        self._started_at = self._refilled_at = started_at
        self._tokens = BURST
        self._wait_s = 0.0
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._recent: deque[float] = deque(maxlen=int(WORKERS / REQUEST_S))
        self._errors = Counter(dict.fromkeys(CAUSES, 0))

    def request(self, verb: str, kind: str, now: float, *, busy: bool = False) -> None:
        """Counts a request to the API server, its wait for a token, and an answer that refuses it."""
        self._tokens = min(BURST, self._tokens + (now - self._refilled_at) * QPS) - 1
        self._refilled_at = now
        self._recent.append(now)
        self._wait_s += max(0.0, -self._tokens) / QPS
        number = self._requests.total()
        if busy and number % THROTTLED_EVERY == 0:
            self._requests[verb, kind, 429] += 1  # the client sends it again
        if verb == "Update" and number % CONFLICT_EVERY == 0:
            self._requests[verb, kind, 409] += 1
        self._requests[verb, kind, 201 if verb == "Create" else 200] += 1

    def fail(self, cause: str) -> None:
        """Counts an error."""
        self._errors[cause] += 1

    def busy(self, now: float) -> int:
        """The number of busy workers, by the requests of the last second."""
        return ceil(sum(at > now - 1 for at in self._recent) * REQUEST_S)

    def lines(self) -> list[str]:
        """The counters as lines of an exposition."""
        requests, count = sorted(self._requests.items()), self._requests.total()
        waits = "argo_workflows_client_rate_limiter_latency"
        return [
            "# TYPE argo_workflows_error_count counter",
            *(f'argo_workflows_error_count{{cause="{cause}"}} {number}' for cause, number in self._errors.items()),
            "# TYPE argo_workflows_k8s_request_total counter",
            *(
                f'argo_workflows_k8s_request_total{{kind="{kind}",status_code="{code}",verb="{verb}"}} {number}'
                for (verb, kind, code), number in requests
            ),
            f"# TYPE {waits} histogram",
            f'{waits}_bucket{{le="+Inf"}} {count}',
            f"{waits}_sum {self._wait_s:.6f}",
            f"{waits}_count {count}",
            "# TYPE argo_workflows_version counter",
            f'argo_workflows_version{{platform="linux/amd64",version="{VERSION}"}} 1',
            "# TYPE process_start_time_seconds gauge",
            f"process_start_time_seconds {self._started_at:.2f}",
        ]
