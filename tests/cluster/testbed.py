"""
A real control plane for `make test-cluster`: etcd, kube-apiserver and kwok on loopback, in about four seconds.

Our fakes speak as we believe an API server speaks; here is one to hold that belief against. Argo's controller and the
kubelets are not part of it: argo_player.py plays the first from a recording, kwok the second by orders in stages.yaml.

The programs come from two Go modules, apiserver/ and etcdkwok/, and not from one tests/cluster/go.mod: in one module
kube-apiserver would be built with the dependencies of etcd and kwok, or they with its own. build.py builds both.

Nothing here reaches the network, and nothing here belongs in production: etcd neither syncs nor asks who is calling.
"""

import base64
import json
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import yaml

from tests.cluster import build
from tests.cluster.processes import Child, until
from tests.ports import free_ports

Json: TypeAlias = dict[str, Any]

HERE = Path(__file__).resolve().parent
STAGES = HERE / "stages.yaml"
ARGO = "/apis/argoproj.io/v1alpha1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RESTRICTED_USER = "lynceus-restricted"
ARGO_KINDS = {
    "workflows": "Workflow",
    "workflowtemplates": "WorkflowTemplate",
    "clusterworkflowtemplates": "ClusterWorkflowTemplate",
    "cronworkflows": "CronWorkflow",
    "workflowtasksets": "WorkflowTaskSet",
    "workflowtaskresults": "WorkflowTaskResult",
    "workflowartifactgctasks": "WorkflowArtifactGCTask",
    "workfloweventbindings": "WorkflowEventBinding",
}


class ApiError(RuntimeError):
    """A refusal of the server; `code` is its status, 0 when the server could not be reached."""

    def __init__(self, call: str, code: int, body: str) -> None:
        super().__init__(f"{call}: {code} {body[:500]}")
        self.code = code


class ControlPlane:
    """
    etcd, kube-apiserver and kwok with Argo's CRDs, alive inside a `with` block.

    `kubeconfig` may do anything; `restricted_kubeconfig` only what rights.py granted its user.
    """

    def __init__(self, folder: Path) -> None:
        self._programs = build.programs(build.CONTROL_PLANE)
        self._children: dict[str, Child] = {}
        etcd, peer, api, self._kwok_port = free_ports(4)
        self.folder = folder
        self.etcd_url = f"http://127.0.0.1:{etcd}"
        self._peer_url = f"http://127.0.0.1:{peer}"
        self._api_port = api
        self.url = f"https://127.0.0.1:{api}"
        self.token = secrets.token_hex(16)
        self.restricted_token = secrets.token_hex(16)
        self.kubeconfig = folder / "kubeconfig"
        self.restricted_kubeconfig = folder / "kubeconfig-restricted"
        # kube-apiserver signs a certificate for itself on its first start and puts the authority's behind it.
        self.ca_file = folder / "certs" / "apiserver.crt"

    def __enter__(self) -> Self:
        try:
            self._start_etcd()
            self.start_apiserver()
            self._write_kubeconfig(self.kubeconfig, self.token)
            self._write_kubeconfig(self.restricted_kubeconfig, self.restricted_token)
            self._create_crds()
            self._start_kwok()
        except BaseException:
            self._kill_all()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill_all()

    def headers(self, token: str | None = None) -> dict[str, str]:
        """The headers of a request; with the admin's token unless another is given."""
        return {"Authorization": f"Bearer {token or self.token}"}

    def ssl_context(self) -> ssl.SSLContext:
        """A TLS context that trusts only this server's authority."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        content: str = "application/json",
    ) -> Json:
        """The answer to one request; raises ApiError for anything but success. Blocks: not for an event loop."""
        answer = _http(
            f"{self.url}{path}", method, body, self.headers(token) | {"Content-Type": content}, self.ssl_context()
        )
        parsed: Json = json.loads(answer)
        return parsed

    def apply(self, path: str, obj: Json) -> Json:
        """Creates or changes the object at `path` (server-side apply); returns its new state."""
        query = f"{path}?fieldManager=testbed&force=true"
        return self.call("PATCH", query, obj, content="application/apply-patch+yaml")

    def items(self, path: str) -> list[Json]:
        """The items of the collection at `path`, all in one list."""
        items: list[Json] = self.call("GET", path)["items"]
        return items

    def watch(self, path: str, version: str | int, timeout_s: int = 1) -> list[Json]:
        """The events that a watch of the collection at `path` gets after `version`, until the server ends it."""
        query = f"{path}?watch=1&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds={timeout_s}"
        answer = _http(f"{self.url}{query}", "GET", None, self.headers(), self.ssl_context())
        return [json.loads(line) for line in answer.splitlines()]

    def revision(self) -> int:
        """etcd's revision: the newest resourceVersion of any kind."""
        return int(self._etcd("/v3/maintenance/status", {})["header"]["revision"])

    def compact(self) -> int:
        """
        Makes etcd forget all history up to now; returns the revision it forgot up to.

        A running kube-apiserver still answers older versions from its watch cache; `expire_versions` is for 410.
        """
        revision = self.revision()
        try:
            self._etcd("/v3/kv/compaction", {"revision": str(revision), "physical": True})
        except ApiError as error:
            # Nothing was written since the last time.
            if "has been compacted" not in str(error):
                raise
        return revision

    def expire_versions(self) -> int:
        """
        From here on a watch from an older version gets 410, as after a night's outage; returns the oldest good version.

        Every open watch breaks off, since kube-apiserver must restart for its watch caches to begin at the present.
        """
        revision = self.compact()
        self.kill_apiserver()
        self.start_apiserver()
        return revision

    def kill_apiserver(self) -> None:
        """Kills kube-apiserver: connections are reset, new ones refused."""
        self._children.pop("kube-apiserver").kill()

    def start_apiserver(self) -> None:
        """Returns when kube-apiserver is ready, on the same port and with the same certificate as before."""
        tokens = self.folder / "tokens.csv"
        tokens.write_text(
            f'{self.token},admin,admin,"system:masters"\n{self.restricted_token},{RESTRICTED_USER},{RESTRICTED_USER}\n'
        )
        self._start("kube-apiserver", self._apiserver_flags(tokens))
        self.until(lambda: self._answers("/readyz"), "kube-apiserver is ready")
        # Where the CRDs exist already, /readyz does not wait until they are served.
        if self._answers(f"{CRDS}/workflows.argoproj.io"):
            self.until(self._serves_argo, "kube-apiserver serves Argo's kinds")

    def until(self, ready: Callable[[], bool], what: str, timeout_s: float = 60) -> None:
        """Returns as soon as `ready` holds; raises after `timeout_s`, or when a program of this control plane ends."""
        until(ready, what, self._children.values(), timeout_s)

    def _start(self, name: str, flags: Iterable[str]) -> None:
        # HOME: kwok would read a configuration of the person who runs the tests.
        command = [str(self._programs[name]), *flags]
        self._children[name] = Child(name, command, self.folder / f"{name}.log", {"HOME": str(self.folder)})

    def _start_etcd(self) -> None:
        flags = [
            f"--data-dir={self.folder / 'etcd'}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={self.etcd_url}",
            f"--advertise-client-urls={self.etcd_url}",
            f"--listen-peer-urls={self._peer_url}",
            # As kubeadm sets it, but sooner: without it, a kind where nothing happens gets no bookmarks.
            "--watch-progress-notify-interval=1s",
            "--log-level=warn",
        ]
        self._start("etcd", flags)
        self.until(lambda: _is_ok(f"{self.etcd_url}/readyz"), "etcd is ready")

    def _apiserver_flags(self, tokens: Path) -> list[str]:
        certs = self.folder / "certs"
        # The key that the server makes for its certificate signs service account tokens too: no key lies in this tree.
        key = certs / "apiserver.key"
        return [
            f"--etcd-servers={self.etcd_url}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={self._api_port}",
            f"--cert-dir={certs}",
            "--service-account-issuer=https://testbed.invalid",
            f"--service-account-signing-key-file={key}",
            f"--service-account-key-file={key}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            # No controller makes the default service account that this plugin would demand of every pod.
            "--disable-admission-plugins=ServiceAccount",
            "--service-cluster-ip-range=10.0.0.0/24",
        ]

    def _start_kwok(self) -> None:
        flags = [
            f"--kubeconfig={self.kubeconfig}",
            "--manage-all-nodes=true",
            f"--config={STAGES}",
            f"--server-address=127.0.0.1:{self._kwok_port}",
            "--node-ip=10.1.0.1",
            "--cidr=10.2.0.0/16",
        ]
        ready = f"http://127.0.0.1:{self._kwok_port}/healthz"
        self._start("kwok", flags)
        self.until(lambda: _is_ok(ready), "kwok is healthy")

    def _create_crds(self) -> None:
        for plural, kind in ARGO_KINDS.items():
            self.call("POST", CRDS, _crd(plural, kind))
        self.until(self._serves_argo, "kube-apiserver serves Argo's kinds")

    def _serves_argo(self) -> bool:
        return all(self._answers(f"{ARGO}/{plural}?limit=1") for plural in ARGO_KINDS)

    def _answers(self, path: str) -> bool:
        try:
            trust = self.ssl_context()
        except OSError:  # before the first certificate is written, or half of it, there is nothing to trust
            return False
        return _is_ok(f"{self.url}{path}", self.headers(), trust)

    def _write_kubeconfig(self, file: Path, token: str) -> None:
        authority = base64.b64encode(self.ca_file.read_bytes()).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "testbed",
            "clusters": [{"name": "testbed", "cluster": {"server": self.url, "certificate-authority-data": authority}}],
            "users": [{"name": "testbed", "user": {"token": token}}],
            "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "testbed"}}],
        }
        file.write_text(yaml.safe_dump(config))
        file.chmod(0o600)

    def _etcd(self, path: str, body: Json) -> Json:
        answer: Json = json.loads(_http(f"{self.etcd_url}{path}", "POST", body, {}))
        return answer

    def _kill_all(self) -> None:
        while self._children:
            self._children.popitem()[1].kill()


def named(version: str, kind: str, name: str) -> Json:
    """The first fields of an object to create."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}


def _crd(plural: str, kind: str) -> Json:
    """Argo's minimal CRD: every field is kept, and with no status subresource a status write moves the generation."""
    crd = named("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.argoproj.io")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    crd["spec"] = {
        "group": "argoproj.io",
        "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
        "scope": "Cluster" if kind.startswith("Cluster") else "Namespaced",
        "versions": [
            {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}},
        ],
    }
    return crd


def _http(
    url: str, method: str, body: object, headers: Mapping[str, str], context: ssl.SSLContext | None = None
) -> bytes:
    """The body of a successful answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, dict(headers), method=method)
    # A proxy set in the environment must not get requests for loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=30) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        raise ApiError(f"{method} {url}", error.code, error.read().decode(errors="replace")) from error
    except OSError as error:
        raise ApiError(f"{method} {url}", 0, str(error)) from error


def _is_ok(url: str, headers: Mapping[str, str] | None = None, context: ssl.SSLContext | None = None) -> bool:
    try:
        _http(url, "GET", None, headers or {}, context)
    except ApiError:
        return False
    return True
