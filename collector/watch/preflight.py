"""
What `lynceus check` asks of a cluster: does it answer, which version is it, may we list and watch what we need.

Changes nothing in the cluster: an access review is a question. Uses the collector's own connection, so that a pass here means
that the watches get through too.
"""

import asyncio
from collections.abc import Iterable

import aiohttp
import msgspec

from collector.kube.connection import AddressError, Connection
from collector.kube.request import BROKEN, fetch
from collector.watch.api_errors import quote
from collector.watch.kinds import Resource, Right, rights

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
VERBS = ("list", "watch")


class Check(msgspec.Struct, frozen=True):
    """One line of the report."""

    ok: bool
    subject: str
    detail: str
    remedy: str = ""
    """Empty when there is nothing to do."""
    needed: bool = True
    """False: the collector runs without it, and says what it then cannot know."""


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
    """One row for the address, and no more if it does not answer; then one for each kind, and each right in the namespace."""
    first = await _reach(connection)
    if not first.ok:
        return [first]
    named = rights(controller_namespace) if controller_namespace else ()
    kinds = (_kind(connection, resource) for resource in resources)
    return [first, *await asyncio.gather(*kinds, *(_right(connection, right) for right in named))]


async def _reach(connection: Connection) -> Check:
    subject = f"cluster {connection.address.name}"
    try:
        status, _, body = await fetch(connection, "GET", "/version")
    except AddressError as error:
        return Check(False, subject, error.problem, error.remedy)
    except aiohttp.ClientSSLError as error:
        return Check(False, subject, f"TLS fails: {error}", "give the cluster's certificate-authority")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        why = str(error) or "no answer in time"
        return Check(False, subject, f"does not answer: {why}", "check `server`, the network and its proxies")
    if status == 401:
        return Check(False, subject, "does not accept our credentials (401)", "renew the token or certificate")
    version = _version(body) if status == 200 else ""
    if not version:
        said = f'is no Kubernetes API server: {status} "{quote(body)}"'
        return Check(False, subject, said, "correct `server`; is a proxy or a login page between?")
    return Check(True, subject, f"Kubernetes {version}")


def _version(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=Version).gitVersion
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


async def _kind(connection: Connection, resource: Resource) -> Check:
    """Whether the kind is served and both rights on it are granted."""
    subject = f"cluster {connection.address.name}: {resource.full_name}"
    missing = f"without it: no {resource.feeds}"
    try:
        asked = ({"group": resource.group, "resource": resource.kind, "verb": verb} for verb in VERBS)
        answers = await asyncio.gather(*(_allowed(connection, attributes) for attributes in asked))
        status, _, _ = await fetch(connection, "GET", resource.path, params={"limit": "1"})
    except BROKEN as error:
        return Check(False, subject, f"cannot be asked: {error}; {missing}", "try again", resource.needed)
    denied = [verb for verb, allowed in zip(VERBS, answers, strict=True) if not allowed]
    if denied:
        rule = f'apiGroups: ["{resource.group}"], resources: ["{resource.kind}"], verbs: ["list", "watch"]'
        detail = f"no right to {' and '.join(denied)} it in all namespaces; {missing}"
        return Check(False, subject, detail, f"add to the collector's ClusterRole: {rule}", resource.needed)
    if status == 404:
        detail = f"the cluster does not serve it; {missing}"
        remedy = "install Argo Workflows there, or leave the cluster out" if resource.needed else ""
        return Check(False, subject, detail, remedy, resource.needed)
    if status != 200:
        return Check(False, subject, f"a list is answered with {status}; {missing}", "try again", resource.needed)
    return Check(True, subject, "list and watch are allowed", needed=resource.needed)


async def _right(connection: Connection, right: Right) -> Check:
    """Whether one thing may be read by name, and is there."""
    subject = f"cluster {connection.address.name}: {right.full_name} in {right.namespace}"
    missing = f"without it: no {right.feeds}"
    try:
        allowed = await _allowed(connection, right.attributes)
        status = (await fetch(connection, "GET", right.path))[0] if allowed and right.path else 200
    except BROKEN as error:
        return Check(False, subject, f"cannot be asked: {error}; {missing}", "try again", needed=False)
    if not allowed:
        remedy = f"add to a Role of the collector in namespace {right.namespace}: {right.rule}"
        return Check(False, subject, f"no right to get it; {missing}", remedy, needed=False)
    if status == 404:
        return Check(True, subject, f"may be read, but there is none: no {right.feeds}", needed=False)
    if status != 200:
        return Check(False, subject, f"is answered with {status}; {missing}", "try again", needed=False)
    return Check(True, subject, "get is allowed", needed=False)


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
