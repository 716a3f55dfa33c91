"""
The reference: `kubernetes.watch.Watch().stream`, as the client's own documentation uses it, doing nothing with its events.

    python -m tests.bench.kubernetes_watch SERVER KIND EVENTS
"""

import sys
from importlib.metadata import version
from typing import Any

from kubernetes import client, watch

from tests.bench.measure import Figures, Meter, say


def follow(server: str, kind: str, expected: int) -> Figures:
    """Take that many events, then stop."""
    api = client.ApiClient(client.Configuration(host=server))
    calls: dict[str, tuple[Any, tuple[str, ...]]] = {
        "workflows": (
            client.CustomObjectsApi(api).list_cluster_custom_object,
            ("argoproj.io", "v1alpha1", "workflows"),
        ),
        "pods": (client.CoreV1Api(api).list_pod_for_all_namespaces, ()),
    }
    call, arguments = calls[kind]
    stream: Any = watch.Watch()  # type: ignore[no-untyped-call]  # the client has no types
    meter, seen = Meter(), 0
    for _ in stream.stream(call, *arguments):
        seen += 1
        if seen == expected:
            stream.stop()
    client_version = f"kubernetes {version('kubernetes')}"
    return Figures("kubernetes.watch", kind, seen, str(stream.resource_version), *meter.read(), client_version)


if __name__ == "__main__":
    say(follow(sys.argv[1], sys.argv[2], int(sys.argv[3])))
