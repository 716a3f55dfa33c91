"""Bad inputs 1 to 28: absent and wrong fields, steps in every disorder, instants that are none."""

import json
from decimal import Decimal
from functools import cache
from typing import Any

from tests.bad.cases import (
    IGNORED,
    NO_POD,
    SEEN,
    Case,
    Obj,
    Rows,
    Spoil,
    accepted,
    all_of,
    any_of,
    as_argo_packs,
    case,
    cost,
    drop,
    live,
    packed,
    pod,
    put,
    repaired,
    run,
    sound,
)
from tests.builders import NOON, SECOND, a_step, iso

STATUS, LABELS, NODES = ("status",), ("metadata", "labels"), ("status", "nodes")
STEP_COUNT = 20_000
"""Steps of a workflow that lie open; Argo packs what is more than a megabyte."""
PACKED_COUNT = 100_000


def of_step(key: str, value: Any) -> Spoil:
    """A field of the last step."""

    def spoil(obj: Obj) -> Obj:
        obj["status"]["nodes"][f"{obj['metadata']['uid']}-2"][key] = value
        return obj

    return spoil


def without_in_steps(key: str) -> Spoil:
    """A field that no step has."""

    def spoil(obj: Obj) -> Obj:
        for node in obj["status"]["nodes"].values():
            node.pop(key, None)
        return obj

    return spoil


def children(of_first: Any, of_last: Any = None) -> Spoil:
    """What the first and the last step say of their children; `{}` stands for the object's uid."""

    def named(sent: Any, uid: str) -> Any:
        return [c.format(uid) if isinstance(c, str) else c for c in sent] if isinstance(sent, list) else sent

    def spoil(obj: Obj) -> Obj:
        uid = obj["metadata"]["uid"]
        obj["status"]["nodes"][uid]["children"] = named(of_first, uid)
        obj["status"]["nodes"][f"{uid}-2"]["children"] = named(of_last, uid)
        return obj

    return spoil


def many_steps(count: int) -> dict[str, Obj]:
    """Steps that all succeeded."""
    span: Obj = {"startedAt": iso(NOON), "finishedAt": iso(NOON + 60 * SECOND)}
    return {f"n-{i}": a_step(id=f"n-{i}", displayName=f"n({i})", templateName="t", **span) for i in range(count)}


@cache
def many_packed() -> str:
    """As many as the largest workflows have."""
    return as_argo_packs(json.dumps(many_steps(PACKED_COUNT)).encode())


def chain(count: int) -> dict[str, Obj]:
    """Steps in a chain: each is the child of the one before."""
    return {f"n-{i}": a_step(children=[f"n-{i + 1}"]) for i in range(count)}


TERMINATED = ("status", "containerStatuses", 0, "state", "terminated")

ABSENT = (
    case("01 workflow without status", "workflows", drop("status"), accepted(live(waiting_reason="unseen"))),
    case("01 pod without status", "pods", drop("status"), accepted(NO_POD)),
    *(case(f"02 workflow whose status is {v}", "workflows", put(v, "status"), how(live(waiting_reason="unseen")))
      for v, how in ((None, accepted), ({}, accepted), ([], repaired), ("x", repaired), (7, repaired))),
    *(case(f"02 pod whose status is {v}", "pods", put(v, "status"), how(NO_POD))
      for v, how in ((None, accepted), ({}, accepted), ([], repaired), (False, repaired))),
    *(case(f"02 workflow whose spec is {v}", "workflows", put(v, "spec"), how(run()))
      for v, how in ((None, accepted), ([], repaired), ("x", repaired))),
    *(case(f"03 labels of a workflow are {v}", "workflows", put(v, *LABELS), how(run(department="robotics", labels={})))
      for v, how in ((None, accepted), ({}, accepted), ([], repaired), ("x", repaired))),
    *(case(f"03 labels of a {kind} are {v}", kind, put(v, *LABELS), how())
      for kind in ("nodes", "namespaces") for v, how in ((None, accepted), ([], repaired), ("x", repaired))),
    case("04 annotations of a workflow null", "workflows", put(None, "metadata", "annotations"), accepted(run())),
    case("04 annotations of a pod null", "pods", put(None, "metadata", "annotations"),
         accepted(pod(), cost(confidence="low", spec_source="requests"))),
    case("04 annotations of a pod a list", "pods", put([], "metadata", "annotations"), repaired(pod())),
    *(case(f"05 label value {v}", "workflows", put(v, *LABELS, "department"), repaired(run(department=sent, labels=kept)))
      for v, sent, kept in (
          (5, "5", {"department": "5"}), (True, "true", {"department": "true"}), (1.5, "1.5", {"department": "1.5"}),
          (None, "robotics", {}), (["a"], "robotics", {}), ({"a": "b"}, "robotics", {}))),
    case("05 label value of a namespace a number", "namespaces", put(5, *LABELS, "department"), repaired()),
    *(case(f"06 containers {v}", "pods", put(v, "spec", "containers"), how(pod(cpu=Decimal(0), memory_bytes=0), cost()))
      for v, how in ((None, accepted), ([], accepted), ([{}], accepted), ([{"name": "main", "resources": None}], accepted),
                     ([None], repaired), ({}, repaired), ("x", repaired))),
    case("06 spec of a pod null", "pods", put(None, "spec"),
         accepted(pod(cpu=Decimal(0), memory_bytes=0, node_name="", region=""))),
    *(case(f"06 container statuses {v}", "pods", put(v, "status", "containerStatuses"), how(pod(**unknown)))
      for unknown in ({"main_started_at": None, "exit_code": None, "finished_at": SEEN},)
      for v, how in ((None, accepted), ([], accepted), ([{}], accepted), ([None], repaired), ({"a": 1}, repaired))),
    case("06 conditions null", "pods", put(None, "status", "conditions"),
         accepted(pod(scheduled_at=None, instance_created_at=None),
                  cost(billed_from=NOON + 10 * SECOND, billed_seconds=60, cost=Decimal("0.0011544"), confidence="low"))),
    case("06 conditions of null", "pods", put([None], "status", "conditions"),
         repaired(pod(scheduled_at=None, instance_created_at=None))),
    case("06 exit code of 64 bits", "pods", put(2**40, *TERMINATED, "exitCode"), repaired(pod(exit_code=None), cost())),
    case("06 priority beyond 32 bits", "workflows", put(2**31, "spec", "priority"), repaired(run(priority=0))),
    case("06 priority a word", "workflows", put("high", "spec", "priority"), repaired(run(priority=0))),
)  # fmt: skip

STEPS = (
    *(case(f"07 nodes {v}", "workflows", put(v, *NODES), accepted(run(retries=0, node_status="")))
      for v in any_of(None, {})),
    *(case(f"08 nodes {v}", "workflows", put(v, *NODES), accepted(run(retries=0, node_status="unreadable")))
      for v in ([], [{"id": "a", "type": "Pod"}], "x", 7, False)),
    case("08 a step is null", "workflows", put(None, *NODES, "x"), accepted(run())),
    case("08 a step is a list", "workflows", put([], *NODES, "x"), accepted(run())),
    case("08 a step is text", "workflows", put("Pod", *NODES, "x"), accepted(run())),
    case("08 a step without a type", "workflows", without_in_steps("type"), accepted(run(retries=0))),
    case("08 a step whose type is a number", "workflows", of_step("type", 7), accepted(run())),
    case("08 a step of an unknown type", "workflows", of_step("type", "Quantum"), accepted(run())),
    case("09 steps without id", "workflows", without_in_steps("id"), accepted(run())),
    case("09 id is not the key", "workflows", of_step("id", "another"), accepted(run())),
    case("09 id is a list", "workflows", of_step("id", []), accepted(run())),
    case("09 empty key", "workflows", put(a_step(), *NODES, ""), accepted(run())),
    case("10 no boundary", "workflows", without_in_steps("boundaryID"), accepted(run())),
    case("10 boundary not in the map", "workflows", of_step("boundaryID", "nowhere"), accepted(run())),
    case("10 each its own boundary", "workflows",
         all_of(of_step("boundaryID", "self"), put(a_step(boundaryID="self"), *NODES, "self")), accepted(run())),
    case("11 a step its own child", "workflows", children(["{}-1", "{}-2"], ["{}-2"]), accepted(run())),
    case("11 parent and child each other's", "workflows", children(["{}-1", "{}-2"], ["{}"]), accepted(run())),
    case("11 a retry its own try", "workflows", children(["{}", "{}-2"]), accepted(run(retries=0))),
    case("11 all that failed in a ring", "workflows",
         put({"a": a_step("Failed", children=["b"]), "b": a_step("Error", children=["a"])}, *NODES), accepted(run(retries=0))),
    case("12 a child not in the map", "workflows", children(["{}-1", "nowhere"]), accepted(run())),
    *(case(f"12 children {v}", "workflows", children(v), accepted(run(retries=0)))
      for v in (None, [], "x", {"a": 1}, [None], [7])),
    case(f"13 {STEP_COUNT} steps", "workflows", put(many_steps(STEP_COUNT), *NODES), accepted(run(retries=0))),
    case(f"13 {PACKED_COUNT} steps, packed", "workflows",
         packed(lambda _: many_packed()), accepted(run(retries=0))),
    case("14 a chain of 10,000", "workflows", put(chain(10_000), *NODES), accepted(run(retries=0))),
    case("14 a failed chain of 10,000", "workflows",
         all_of(put("Failed", "status", "phase"),
                put({k: v | {"phase": "Failed"} for k, v in chain(10_000).items()}, *NODES)),
         accepted(run(phase="Failed", outcome="failed", reason="step_failed", retries=0))),
)  # fmt: skip

PHASES = (
    *(case(f"15 phase {v!r}", "workflows", put(v, "status", "phase"), accepted(live(phase=v or "")))
      for v in ("Weird", "", None, "succeeded", "SUCCEEDED", "Succeeded ")),
    case("15 phase a number", "workflows", put(7, "status", "phase"), repaired(live(phase="7"))),
    case("15 phase an object", "workflows", put({"a": 1}, "status", "phase"), repaired(live(phase=""))),
    *(case(f"15 phase of a pod {v!r}", "pods", put(v, "status", "phase"), accepted(NO_POD))
      for v in ("Weird", "", None, "succeeded", "Unknown")),
    case("15 phase of a pod a list", "pods", put(["Failed"], "status", "phase"), repaired(NO_POD)),
    case("16 from Succeeded to Running", "workflows", sound,
         accepted({"workflow_live": {"phase": "Running", "attempt": 2, "is_deleted": 0}}),
         put("Running", "status", "phase")),
    case("16 from Succeeded to nothing", "workflows", sound,
         accepted({"workflow_live": {"phase": "", "attempt": 2, "is_deleted": 0}}), drop("status")),
    case("16 a pod from Succeeded to Pending", "pods", sound, accepted(pod(phase="Succeeded"), cost()),
         all_of(put("Pending", "status", "phase"), put(None, "status", "containerStatuses"))),
    case("16 sent twice as it is", "workflows", sound, accepted(run()), sound),
    case("16 sent twice as it is, a pod", "pods", sound, accepted(pod(), cost()), sound),
)  # fmt: skip

FUTURE = NOON + 3652 * 86_400 * SECOND
INSTANTS: tuple[tuple[str, Any, int | None], ...] = (
    ("17 before it began", iso(NOON - SECOND), NOON - SECOND),
    ("18 of 1970", "1970-01-01T00:00:00Z", None),
    ("19 of the year 0", "0000-01-01T00:00:00Z", None),
    ("19 of the year 10000", "10000-01-01T00:00:00Z", None),
    ("20 with a leap second", "2026-11-22T12:00:60Z", NOON + 59 * SECOND),
    ("21 without a zone", "2026-11-22T12:00:30", None),
    ("21 of an impossible zone", "2026-11-22T12:00:30+25:00", None),
    ("21 of another zone", "2026-11-22T20:00:30+08:00", NOON + 30 * SECOND),
    ("22 in nanoseconds", "2026-11-22T12:00:30.123456789Z", NOON + 30 * SECOND + 123),
    ("23 of a date alone", "2026-11-22", None),
    ("23 of a week", "2026-W47-7", None),
    ("24 that is null", None, None),
    ("24 that is empty", "", None),
)
MISTYPED = (("24 that is a number", 1_795_348_800), ("24 that is an object", {"seconds": 5}), ("24 that is true", True))


def dated(of: str, kind: Any, path: tuple[str | int, ...], rows: Any) -> list[Case]:
    """A field of an instant with each invalid value; `rows` are those of a valid one."""
    plain = [case(f"{name}: {of}", kind, put(text, *path), accepted(rows(at))) for name, text, at in INSTANTS]
    return plain + [case(f"{name}: {of}", kind, put(value, *path), repaired(rows(None))) for name, value in MISTYPED]


def ended_pod(at: int | None) -> Rows:
    return pod(finished_at=SEEN if at is None else at)


DATED = (
    *dated("finished", "workflows", ("status", "finishedAt"), lambda at: run(finished_at=SEEN if at is None else at)),
    *dated("started", "workflows", ("status", "startedAt"), lambda at: run(started_at=at)),
    *dated("created", "workflows", ("metadata", "creationTimestamp"), lambda at: run(created_at=SEEN if at is None else at)),
    *dated("container finished", "pods", (*TERMINATED, "finishedAt"), ended_pod),
    *dated("container started", "pods", (*TERMINATED, "startedAt"), lambda at: pod(main_started_at=at)),
    *dated("pod created", "pods", ("metadata", "creationTimestamp"), lambda at: pod(created_at=SEEN if at is None else at)),
    *dated("instance made", "pods", ("status", "conditions", 1, "lastTransitionTime"),
           lambda at: pod(instance_created_at=at)),
    case("25 workflow finished in ten years", "workflows", put(iso(FUTURE), "status", "finishedAt"),
         accepted(run(finished_at=SEEN))),
    case("25 workflow finished next year", "workflows", put("2027-11-22T12:00:00Z", "status", "finishedAt"),
         accepted(run(finished_at=SEEN))),
    case("25 container finished in ten years", "pods", put(iso(FUTURE), *TERMINATED, "finishedAt"),
         accepted(pod(finished_at=SEEN))),
    case("25 container started in ten years", "pods", put(iso(FUTURE), *TERMINATED, "startedAt"),
         accepted({"pod_run": {"finished_at": NOON + 70 * SECOND}}, cost())),
    case("25 workflow created in ten years", "workflows", put(iso(FUTURE), "metadata", "creationTimestamp"),
         accepted(run(created_at=FUTURE))),
    case("25 instance made in ten years", "pods", put(iso(FUTURE), "status", "conditions", 1, "lastTransitionTime"),
         accepted({"pod_run": {"finished_at": NOON + 70 * SECOND}, "pod_cost": {"billed_seconds": 70}})),
    case("26 estimated duration of 292 years", "workflows", put(9_223_372_036, "status", "estimatedDuration"), accepted(run())),
    case("26 deadline of 292 years", "pods", put(9_223_372_036, "spec", "activeDeadlineSeconds"), accepted(pod(), cost())),
    *(case(f"27 resources duration {v!r}", "workflows", put({"cpu": v}, "status", "resourcesDuration"), accepted(run()))
      for v in (-5, "many", 1e300, None)),
    case("28 deleted while it ran", "pods",
         all_of(put("Running", "status", "phase"), put({"running": {"startedAt": iso(NOON + 10 * SECOND)}},
                                                       "status", "containerStatuses", 0, "state")),
         accepted(pod(phase="Running", finished_at=SEEN, exit_code=None)), change="DELETED"),
    case("28 deleted without an end of its container", "pods", put(None, *TERMINATED, "finishedAt"),
         accepted(pod(finished_at=SEEN)), change="DELETED"),
    case("28 deleted with a deletion timestamp", "pods",
         all_of(put(iso(NOON + 75 * SECOND), "metadata", "deletionTimestamp"), put(None, *TERMINATED, "finishedAt")),
         accepted(pod(finished_at=NOON + 75 * SECOND)), change="DELETED"),
    case("28 an unknown ownerless pod deleted", "pods", put(None, "metadata", "ownerReferences"), IGNORED, change="DELETED"),
)  # fmt: skip

CASES: tuple[Case, ...] = (*ABSENT, *STEPS, *PHASES, *DATED)
