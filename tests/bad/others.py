"""The bad inputs of kinds that lead to no row by themselves: cron workflows and events, machines and namespaces."""

from typing import Any

from collector.core.objects.kubernetes import Kind
from tests.bad.cases import CANARY, Case, accepted, all_of, any_of, case, drop, put, quarantined, repaired
from tests.builders import NOON, SECOND, iso

SPEC, STATUS, ABOUT = ("spec",), ("status",), ("involvedObject",)

WRONG: tuple[tuple[Kind, tuple[str, ...], tuple[Any, ...]], ...] = (
    ("cronworkflows", SPEC, any_of([], "x", 7)),
    ("cronworkflows", STATUS, any_of([], "x", True)),
    ("cronworkflows", (*SPEC, "schedules"), any_of("* * * * *", [None], [7], [["*"]], {"0": "* * * * *"})),
    ("cronworkflows", (*SPEC, "startingDeadlineSeconds"), any_of("60", 2**31, 1.5, [])),
    ("cronworkflows", (*SPEC, "suspend"), any_of("true", 1, [])),
    ("cronworkflows", (*SPEC, "timezone"), any_of(8, ["UTC"])),
    ("cronworkflows", (*STATUS, "active"), any_of("x", [None], {"uid": "a"}, ["a"])),
    ("cronworkflows", (*STATUS, "lastScheduledTime"), any_of(7, [], {"seconds": 7})),
    ("events", ABOUT, any_of([], "pod", 7)),
    ("events", (*ABOUT, "uid"), any_of(7, [], {"a": "b"})),
    ("events", ("reason",), any_of(7, [], {"a": "b"})),
    ("events", ("message",), any_of(7, [], {"a": "b"})),
    ("events", ("lastTimestamp",), any_of(7, [], True)),
    ("nodes", ("metadata", "labels", "type"), any_of(7, None, [])),
    ("nodes", ("metadata", "name"), any_of(7, [], {"a": "b"})),
    ("namespaces", ("metadata", "name"), any_of(7, [], {"a": "b"})),
)
"""Values of the wrong type: each becomes its default or its text, and the object is taken."""

READ: tuple[tuple[Kind, tuple[str, ...], tuple[Any, ...]], ...] = (
    ("cronworkflows", SPEC, any_of(None, {})),
    ("cronworkflows", STATUS, any_of(None, {})),
    ("cronworkflows", (*SPEC, "schedules"), any_of(None, [], [""], ["nonsense"], ["*" * 100_000], ["* * * * *"] * 20_000)),
    ("cronworkflows", (*SPEC, "schedule"), any_of("* * * * *", "@every 1ns", "@reboot", "61 * * * *", "\0")),
    ("cronworkflows", (*SPEC, "timezone"), any_of("Mars/Base", "../../etc/passwd", "")),
    ("cronworkflows", (*SPEC, "startingDeadlineSeconds"), any_of(-5, 2**31 - 1)),
    ("cronworkflows", (*STATUS, "active"), any_of(None, [{}], [{}] * 50_000)),
    ("cronworkflows", (*STATUS, "lastScheduledTime"), any_of("1970-01-01T00:00:00Z", "2036-11-22T12:00:00Z", "soon")),
    ("events", ABOUT, any_of(None, {})),
    ("events", (*ABOUT, "uid"), any_of("", "x" * 50_000)),
    ("events", ("reason",), any_of(None, "", "x" * 50_000)),
    ("events", ("message",), any_of(None, "\0", "m" * 10**6)),
    ("events", ("lastTimestamp",), any_of(None, "1970-01-01T00:00:00Z", "2036-11-22T12:00:00Z")),
    ("nodes", ("metadata", "labels", "topology.kubernetes.io/region"), any_of("", "x" * 50_000)),
    ("nodes", ("metadata", "name"), any_of(None, "", "\0")),
    ("namespaces", ("metadata", "name"), any_of(None, "", "kube-system")),
)  # fmt: skip
"""Of the right type, and nonsense all the same."""


def number(path: tuple[str, ...]) -> str:
    """The kind of bad input in the list: 2 to 5 for fields, 24 for instants."""
    return "24" if path[-1] in ("lastScheduledTime", "lastTimestamp") else "05"


CASES: tuple[Case, ...] = (
    *(case(f"{number(path)} {kind}: {'.'.join(path)} is {str(v)[:30]!r}, {type(v).__name__}", kind, put(v, *path), repaired())
      for kind, path, values in WRONG for v in values),
    *(case(f"{number(path)} {kind}: {'.'.join(path)} is {str(v)[:30]!r} and read", kind, put(v, *path), accepted())
      for kind, path, values in READ for v in values),
    *(case(f"67 {kind} without uid", kind, drop("metadata", "uid"), quarantined("no_uid"))
      for kind in ("cronworkflows", "events", "nodes", "namespaces")),
    *(case(f"68 {kind} without version", kind, drop("metadata", "resourceVersion"), quarantined("no_version"))
      for kind in ("cronworkflows", "events", "nodes", "namespaces")),
    case("16 a cron that has run", "cronworkflows", drop("status"), accepted(),
         put({"lastScheduledTime": iso(NOON + 60 * SECOND)}, "status")),
    case("67 a cron's name taken again", "cronworkflows", put("nightly", "metadata", "name"), accepted(),
         all_of(put("nightly", "metadata", "name"), put("bad-again", "metadata", "uid"))),
    case("45 a secret in what a cron would run", "cronworkflows",
         put({"arguments": {"parameters": [{"name": "t", "value": CANARY}]}}, "spec", "workflowSpec"), accepted()),
)  # fmt: skip
