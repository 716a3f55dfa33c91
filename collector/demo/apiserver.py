"""
A Kubernetes API server over one ObjectStore: list with pages, watch with bookmarks, and the refusals of both.

Only the paths that an observer requests are served; any other path is a 404 with a real server's message.
"""

import asyncio
import base64
import binascii
import hmac
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from aiohttp import web

from collector.demo.objects import CLUSTER_WIDE, KINDS, PODS, Obj, ResourceKind, Write
from collector.demo.refusals import RefusedError, expired, not_found
from collector.demo.selectors import EVERYTHING, Selector
from collector.demo.store import ObjectStore

VERSION = {
    "major": "1",
    "minor": "35",
    "gitVersion": "v1.35.0",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2025-12-17T00:00:00Z",
    "goVersion": "",
    "compiler": "gc",
    "platform": "linux/amd64",
}
BUFFERED_CHUNKS = 1000
"""A watcher that is further behind is disconnected, as by a real server."""
SNAPSHOTS = 16
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
METRICS = "/apis/metrics.k8s.io/v1beta1"
NO_SUCH_PATH = "404 page not found\n"
"""A real server's answer to a path that no API group registered; within the core group the answer is a Status."""
NO_SUCH_RESOURCE = RefusedError(404, "NotFound", "the server could not find the requested resource")


class RunningPods(Protocol):
    """The processes in the pods, as the metrics API and the proxy reach them; None where nothing answers."""

    def usage(self, pod: str, now: float) -> Obj | None: ...
    def exposition(self, pod: str, now: float) -> str | None: ...


class Watcher:
    """One open watch: the events that are still to be sent."""

    def __init__(self, kind: ResourceKind, backlog: bytes, selector: Selector = EVERYTHING) -> None:
        self.kind, self.selector = kind, selector
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        if backlog:
            self._queue.put_nowait(backlog)

    def push(self, chunk: bytes) -> bool:
        """Queues events; False if the reader is too slow and its watch ends."""
        if self._queue.qsize() < BUFFERED_CHUNKS:
            self._queue.put_nowait(chunk)
            return True
        while not self._queue.empty():
            self._queue.get_nowait()
        self.end()
        return False

    def end(self) -> None:
        """Ends the watch after the events that are queued."""
        self._queue.put_nowait(None)

    async def next(self, within_s: float) -> bytes | None:
        """Waits for the next events; None at the end, TimeoutError if none arrive in time."""
        async with asyncio.timeout(within_s):
            return await self._queue.get()


@dataclass(frozen=True, slots=True)
class ContinueToken:
    """The position at which a list continues."""

    version: int
    start: int

    def encode(self) -> str:
        """Writes the token, which is opaque to clients."""
        return base64.urlsafe_b64encode(b'{"rv":%d,"start":%d}' % (self.version, self.start)).decode()

    @staticmethod
    def parse(token: str) -> "ContinueToken":
        """Reads a token of `encode`."""
        try:
            fields = msgspec.json.decode(base64.urlsafe_b64decode(token), type=dict[str, int])
            return ContinueToken(fields["rv"], fields["start"])
        except (binascii.Error, msgspec.MsgspecError, KeyError) as error:
            raise RefusedError(400, "BadRequest", f"continue key is not valid: {token!r}") from error


class ApiServer:
    """The API server of one cluster."""

    def __init__(
        self, store: ObjectStore, token: str, running: RunningPods, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._token, self._running, self._clock = store, token, running, clock
        self._watchers: dict[str, set[Watcher]] = {plural: set() for plural in KINDS}
        self._snapshots: OrderedDict[tuple[str, Selector, int], list[bytes]] = OrderedDict()

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(middlewares=[self._guard])
        for path in ("/version", "/version/"):
            app.router.add_get(path, self._version)
        app.router.add_get("/apis", self._groups)
        app.router.add_post(REVIEWS, self._review)
        for kind in KINDS.values():
            app.router.add_get(kind.path, self._collection(kind))
            app.router.add_get(_named(kind), self._single(kind))
        app.router.add_get(METRICS, self._metrics_api)
        app.router.add_get(f"{METRICS}/namespaces/{{namespace}}/pods/{{name}}", self._usage)
        app.router.add_get("/api/v1/namespaces/{namespace}/pods/{target}/proxy/metrics", self._proxy)
        return app

    def publish(self, writes: list[Write]) -> None:
        """Sends events that are already durable to every watcher of their kind."""
        chunks: dict[str, list[bytes]] = {}
        for write in writes:
            if self._watchers[write.kind]:
                chunks.setdefault(write.kind, []).append(write.line)
        for plural, lines in chunks.items():
            for watcher in list(self._watchers[plural]):
                chunk = b"".join(watcher.selector.events(lines))
                if chunk and not watcher.push(chunk):
                    self._watchers[plural].discard(watcher)

    def close(self) -> None:
        """Ends every watch, cleanly."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.end()

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            authorization = request.headers.get("Authorization", "")
            if not hmac.compare_digest(authorization.encode(), f"Bearer {self._token}".encode()):
                raise RefusedError(401, "Unauthorized", "Unauthorized")
            return await handler(request)
        except RefusedError as refusal:
            return _json(refusal.status, refusal.code)
        except web.HTTPNotFound:
            if request.path.startswith("/api/v1/"):
                return _json(NO_SUCH_RESOURCE.status, NO_SUCH_RESOURCE.code)
            return web.Response(text=NO_SUCH_PATH, status=404)
        except web.HTTPException as error:
            reason = error.reason.replace(" ", "")
            return _json(
                RefusedError(error.status, reason, "the server could not find the resource").status, error.status
            )

    async def _version(self, _request: web.Request) -> web.Response:
        return _json(VERSION)

    async def _groups(self, _request: web.Request) -> web.Response:
        named = ((kind.plural, *kind.group_version.partition("/")) for kind in KINDS.values())
        groups = [
            {"metadata": {"name": group}, "versions": [{"version": version, "resources": [{"resource": plural}]}]}
            for plural, group, _, version in named
            if version
        ]
        return _json({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": groups})

    async def _review(self, request: web.Request) -> web.Response:
        review: dict[str, Any] = msgspec.json.decode(await request.read())
        return _json({**review, "status": {"allowed": True}}, 201)

    async def _metrics_api(self, _request: web.Request) -> web.Response:
        pods = {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}
        version = METRICS.removeprefix("/apis/")
        return _json({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": [pods]})

    async def _usage(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if (usage := self._running.usage(name, self._clock())) is None:
            raise not_found("podmetrics.metrics.k8s.io", f"{request.match_info['namespace']}/{name}")
        return _json(usage)

    async def _proxy(self, request: web.Request) -> web.Response:
        """A port of a pod, through the API server: `https:NAME:PORT`; the controller speaks TLS alone, since 3.6."""
        scheme, _, rest = request.match_info["target"].partition(":")
        name, _, port = rest.partition(":")
        if self._store.get(PODS, f"{request.match_info['namespace']}/{name}") is None:
            raise not_found("pods", name)
        text = self._running.exposition(name, self._clock())
        if text is None:
            why = f"error trying to reach service: dial tcp 10.2.0.9:{port}: connect: connection refused"
            raise RefusedError(503, "ServiceUnavailable", why)
        if scheme != "https":
            return web.Response(text="Client sent an HTTP request to an HTTPS server.\n", status=400)
        return web.Response(text=text, content_type="text/plain")

    def _single(self, kind: ResourceKind) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def get(request: web.Request) -> web.Response:
            name, namespace = request.match_info["name"], request.match_info.get("namespace")
            body = self._store.get(kind, f"{namespace}/{name}" if namespace else name)
            if body is None:
                raise not_found(kind.resource, name)
            return web.Response(body=body, content_type="application/json")

        return get

    def _collection(self, kind: ResourceKind) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def get(request: web.Request) -> web.StreamResponse:
            if request.query.get("labelSelector"):
                raise RefusedError(400, "BadRequest", "labelSelector is not served by the demo fleet")
            selector = Selector.parse(request.query.get("fieldSelector", ""), kind)
            if request.query.get("watch", "").lower() in ("1", "true"):
                return await self._watch(request, kind, selector)
            return self._list(request, kind, selector)

        return get

    # Lists.

    def _list(self, request: web.Request, kind: ResourceKind, selector: Selector) -> web.Response:
        limit, token = _number(request, "limit"), request.query.get("continue", "")
        page = self._page(request, kind, selector, token)
        key = (kind.plural, selector, page.version)
        bodies = self._snapshots.get(key) or selector.objects(self._store.snapshot(kind))
        end = page.start + limit if limit else len(bodies)
        more = ""
        if end < len(bodies):
            # Later pages must show the same instant, and a page may be requested twice.
            self._save_snapshot(key, bodies)
            following = ContinueToken(page.version, end).encode()
            more = f',"continue":"{following}","remainingItemCount":{len(bodies) - end}'
        return _collection_body(kind, page.version, more, bodies[page.start : end])

    def _page(self, request: web.Request, kind: ResourceKind, selector: Selector, token: str) -> ContinueToken:
        version = _number(request, "resourceVersion")
        if not token:
            self._check_version(version, request.query.get("resourceVersionMatch", ""))
            return ContinueToken(self._store.version, 0)
        if version:
            raise RefusedError(400, "BadRequest", "specifying resource version is not allowed when using continue")
        page = ContinueToken.parse(token)
        if (kind.plural, selector, page.version) not in self._snapshots:
            raise expired("The provided continue parameter is too old to display a consistent list result.")
        return page

    def _check_version(self, version: int, match: str) -> None:
        newest = self._store.version
        if version > newest:
            message = f"Too large resource version: {version}, current: {newest}"
            cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            raise RefusedError(504, "Timeout", message, causes=[cause], retryAfterSeconds=1)
        if match == "Exact" and version != newest:
            raise expired(f"The resourceVersion for the provided list is too old: {version}.")

    def _save_snapshot(self, key: tuple[str, Selector, int], bodies: list[bytes]) -> None:
        self._snapshots[key] = bodies
        self._snapshots.move_to_end(key)
        while len(self._snapshots) > SNAPSHOTS:
            self._snapshots.popitem(last=False)

    # Watches.

    async def _watch(self, request: web.Request, kind: ResourceKind, selector: Selector) -> web.StreamResponse:
        if request.query.get("sendInitialEvents"):
            raise RefusedError(422, "Invalid", "sendInitialEvents: Forbidden: WatchList is not enabled on this server")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        since, timeout_s = _number(request, "resourceVersion"), _number(request, "timeoutSeconds") or 1800
        self._check_version(since, "")
        if since and since < self._store.compacted:
            raise expired(f"too old resource version: {since} ({self._store.compacted})")
        if since and since < self._store.oldest:
            # The watch cache refuses within the stream, after a 200: the other form of the same answer.
            status = msgspec.json.encode(expired(f"too old resource version: {since} ({self._store.oldest})").status)
            await response.prepare(request)
            await response.write(b'{"type":"ERROR","object":%s}\n' % status)
            return response
        # No await between reading the backlog and joining: no event is missed and none is sent twice.
        backlog = self._store.since(kind, since) if since else self._initial(kind)
        watcher = Watcher(kind, b"".join(selector.events(backlog)), selector)
        self._watchers[kind.plural].add(watcher)
        try:
            await response.prepare(request)
            await self._stream(response, watcher, timeout_s, "allowWatchBookmarks" in request.query)
        except ConnectionError:
            pass  # The client has closed the connection.
        finally:
            self._watchers[kind.plural].discard(watcher)
        return response

    async def _stream(self, response: web.StreamResponse, watcher: Watcher, timeout_s: float, bookmarks: bool) -> None:
        clock = asyncio.get_running_loop().time
        until, bookmark_at = clock() + timeout_s, clock() + random.uniform(5, 10)
        while True:
            try:
                chunk = await watcher.next(max(0.0, min(until, bookmark_at) - clock()))
            except TimeoutError:
                if bookmarks:
                    await response.write(self._bookmark(watcher.kind))
                if clock() >= until:
                    return
                bookmark_at = clock() + random.uniform(5, 10)
                continue
            if chunk is None:
                return
            await response.write(chunk)

    def _initial(self, kind: ResourceKind) -> list[bytes]:
        return [b'{"type":"ADDED","object":%s}\n' % body for body in self._store.snapshot(kind)]

    def _bookmark(self, kind: ResourceKind) -> bytes:
        fields = f'"metadata":{{"resourceVersion":"{self._store.version}"}}{kind.hollow}'
        return b'{"type":"BOOKMARK","object":%s%s}}\n' % (kind.prefix, fields.encode())


def _named(kind: ResourceKind) -> str:
    """The path of one object of a kind."""
    parent = "" if kind in CLUSTER_WIDE else "namespaces/{namespace}/"
    return f"{kind.path.removesuffix(kind.plural)}{parent}{kind.plural}/{{name}}"


def _json(content: object, code: int = 200) -> web.Response:
    headers = {"Retry-After": "1"} if code == 504 else None
    body = msgspec.json.encode(content)
    return web.Response(body=body, status=code, content_type="application/json", headers=headers)


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "") or "0"
    if not text.isdecimal():
        raise RefusedError(400, "BadRequest", f'invalid {name}: strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


def _collection_body(kind: ResourceKind, version: int, more: str, bodies: list[bytes]) -> web.Response:
    if not kind.custom:
        # Items of built-in kinds do not repeat their kind; those of custom resources do.
        bodies = [b"{" + body[len(kind.prefix) :] for body in bodies]
    head = f'{{"kind":"{kind.name}List","apiVersion":"{kind.group_version}"'
    head += f',"metadata":{{"resourceVersion":"{version}"{more}}},"items":['
    return web.Response(body=head.encode() + b",".join(bodies) + b"]}\n", content_type="application/json")
