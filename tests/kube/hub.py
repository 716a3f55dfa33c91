"""
An API server with secrets and reader tokens, as far as handing them over needs one.
"""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

Json = dict[str, Any]
ADMIN = "administrator"


def encoded(texts: dict[str, str]) -> dict[str, str]:
    """The data of a Secret."""
    return {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}


class Hub:
    """Secrets by namespace and name; it gives out tokens to those who send the administrator's."""

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], Json] = {}
        self.tokens: list[str] = []
        """The tokens to give out, the next one last; none left: there is no such account."""
        self.token_requests = 0
        """Number of requests for a token."""
        self.status = 200
        """Of every list."""
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Hub"]:
        """Serves on loopback for as long as the block lasts."""
        app = web.Application()
        app.router.add_get("/api/v1/namespaces/{namespace}/secrets", self._list)
        app.router.add_patch("/api/v1/namespaces/{namespace}/secrets/{name}", self._apply)
        app.router.add_delete("/api/v1/namespaces/{namespace}/secrets/{name}", self._delete)
        app.router.add_post("/api/v1/namespaces/lynceus/serviceaccounts/lynceus/token", self._token)
        async with TestServer(app) as server:
            self.url = str(server.make_url("")).rstrip("/")
            yield self

    def add(self, name: str, *, namespace: str = "argocd", **config: Any) -> None:
        """A cluster secret of Argo CD that points back to this server."""
        document = {"bearerToken": ADMIN, "tlsClientConfig": {"insecure": False}, **config}
        texts = {"name": name, "server": self.url, "config": json.dumps(document)}
        labels = {"argocd.argoproj.io/secret-type": "cluster", "region": "cn-hangzhou"}
        meta: Json = {"name": f"cluster-{name}", "labels": labels}
        self.secrets[namespace, meta["name"]] = {"metadata": meta, "data": encoded(texts)}

    def config(self, namespace: str, name: str) -> Json:
        """The key `config` of a secret."""
        found: Json = json.loads(base64.b64decode(self.secrets[namespace, name]["data"]["config"]))
        return found

    async def _list(self, request: web.Request) -> web.Response:
        key, _, value = request.query["labelSelector"].partition("=")
        items = [
            secret
            for (namespace, _), secret in self.secrets.items()
            if namespace == request.match_info["namespace"] and secret["metadata"]["labels"].get(key) == value
        ]
        return web.json_response({"items": items}, status=self.status)

    async def _apply(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/apply-patch+yaml"
        self.secrets[request.match_info["namespace"], request.match_info["name"]] = json.loads(await request.text())
        return web.json_response({})

    async def _delete(self, request: web.Request) -> web.Response:
        del self.secrets[request.match_info["namespace"], request.match_info["name"]]
        return web.json_response({})

    async def _token(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {ADMIN}":
            return web.json_response({}, status=401)
        self.token_requests += 1
        if not self.tokens:
            return web.json_response({}, status=404)
        return web.json_response({"status": {"token": self.tokens.pop()}}, status=201)
