"""
The checks of `lynceus check` on a cluster: it answers, its version and clock, Argo's version, and the rights to list and watch.

Changes nothing in the cluster: an access review only reads. Uses the collector's own connection, so that a check that passes
means that the watches get through too.
"""

import asyncio
from collections.abc import Iterable

import aiohttp
import msgspec

from collector.checked import Check
from collector.core.argo import controller
from collector.core.argo.controller_health import tag_of
from collector.core.objects import kubernetes
from collector.kube.connection import AddressError, Connection
from collector.kube.request import BROKEN, fetch
from collector.watch.api_errors import quote
from collector.watch.installed import installed
from collector.watch.kinds import Resource, Right, rights
from collector.watch.role import WIDE, Grantee, grantee_of
from collector.web.readiness import SKEWED_MS

WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
VERBS = ("list", "watch")


class Version(msgspec.Struct):
    gitVersion: str = ""


class ReviewStatus(msgspec.Struct):
    allowed: bool = False
    reason: str = ""


class Review(msgspec.Struct):
    status: ReviewStatus


class UserInfo(msgspec.Struct):
    username: str


class SelfStatus(msgspec.Struct):
    userInfo: UserInfo


class SelfReview(msgspec.Struct):
    status: SelfStatus


class ListedPods(msgspec.Struct):
    items: list[kubernetes.Pod] | None = None


async def check_cluster(
    connection: Connection, resources: Iterable[Resource], controller_namespace: str = ""
) -> list[Check]:
    """Checks the address first; only if it answers, each kind that it has and each right in the controller's namespace."""
    first = await _reach(connection)
    if not first.ok:
        return [first]
    named = rights(controller_namespace) if controller_namespace else ()
    kinds = (_check_kind(connection, resource) for resource in await installed(connection, resources))
    argo = (_check_argo(connection, controller_namespace),) if controller_namespace else ()
    rows = await asyncio.gather(*argo, *kinds, *(_check_right(connection, right) for right in named))
    return [first, *_clock(connection), *rows]


async def who_we_are(connection: Connection) -> Grantee | None:
    """Who the API server takes our credentials for; None: it does not say, as before Kubernetes 1.28. Raises one of BROKEN."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    status, _, body = await fetch(connection, "POST", WHO_AM_I, body=review)
    try:
        found = msgspec.json.decode(body, type=SelfReview) if status in (200, 201) else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return grantee_of(found.status.userInfo.username) if found else None


def _clock(connection: Connection) -> list[Check]:
    """How far the API server's clock is from ours; nothing if its answers have no date."""
    skew_ms = connection.skew_ms
    if skew_ms is None:
        return []
    subject = f"cluster {connection.address.name}: clock"
    if abs(skew_ms) <= SKEWED_MS:
        return [Check(ok=True, subject=subject, detail=f"within {SKEWED_MS // 1000} s of ours", needed=False)]
    detail = (
        f"{abs(skew_ms) / 1000:.0f} s {'ahead of' if skew_ms > 0 else 'behind'} ours; without it: no exact latencies"
    )
    return [Check(ok=False, subject=subject, detail=detail, remedy="set both clocks by NTP", needed=False)]


async def _check_argo(connection: Connection, namespace: str) -> Check:
    """Names Argo's version by the images of its controllers."""
    subject = f"cluster {connection.address.name}: Argo Workflows"

    def without(problem: str, remedy: str) -> Check:
        detail = f"{problem}; without it: no state of the controller"
        return Check(ok=False, subject=subject, detail=detail, remedy=remedy, needed=False)

    try:
        images = await _controller_images(connection, namespace)
    except BROKEN as error:
        return without(f"the check failed: {error}", "try again")
    if images is None:
        return without("its controller cannot be listed", "see the row of pods")
    if not images:
        return without(
            f"no controller runs in namespace {namespace}",
            "set the cluster's `controller_namespace` to Argo's namespace",
        )
    versions = ", ".join(sorted({tag_of(image) or "unknown version" for image in images}))
    detail = f"{versions}, in namespace {namespace} ({', '.join(sorted(set(images)))})"
    return Check(ok=True, subject=subject, detail=quote(detail.encode()), needed=False)


async def _controller_images(connection: Connection, namespace: str) -> list[str] | None:
    """The images of the controllers that have run, by their pods; None: they cannot be listed."""
    images = list[str]()
    for label, value in controller.LABELS:
        params = {"labelSelector": f"{label}={value}", "limit": f"{controller.PODS}"}
        status, _, body = await fetch(connection, "GET", f"/api/v1/namespaces/{namespace}/pods", params=params)
        try:
            pods = msgspec.json.decode(body, type=ListedPods).items if status == 200 else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if status != 200:
            return None
        statuses = (one for pod in pods or () if pod.status for one in pod.status.containerStatuses or ())
        images += [one.image for one in statuses if one.name in controller.CONTAINERS and one.image]
    return images


async def _reach(connection: Connection) -> Check:
    subject = f"cluster {connection.address.name}"

    def failure(detail: str, remedy: str) -> Check:
        return Check(ok=False, subject=subject, detail=detail, remedy=remedy)

    try:
        status, _, body = await fetch(connection, "GET", "/version")
    except AddressError as error:
        return failure(error.problem, error.remedy)
    except aiohttp.ClientSSLError as error:
        return failure(f"TLS failed: {error}", "set the cluster's certificate-authority in its kubeconfig")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        reason = str(error) or "no answer in time"
        return failure(f"does not answer: {reason}", "check `server`, the network and any proxy")
    if status == 401:
        return failure("does not accept the credentials (401)", "renew the token or the certificate")
    version = _version(body) if status == 200 else ""
    if not version:
        detail = f'is not a Kubernetes API server: {status} "{quote(body)}"'
        return failure(detail, "correct `server`; a proxy or a login page may answer instead")
    return Check(ok=True, subject=subject, detail=f"Kubernetes {version}")


def _version(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=Version).gitVersion
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


async def _check_kind(connection: Connection, resource: Resource) -> Check:
    """Checks that the kind is served and that both rights on it are granted."""
    subject = f"cluster {connection.address.name}: {resource.full_name}"

    def failure(problem: str, remedy: str) -> Check:
        detail = f"{problem}; without it: no {resource.feeds}"
        return Check(ok=False, subject=subject, detail=detail, remedy=remedy, needed=resource.needed)

    try:
        reviews = ({"group": resource.group, "resource": resource.plural, "verb": verb} for verb in VERBS)
        answers = await asyncio.gather(*(_allowed(connection, attributes) for attributes in reviews))
        status, _, _ = await fetch(connection, "GET", resource.path, params={"limit": "1"})
    except BROKEN as error:
        return failure(f"the check failed: {error}", "try again")
    denied = [verb for verb, allowed in zip(VERBS, answers, strict=True) if not allowed]
    if denied:
        rule = f'apiGroups: ["{resource.group}"], resources: ["{resource.plural}"], verbs: ["list", "watch"]'
        return failure(
            f"no right to {' and '.join(denied)} it in all namespaces",
            f"add to the collector's ClusterRole: {rule}{_or_all(connection)}",
        )
    if status == 404:
        remedy = "install Argo Workflows there, or remove the cluster from the settings" if resource.needed else ""
        return failure("the cluster does not serve it", remedy)
    if status != 200:
        return failure(f"a list is answered with {status}", "try again")
    return Check(ok=True, subject=subject, detail="list and watch are allowed", needed=resource.needed)


def _or_all(connection: Connection) -> str:
    """The command that grants all that is missing at once."""
    return f"; or all rights: lynceus check --role {connection.address.name} | kubectl apply -f -"


async def _check_right(connection: Connection, right: Right) -> Check:
    """Checks that an object may be read by name and that it exists."""
    subject = f"cluster {connection.address.name}: {right.full_name} in {right.namespace}"

    def failure(problem: str, remedy: str) -> Check:
        detail = f"{problem}; without it: no {right.feeds}"
        return Check(ok=False, subject=subject, detail=detail, remedy=remedy, needed=False)

    try:
        allowed = await _allowed(connection, right.attributes)
        status = (await fetch(connection, "GET", right.path))[0] if allowed and right.path else 200
    except BROKEN as error:
        return failure(f"the check failed: {error}", "try again")
    if not allowed:
        remedy = f"add to a Role of the collector in namespace {right.namespace}: {right.rule}"
        remedy += "" if right.resource in WIDE else _or_all(connection)
        return failure("no right to get it", remedy)
    if status == 404:
        detail = f"the right is granted, but the object does not exist: no {right.feeds}"
        return Check(ok=True, subject=subject, detail=detail, needed=False)
    if status != 200:
        return failure(f"is answered with {status}", "try again")
    return Check(ok=True, subject=subject, detail="get is allowed", needed=False)


async def _allowed(connection: Connection, attributes: dict[str, str]) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    status, _, body = await fetch(connection, "POST", REVIEWS, body=review)
    try:
        return status in (200, 201) and msgspec.json.decode(body, type=Review).status.allowed
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
