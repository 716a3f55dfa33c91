"""
An argo-server's archive on a real socket, as Argo 3.5 to 4.1 answer: offsets as tokens, periods by start, lists without steps.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from collector.core.objects.kubernetes import parse_time
from collector.settings.model import ArchiveSettings
from tests.replay import raw_events

Refusal = Callable[[web.Request], web.Response | None]


def finished(folder: str) -> dict[str, dict[str, Any]]:
    """Each workflow of a recording as it ended, the way the archive keeps it, by uid."""
    last: dict[str, dict[str, Any]] = {}
    for event in raw_events(folder, "workflows"):
        workflow = event["event"]["object"]
        if (workflow.get("status") or {}).get("phase") in ("Succeeded", "Failed", "Error"):
            last[workflow["metadata"]["uid"]] = workflow
    for workflow in last.values():
        workflow["metadata"]["labels"]["workflows.argoproj.io/workflow-archiving-status"] = "Persisted"
    return last


@dataclass
class Archive:
    """An archive: its workflows, its token, and the requests it received."""

    workflows: dict[str, dict[str, Any]]
    token: str = ""
    refuse: Refusal = lambda request: None
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def settings(self, **changes: Any) -> ArchiveSettings:
        return ArchiveSettings(url=self.url, **changes)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Archive"]:
        app = web.Application()
        app.router.add_get("/api/v1/archived-workflows", self._list)
        app.router.add_get("/api/v1/archived-workflows/{uid}", self._get)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _list(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        bounds = dict(part[len("spec.startedAt") :].partition(part[14])[1:] for part in _selectors(request))
        after, until = parse_time(bounds[">"]) or 0, parse_time(bounds["<"]) or 0
        found = [w for w in self.workflows.values() if after < (parse_time(w["status"]["startedAt"]) or 0) < until]
        found.sort(key=lambda w: str(w["status"]["startedAt"]), reverse=True)
        limit, offset = int(request.query["listOptions.limit"]), int(request.query.get("listOptions.continue", "0"))
        page, more = found[offset : offset + limit], len(found) > offset + limit
        meta = {"continue": str(offset + limit)} if more else {}
        return web.json_response({"metadata": meta, "items": [_listed(w) for w in page] or None})

    async def _get(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        workflow = self.workflows.get(request.match_info["uid"])
        if workflow is None:
            return web.json_response({"code": 5, "message": "not found"}, status=404)
        return web.json_response(workflow)

    def _refused(self, request: web.Request) -> web.Response | None:
        self.requests.append(request.path_qs)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"code": 16, "message": "token not valid"}, status=401)
        return self.refuse(request)


def _selectors(request: web.Request) -> list[str]:
    return [part for part in request.query["listOptions.fieldSelector"].split(",") if part]


def _listed(workflow: dict[str, Any]) -> dict[str, Any]:
    """Returns a workflow as the list shows it: no steps, no spec."""
    status = {key: workflow["status"].get(key) for key in ("phase", "startedAt", "finishedAt", "progress")}
    return {"metadata": workflow["metadata"], "spec": {"arguments": {}}, "status": status}


def as_answer(workflow: dict[str, Any]) -> bytes:
    """Returns a workflow as the archive answers it."""
    return json.dumps(workflow).encode()
