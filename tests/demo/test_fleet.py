"""The fleet as a process: ready soon, gone when its parent is, and the same clusters when it comes back."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
import yaml
from kubernetes import client, config

from collector.demo.fleet import run_fleet
from tests.demo.simulated import Obj

ROOT = Path(__file__).parents[2]


@contextmanager
def process(data: Path) -> Iterator[tuple["subprocess.Popen[str]", Obj]]:
    """The fleet as its parent runs it, with what it printed when ready."""
    command = [sys.executable, "-m", "collector.demo.fleet", "--data", str(data), "--clusters", "1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        try:
            yield child, json.loads(child.stdout.readline())
        finally:
            child.kill()


def address(ready: Obj) -> tuple[str, dict[str, str]]:
    """Where the first cluster answers, and the header it wants."""
    kubeconfig = yaml.safe_load(Path(ready["kubeconfig"]).read_text())
    token = kubeconfig["users"][0]["user"]["token"]
    return kubeconfig["clusters"][0]["cluster"]["server"], {"Authorization": f"Bearer {token}"}


async def watch(ready: Obj, kind: str, version: str, enough: int) -> list[Obj]:
    """So many events of a kind after a version."""
    url, headers = address(ready)
    events: list[Obj] = []
    parameters = {"watch": "1", "resourceVersion": version}
    async with (
        aiohttp.ClientSession(headers=headers, read_bufsize=2**22) as session,
        session.get(url + kind, params=parameters) as answer,
    ):
        async for line in answer.content:
            events.append(json.loads(line))
            if len(events) >= enough:
                break
    return events


async def listed(ready: Obj, kind: str) -> Obj:
    """The list of a kind."""
    url, headers = address(ready)
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url + kind) as answer:
        found: Obj = await answer.json()
        return found


def test_a_watch_resumes_over_kill_9(tmp_path: Path) -> None:
    """After SIGKILL the same clusters go on at the same address: same uids, next versions, nothing lost or repeated."""
    workflows = "/apis/argoproj.io/v1alpha1/workflows"
    with process(tmp_path) as (child, ready):
        before = asyncio.run(listed(ready, "/api/v1/namespaces"))
        first = asyncio.run(watch(ready, workflows, "1", 10))
        child.send_signal(signal.SIGKILL)
        child.wait()
    with process(tmp_path) as (_, again):
        after = asyncio.run(listed(again, "/api/v1/namespaces"))
        cursor = first[-1]["object"]["metadata"]["resourceVersion"]
        rest = asyncio.run(watch(again, workflows, cursor, 4))
        whole = asyncio.run(watch(again, workflows, "1", 14))

    assert ready == again
    assert [item["metadata"]["uid"] for item in before["items"]] == [item["metadata"]["uid"] for item in after["items"]]
    assert first + rest == whole


def test_it_is_ready_in_a_second(tmp_path: Path) -> None:
    """From the start of the process to the line on its output; a busy machine is given twice as long."""
    begin = time.monotonic()
    with process(tmp_path) as (_, ready):
        took_s = time.monotonic() - begin

    assert ready["contexts"] == ["prod-hz"]
    assert took_s < 2


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """A closed standard input, which is what a killed parent leaves, ends the process well."""
    with process(tmp_path) as (child, _):
        assert child.stdin is not None
        child.stdin.close()

        assert child.wait(10) == 0


def test_it_ends_on_sigterm(tmp_path: Path) -> None:
    """SIGTERM ends it well, with a watch open."""
    with process(tmp_path) as (child, ready):
        asyncio.run(listed(ready, "/api/v1/pods"))
        child.terminate()

        assert child.wait(10) == 0


def test_two_on_one_folder_are_refused(tmp_path: Path) -> None:
    """The second one ends with 1 and says why, instead of writing into the first one's file."""
    with process(tmp_path):
        command = [sys.executable, "-m", "collector.demo.fleet", "--data", str(tmp_path)]
        second = subprocess.run(command, stdin=subprocess.PIPE, capture_output=True, text=True, cwd=ROOT, check=False)

    assert second.returncode == 1
    assert "another demo" in second.stderr
    assert "Traceback" not in second.stderr


def test_the_official_client_takes_the_kubeconfig(tmp_path: Path) -> None:
    """Each context works with the kubernetes package, and the file is for its owner alone."""
    announced: list[tuple[Path, list[str]]] = []
    names: dict[str, set[str]] = {}

    async def look() -> None:
        stop, ready = asyncio.Event(), asyncio.Event()

        def note(kubeconfig: Path, contexts: list[str]) -> None:
            announced.append((kubeconfig, contexts))
            ready.set()

        fleet = asyncio.create_task(run_fleet(tmp_path, 3, 1, note, stop))
        await ready.wait()
        for context in announced[0][1]:
            names[context] = await asyncio.to_thread(namespaces, announced[0][0], context)
        stop.set()
        await fleet

    asyncio.run(look())

    assert stat.S_IMODE(os.stat(announced[0][0]).st_mode) == 0o600
    assert {name: "kube-system" in listed_names for name, listed_names in names.items()} == {
        "prod-hz": True,
        "prod-sh": True,
        "gpu-bj": True,
    }
    assert "simulation" in names["prod-sh"]


def namespaces(kubeconfig: Path, context: str) -> set[str]:
    """What the official client lists."""
    with config.new_client_from_config(str(kubeconfig), context=context) as api:  # type: ignore[no-untyped-call]
        listing = client.CoreV1Api(api).list_namespace()
    return {str(item.metadata.name) for item in listing.items if item.metadata}


@pytest.mark.parametrize("arguments", [["--clusters", "0"], []])
def test_wrong_use_is_refused(arguments: list[str], tmp_path: Path) -> None:
    """No cluster, or no folder: exit code 2."""
    command = [
        sys.executable,
        "-m",
        "collector.demo.fleet",
        *arguments,
        *(["--data", str(tmp_path)] if arguments else []),
    ]

    assert subprocess.run(command, capture_output=True, cwd=ROOT, check=False).returncode == 2
