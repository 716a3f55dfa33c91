"""
The size of a large cluster's live state: 240,000 workflows, 40,000 of them running, and 60,000 of their pods.

    python -m tests.bench.state

In a process of its own, so that its resident memory is the state's: seen live, then taken up again from its checkpoints.
Labels, names and messages vary as a fleet's do; each object goes through the real decoder.
"""

import argparse
import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from collector.catalog.counters import Counters
from collector.core.live_view import StoreHealth
from collector.core.messages import Observation
from collector.core.model import version_of
from collector.core.objects import structs
from collector.core.objects.kubernetes import Kind
from collector.pipeline.pipeline import Pipeline
from collector.prices import book
from tests.bench.measure import resident_bytes
from tests.builders import NOON, POSTPONED, a_step, pod_json, workflow_json
from tests.replay import RULES
from tests.slices import whole
from tests.store.running import ROOT

WORKFLOWS, RUNNING, PODS = 240_000, 40_000, 60_000
MOST_BYTES_A_WORKFLOW = 1_200
MOST_RESIDENT_BYTES = 700 * 2**20
CLUSTER = "bench"
DRAIN_EVERY = 5_000


def uid(number: int, kind: str = "0") -> str:
    return f"5eed{kind}000-0000-4000-8000-{number:012x}"


def workflow(number: int) -> dict[str, Any]:
    """One in six runs; of the others one in three waits for a lock and the rest for a slot."""
    name = f"infer-bev-{number:08x}"
    common: dict[str, Any] = {
        "created": NOON + number, "name": name, "namespace": f"team-{number % 20}",
        "labels": {
            "department": f"d{number % 12}", "workflows.argoproj.io/workflow-template": f"infer-{number % 50}",
            "scene": f"scene-{number}",
        },
    }  # fmt: skip
    if number < RUNNING:
        nodes = {f"{name}-{i}": a_step("Running") for i in range(2)}
        return workflow_json(
            uid(number), phase="Running", started=NOON + number + 50, progress="1/3", nodes=nodes, **common
        )
    if number % 3:
        return workflow_json(uid(number), phase="Pending", message=POSTPONED, **common)
    lock = f"team/ConfigMap/semaphores/gpu-{number % 9}"
    return workflow_json(
        uid(number), phase="Pending", message=f"Waiting for {lock} lock. Lock status: 0/{number % 9 + 2}",
        synchronization={"semaphore": {"waiting": [{"semaphore": lock, "holders": ["team/a", "team/b"]}]}}, **common,
    )  # fmt: skip


def pod(number: int) -> dict[str, Any]:
    """A running pod of one of the running workflows."""
    owner = number % RUNNING
    return pod_json(
        uid(number, "1"), owner=uid(owner), phase="Running", created=NOON + number, started=NOON + number + 3000,
        name=f"infer-bev-{owner:08x}-main-{number:010d}", namespace=f"team-{owner % 20}",
        requests={"cpu": "2", "memory": "4Gi"},
    )  # fmt: skip


def observations(kind: Kind, made: Iterable[dict[str, Any]], first: int) -> Iterator[Observation]:
    decoder = msgspec.json.Decoder(structs.OBJECT_OF[kind])
    for number, raw in enumerate(made, first):
        obj = decoder.decode(msgspec.json.encode(raw))
        yield Observation(
            kind, "added", obj.metadata.uid, obj, version=version_of(0, number), at=NOON + number, live=True
        )


def a_pipeline() -> Pipeline:
    return Pipeline({CLUSTER: RULES}, book.load(["alibaba-eci", "alibaba-acs"], Path()), UTC, Counters())


def fill(pipeline: Pipeline, kind: Kind, count: int, first: int, checkpoints: BinaryIO) -> None:
    """Let the pipeline see so many objects; their checkpoints go to a file, a length before each."""
    make = workflow if kind == "workflows" else pod
    for number, one in enumerate(observations(kind, map(make, range(count)), first)):
        pipeline.take(CLUSTER, [one])
        if number % DRAIN_EVERY == DRAIN_EVERY - 1 and (commit := pipeline.drain(NOON)):
            packed = msgspec.msgpack.encode([(c.kind, c.state) for c in commit.upserts])
            checkpoints.write(len(packed).to_bytes(4, "little") + packed)


def checkpoint_rows(checkpoints: BinaryIO) -> Iterator[tuple[str, str, str, bytes]]:
    """The checkpoints of a file, as the spool gives them."""
    while head := checkpoints.read(4):
        packed = checkpoints.read(int.from_bytes(head, "little"))
        for kind, state in msgspec.msgpack.decode(packed, type=list[tuple[str, bytes]]):
            yield CLUSTER, kind, "", state


def report(title: str, **figures: float) -> None:
    sys.stdout.write(json.dumps({"state": title, **figures}) + "\n")


def live(checkpoints: Path) -> None:
    """Seen live."""
    pipeline = a_pipeline()
    gc.collect()
    begin = resident_bytes()
    with checkpoints.open("wb") as file:
        fill(pipeline, "workflows", WORKFLOWS, 1, file)
        gc.collect()
        after = resident_bytes()
        fill(pipeline, "pods", PODS, WORKFLOWS + 1, file)
    gc.collect()
    clock = time.process_time()
    pipeline.view(NOON, {}, StoreHealth(True, "", 0, 0, None))
    report(
        "live", workflows=WORKFLOWS, pods=PODS, bytes_a_workflow=(after - begin) // WORKFLOWS,
        bytes_a_pod=(resident_bytes() - after) // PODS, resident_mib=resident_bytes() // 2**20,
        view_ms=round((time.process_time() - clock) * 1000),
    )  # fmt: skip


def restored(checkpoints: Path) -> None:
    """Taken up again after a restart: what objects share with each other must be shared again."""
    pipeline = a_pipeline()
    gc.collect()
    begin = resident_bytes()
    after = 0
    with checkpoints.open("rb") as file:
        for state in checkpoint_rows(file):
            if state[1] == "pods" and not after:
                gc.collect()
                after = resident_bytes()
            whole(pipeline.restore([], [state]))
    gc.collect()
    report(
        "restored", workflows=WORKFLOWS, pods=PODS, bytes_a_workflow=(after - begin) // WORKFLOWS,
        bytes_a_pod=(resident_bytes() - after) // PODS, resident_mib=resident_bytes() // 2**20,
    )  # fmt: skip


def main() -> None:
    """Measure each in a process of its own, and say whether it keeps to its bounds."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.state", description=__doc__)
    parser.add_argument("case", nargs="?", choices=["live", "restored"])
    parser.add_argument("--checkpoints", type=Path, default=ROOT / ".cache" / "bench-state.msgpack")
    arguments = parser.parse_args()
    if arguments.case:
        (live if arguments.case == "live" else restored)(arguments.checkpoints)
        return
    arguments.checkpoints.parent.mkdir(exist_ok=True)
    for case in ("live", "restored"):
        command = [sys.executable, "-m", "tests.bench.state", case, "--checkpoints", str(arguments.checkpoints)]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        figures = json.loads(done.stdout)
        small = figures["bytes_a_workflow"] <= MOST_BYTES_A_WORKFLOW
        fits = figures.get("resident_mib", 0) <= MOST_RESIDENT_BYTES >> 20
        sys.stdout.write(f"{done.stdout.strip()} {'met' if small and fits else 'MISSED'}: at most ")
        sys.stdout.write(f"{MOST_BYTES_A_WORKFLOW} B a workflow, {MOST_RESIDENT_BYTES >> 20} MiB resident\n")
    arguments.checkpoints.unlink()


if __name__ == "__main__":
    main()
