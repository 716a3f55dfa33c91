"""
Requests for Leases by the official client, in the cluster that the collector's own pod runs in. Blocking: for a thread.

Each request has a time limit and is sent once: the caller knows best when to repeat it. Answers are read without the client's
models, which refuse an object with a field that they do not know.
"""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.incluster_config import InClusterConfigLoader

from collector.kube.credentials import SERVICE_ACCOUNT
from collector.kube.lease import ShardLease

WITHIN_S = (1.0, 1.0)
"""For the connection, and for the answer."""
HOST = "KUBERNETES_SERVICE_HOST"

CONFLICT, MISSING, REFUSED = 409, 404, 403


class LeaseConflictError(Exception):
    """The Lease has another version than the one that was to be written."""


class LeaseRefusedError(Exception):
    """The replica may not use Leases; the text says why, and what to grant."""


class LeaseFailedError(Exception):
    """The request failed, or its answer did not arrive; it may have taken effect."""


class _Meta(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion")


class _Spec(msgspec.Struct, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    lease_transitions: int | None = None
    acquire_time: str | None = None


class _Answer(msgspec.Struct):
    metadata: _Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)


class LeaseRequests:
    """Reads and writes the Leases of one namespace; not for two threads at once."""

    def __init__(self, namespace: str, account: Path, environment: Mapping[str, str]) -> None:
        self.namespace = namespace
        self._account, self._environment = account, environment
        self._api: client.CoordinationV1Api | None = None

    def read(self, name: str) -> ShardLease | None:
        """The Lease; None: there is none. Raises LeaseRefusedError or LeaseFailedError."""
        return self._request(f"get {name}", lambda api: api.read_namespaced_lease(name, self.namespace, **_ONCE))

    def write(self, name: str, lease: ShardLease) -> ShardLease | None:
        """
        Writes the Lease if its version is still the same, and creates it if it has none; None: it was deleted.

        Kubernetes makes a deleted Lease again with an update; of a server that does not the caller learns that it is gone.
        Raises any of the errors above.
        """
        body = _body(name, lease, datetime.now(UTC))
        if lease.version:
            return self._request(
                f"update {name}", lambda api: api.replace_namespaced_lease(name, self.namespace, body, **_ONCE)
            )
        made = self._request("create", lambda api: api.create_namespaced_lease(self.namespace, body, **_ONCE))
        if made is None:
            raise LeaseRefusedError(f"there is no namespace {self.namespace}; correct replicas.namespace")
        return made

    def _request(self, what: str, ask: Callable[[client.CoordinationV1Api], Any]) -> ShardLease | None:
        try:
            self._api = self._api or _api(self._account, self._environment)
            return _lease(ask(self._api).data)
        except ApiException as error:
            if error.status == CONFLICT:
                raise LeaseConflictError from None
            if error.status == MISSING:
                return None
            self._api = None
            if error.status == REFUSED:
                raise LeaseRefusedError(
                    f"the API server refuses to {what} in namespace {self.namespace} ({error.status}); grant get, create "
                    "and update on leases of coordination.k8s.io there"
                ) from None
            raise LeaseFailedError(f"the API server answered {error.status}") from None
        except (urllib3.exceptions.HTTPError, ConfigException, OSError, ValueError) as error:
            # The next request reads token and authority again and opens another connection.
            self._api = None
            raise LeaseFailedError(f"no answer from the API server ({type(error).__name__})") from None


_ONCE: dict[str, Any] = {"_preload_content": False, "_request_timeout": WITHIN_S}


def in_own_cluster(
    namespace: str, account: Path | None = None, environment: Mapping[str, str] = os.environ
) -> LeaseRequests | None:
    """Requests in a namespace, by default the pod's own; None: this process runs in no pod with a service account."""
    account = account or SERVICE_ACCOUNT
    own = account / "namespace"
    if HOST not in environment or not own.is_file():
        return None
    return LeaseRequests(namespace or own.read_text().strip(), account, environment)


def _api(account: Path, environment: Mapping[str, str]) -> client.CoordinationV1Api:
    configuration = client.Configuration()
    configuration.retries = False
    configuration.proxy = None  # of the environment: not for the own cluster's API server
    loader = InClusterConfigLoader(str(account / "token"), str(account / "ca.crt"), environ=environment)  # type: ignore[no-untyped-call]
    loader.load_and_set(configuration)  # type: ignore[no-untyped-call]
    return client.CoordinationV1Api(client.ApiClient(configuration))


def _lease(answer: bytes) -> ShardLease:
    read = msgspec.json.decode(answer, type=_Answer)
    spec, plain = read.spec, ShardLease("")
    return ShardLease(
        holder=spec.holder_identity or "",
        version=read.metadata.resource_version,
        duration_s=plain.duration_s if spec.lease_duration_seconds is None else spec.lease_duration_seconds,
        transitions=spec.lease_transitions or 0,
        acquired=spec.acquire_time or "",
    )


def _body(name: str, lease: ShardLease, now: datetime) -> client.V1Lease:
    """The Lease with its times, which only people read."""
    return client.V1Lease(
        metadata=client.V1ObjectMeta(name=name, resource_version=lease.version or None),
        spec=client.V1LeaseSpec(
            holder_identity=lease.holder,
            lease_duration_seconds=lease.duration_s,
            lease_transitions=lease.transitions,
            acquire_time=_written(datetime.fromisoformat(lease.acquired) if lease.acquired else now),
            renew_time=_written(now),
        ),
    )


def _written(at: datetime) -> datetime:
    """With microseconds: Kubernetes demands six digits, and the client omits them where they are 0."""
    return at if at.microsecond else at.replace(microsecond=1)
