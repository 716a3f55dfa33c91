"""
Requests made from the API's own description by Schemathesis, with the tokens of three departments.

LYNCEUS_FUZZ_CASES says how many cases each operation gets; `make fuzz` gives it a large number.
"""

import asyncio
import json
import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from collector.catalog.counters import Counters
from collector.web.app import create_app
from collector.web.reports.api import add_report_api
from tests.deploy.lint.tools import python_tools
from tests.service.test_tenants import FOREIGN, MARKS, TENANTS, TOKENS, a_marked_view, folder, pages
from tests.web.doors import an_api_source
from tests.web.history import Store

__all__ = ["folder"]

HERE = Path(__file__).parent
LOCK = HERE / "schemathesis.lock"
CACHE = HERE.parents[1] / ".cache" / "fuzz"
CASES = os.environ.get("LYNCEUS_FUZZ_CASES", "30")
PUBLIC = {"/sign-in", "/sign-out", "/readyz", "/healthz"}
"""Answered for everybody; /readyz is 503 where nothing is watched."""
KNOWN = {
    "cluster": ["c1"],
    "namespace": ["team"],
    "queue": ["nightly", *(f"{mark}-queue" for mark in MARKS.values())],
    "template": ["train", *(f"{mark}-template" for mark in MARKS.values())],
    "name": ["zq-shared", *(f"{mark}-alone" for mark in MARKS.values())],
    "workflow": [f"{mark}-{kind}" for mark in MARKS.values() for kind in ("uid", "alone")],
    "where": [[f"department={name}"] for name in TENANTS],
    "by": ["department", "template,creator", "project"],
    "unit": ["km"],
    "uid": [f"{mark}-{kind}" for mark in MARKS.values() for kind in ("uid", "live", "alone", "pod")],
}
"""Values that exist, of all three departments: of random ones hardly any would."""

pytestmark = pytest.mark.live


def description() -> dict[str, Any]:
    """The API's own description with the pages in it, and with values that exist beside those that may."""

    async def metrics(*_: object) -> tuple[bytes, dict[str, str]]:
        return b"", {}

    more = [partial(add_report_api, source=an_api_source())]
    app = create_app(live=a_marked_view, counters=Counters(), metrics=metrics, history=Store().of, more=more)
    for route in app.routes:
        if isinstance(route, APIRoute):
            route.include_in_schema = route.path not in PUBLIC
    described: dict[str, Any] = app.openapi()
    for operations in described["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if known := KNOWN.get(parameter["name"]):
                    parameter["schema"] = {"anyOf": [{"enum": known}, parameter["schema"]]}
    return described


@pytest.mark.parametrize("name", TENANTS)
async def test_no_request_shows_another_department_or_fails(folder: Path, tmp_path: Path, name: str) -> None:
    """Whatever a department asks for: no answer of 500 or more, and no byte of another's mark."""
    tools = await asyncio.to_thread(python_tools, LOCK, CACHE)
    (tmp_path / "openapi.json").write_text(json.dumps(description()), encoding="utf-8")
    others = {FOREIGN, *MARKS.values()} - {MARKS[name]}
    async with pages(folder) as address:
        process = await asyncio.create_subprocess_exec(
            *(str(tools / "schemathesis"), "run", str(tmp_path / "openapi.json"), "--url", address),
            *("--header", f"Authorization: Bearer {TOKENS[name]}", "--max-examples", CASES, "--phases", "fuzzing"),
            *("--checks", "shows_nothing_of_others,is_no_failure", "--suppress-health-check", "all"),
            env=os.environ | {"SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"), "CANARIES": "\n".join(sorted(others))},
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()

    assert process.returncode == 0, output
    (cases,) = re.findall(r"(\d+) generated", output)
    sys.stdout.write(f"{name}: {cases} cases\n")
