"""
The checks of `lynceus check` on a cluster: it answers, its version, and the rights to list and watch.

Changes nothing in the cluster: an access review only reads. Uses the collector's own connection, so that a check that passes
means that the watches get through too.
"""

import asyncio
from collections.abc import Iterable

import aiohttp
import msgspec

from collector.checked import Check
from collector.kube.connection import AddressError, Connection
from collector.kube.request import BROKEN, fetch
from collector.watch.api_errors import quote
from collector.watch.kinds import Resource, Right, rights

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
VERBS = ("list", "watch")


class Version(msgspec.Struct):
    gitVersion: str = ""


class ReviewStatus(msgspec.Struct):
    allowed: bool = False
    reason: str = ""


class Review(msgspec.Struct):
    status: ReviewStatus


async def check_cluster(
    connection: Connection, resources: Iterable[Resource], controller_namespace: str = ""
) -> list[Check]:
    """Checks the address first; only if it answers, each kind and each right in the controller's namespace."""
    first = await _reach(connection)
    if not first.ok:
        return [first]
    named = rights(controller_namespace) if controller_namespace else ()
    kinds = (_check_kind(connection, resource) for resource in resources)
    return [first, *await asyncio.gather(*kinds, *(_check_right(connection, right) for right in named))]


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
        reviews = ({"group": resource.group, "resource": resource.kind, "verb": verb} for verb in VERBS)
        answers = await asyncio.gather(*(_allowed(connection, attributes) for attributes in reviews))
        status, _, _ = await fetch(connection, "GET", resource.path, params={"limit": "1"})
    except BROKEN as error:
        return failure(f"the check failed: {error}", "try again")
    denied = [verb for verb, allowed in zip(VERBS, answers, strict=True) if not allowed]
    if denied:
        rule = f'apiGroups: ["{resource.group}"], resources: ["{resource.kind}"], verbs: ["list", "watch"]'
        return failure(
            f"no right to {' and '.join(denied)} it in all namespaces", f"add to the collector's ClusterRole: {rule}"
        )
    if status == 404:
        remedy = "install Argo Workflows there, or remove the cluster from the settings" if resource.needed else ""
        return failure("the cluster does not serve it", remedy)
    if status != 200:
        return failure(f"a list is answered with {status}", "try again")
    return Check(ok=True, subject=subject, detail="list and watch are allowed", needed=resource.needed)


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
