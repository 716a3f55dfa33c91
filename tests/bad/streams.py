"""Bad inputs 53 to 70: sizes, encodings, identities, and lines that are not events."""

import base64
import gzip
import json
import zlib
from functools import cache
from typing import Any

import brotli
import zstandard

from collector.core.objects.kubernetes import Kind
from tests.bad.cases import (
    CANARY,
    IGNORED,
    Case,
    Obj,
    Spoil,
    accepted,
    all_of,
    any_of,
    as_argo_packs,
    case,
    cost,
    drop,
    instead,
    line,
    live,
    packed,
    pod,
    put,
    quarantined,
    reopened,
    repaired,
    replaced,
    run,
    sound,
    sound_workflow,
    twisted,
    versioned,
)

DEEP = b"[" * 100_000 + b"]" * 100_000
MEBI = 2**20


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def brotlied(raw: bytes) -> bytes:
    return bytes(brotli.compress(raw))  # type: ignore[no-untyped-call]


@cache
def bomb() -> str:
    """A megabyte that holds a gigabyte: a step whose name goes on."""
    squeeze = zlib.compressobj(9, wbits=31)
    pieces = [squeeze.compress(b'{"a": {"displayName": "')]
    pieces += [squeeze.compress(b"x" * MEBI) for _ in range(1024)]
    return encoded(b"".join((*pieces, squeeze.flush())))


def with_wrong_sum(raw: bytes) -> str:
    return encoded(gzip.compress(raw)[:-8] + b"\0" * 8)


@cache
def zstd_bomb() -> str:
    """Kilobytes that hold a quarter of a gigabyte of blanks."""
    return encoded(zstandard.compress(b"{" + b" " * (256 * MEBI)))


@cache
def dense() -> str:
    """Three million steps without a field: 50 MB of JSON, and gigabytes as values."""
    return as_argo_packs(b"{" + b",".join(b'"%d": {}' % i for i in range(3_000_000)) + b"}")


def readable(name: str, spoil: Spoil) -> Case:
    """Steps packed otherwise than Argo's own packer does, but so that Argo reads them."""
    return case(name, "workflows", spoil, accepted(run(node_status="packed")))


def unreadable(name: str, spoil: Spoil) -> Case:
    """Steps that cannot be unpacked: what the top of the object says stands."""
    return case(name, "workflows", spoil, accepted(run(retries=0, node_status="unreadable")))


SIZES = (
    case("53 an object of 1.5 MB", "workflows", put("x" * 1_500_000, "spec", "x"), accepted(run())),
    case("54 a line of 3 MB", "pods", put("x" * 3_000_000, "metadata", "annotations", "a"), accepted(pod(), cost())),
    case("54 a line of 15 MiB", "pods", put("x" * 15 * MEBI, "metadata", "annotations", "a"), accepted(pod(), cost())),
    case("54 a line of 17 MiB", "pods", put("x" * 17 * MEBI, "metadata", "annotations", "a"), quarantined("oversized")),
    readable("55 packed steps", packed(as_argo_packs)),
    readable("55 packed steps, zstd", packed(lambda raw: encoded(zstandard.compress(raw)))),
    readable("55 packed steps, brotli", packed(lambda raw: encoded(brotlied(raw)))),
    unreadable("55 a bomb of packed steps, zstd", packed(lambda _: zstd_bomb())),
    unreadable("55 a dense bomb of steps", packed(lambda _: dense())),
    unreadable("55 a bomb of packed steps", packed(lambda _: bomb())),
    unreadable("56 packed twice", packed(lambda raw: encoded(gzip.compress(gzip.compress(raw))))),
    unreadable("57 packed and cut", packed(lambda raw: encoded(gzip.compress(raw)[:-9]))),
    unreadable("57 packed and cut to its head", packed(lambda raw: encoded(gzip.compress(raw)[:10]))),
    unreadable("58 packed with a wrong sum", packed(with_wrong_sum)),
    unreadable("59 packed with garbage behind", packed(lambda raw: encoded(gzip.compress(raw) + b"garbage"))),
    readable("59 packed in two members", packed(lambda raw: encoded(gzip.compress(raw[:99]) + gzip.compress(raw[99:])))),
    unreadable("59 packed in 10,000 members", packed(lambda raw: encoded(gzip.compress(raw) + gzip.compress(b" ") * 10_000))),
    unreadable("60 no base64", packed(lambda _: "@@@@")),
    unreadable("60 base64 without its end", packed(lambda raw: encoded(gzip.compress(raw))[:-3])),
    unreadable("60 base64 for addresses", packed(lambda raw: encoded(gzip.compress(raw)).replace("A", "-"))),
    unreadable("60 no ASCII", packed(lambda _: "é")),
    unreadable("60 no known magic", packed(lambda raw: encoded(b"PK\3\4" + raw))),
    unreadable("60 zstd by its magic alone", packed(lambda raw: encoded(b"\x28\xb5\x2f\xfd" + raw))),
    unreadable("60 zstd and cut", packed(lambda raw: encoded(zstandard.compress(raw)[:-9]))),
    unreadable("60 brotli and cut", packed(lambda raw: encoded(brotlied(raw)[:-9]))),
    unreadable("60 not packed at all", packed(lambda raw: raw.decode())),
    unreadable("60 packed nonsense", packed(lambda _: as_argo_packs(b"no JSON"))),
    readable("61 base64 in lines", packed(lambda raw: base64.encodebytes(gzip.compress(raw, 0)).decode())),
    case("60 packed steps that are a number", "workflows", packed(lambda _: 5),  # type: ignore[arg-type,return-value]
         repaired(run(retries=0))),
    twisted("62 100,000 deep in an unread field", "workflows", replaced(f'"{CANARY}"'.encode(), DEEP), repaired(run())),
    twisted("62 100,000 deep in a label", "workflows", replaced(b'"autonomy"', DEEP),
            repaired(run(department="robotics", labels={}))),
    twisted("62 100,000 deep in a step", "workflows", replaced(b'"exit code 1"', DEEP), repaired(run())),
    twisted("62 a key twice", "workflows", replaced(b'"phase":', b'"phase": "Failed", "phase":'), accepted(run())),
    twisted("62 NaN", "workflows", replaced(b'"spec": {', b'"spec": {"priority": NaN, '), repaired(run(priority=0))),
    twisted("62 Infinity", "workflows", replaced(b'"spec": {', b'"spec": {"x": -Infinity, '), repaired(run())),
    twisted("62 a number beyond floats", "workflows", replaced(b'"spec": {', b'"spec": {"priority": 1e999, '),
            repaired(run(priority=0))),
    twisted("62 a priority of 5,000 digits", "workflows",
            replaced(b'"spec": {', b'"spec": {"priority": ' + b"9" * 5000 + b", "), repaired(run(priority=0))),
    twisted("62 5,000 digits in an unread field", "workflows",
            replaced(b'"spec": {', b'"spec": {"x": ' + b"9" * 5000 + b", "), accepted(run())),
    twisted("62 5,000 digits in a step", "workflows",
            replaced(b'"message": "exit code 1"', b'"message": ' + b"9" * 5000), accepted(run())),
    case("63 steps open and packed", "workflows", packed(as_argo_packs, keep_open=True), accepted(run(node_status="plain"))),
    case("63 steps open and packed wrong", "workflows", packed(lambda _: "@@@@", keep_open=True),
         accepted(run(node_status="plain"))),
    case("64 steps in a database", "workflows",
         all_of(put(None, "status", "nodes"), put("fnv:1", "status", "offloadNodeStatusVersion")),
         accepted(run(retries=0, node_status="offloaded"))),
    case("64 steps in a database, by a number", "workflows",
         all_of(drop("status", "nodes"), put(7, "status", "offloadNodeStatusVersion")),
         repaired(run(retries=0, node_status="offloaded"))),
)  # fmt: skip

OWNERS = ("metadata", "ownerReferences")


def owned_by(*owners: Any) -> Spoil:
    """Owner references; in their texts `{}` stands for the object's uid."""

    def spoil(obj: Obj) -> Obj:
        text = json.dumps(owners).replace("{}", obj["metadata"]["uid"])
        put(json.loads(text), *OWNERS)(obj)
        return obj

    return spoil


def owner(uid: Any = "w-{}", kind: Any = "Workflow", version: Any = "argoproj.io/v1alpha1", **more: Any) -> Obj:
    return {"apiVersion": version, "kind": kind, "name": "w", "uid": uid, **more}


OWNED = (
    case("65 a pod its own owner", "pods", owned_by(owner("{}", "Pod", "v1")), IGNORED),
    case("65 a workflow its own owner", "workflows", owned_by(owner("{}")), accepted(run())),
    case("65 two that own each other", "pods",
         owned_by(owner("x-{}", "Job", "batch/v1"), owner("{}", "Job", "batch/v1")), IGNORED),
    case("65 two controllers", "pods", owned_by(owner("other-{}", controller=True), owner(controller=True)),
         accepted(pod(), cost())),
    case("65 a Job and a workflow", "pods", owned_by(owner("j", "Job", "batch/v1", controller=True), owner()),
         accepted(pod(), cost())),
    case("65 an owner in another namespace", "pods", owned_by(owner(namespace="elsewhere")), accepted(pod(), cost())),
    case("65 no owner", "pods", put(None, *OWNERS), IGNORED),
    case("65 a workflow of another group", "pods", owned_by(owner(version="example.com/v1")), IGNORED),
    case("65 an owner without uid", "pods", owned_by(owner(None)), IGNORED),
    case("65 an owner with an empty uid", "pods", owned_by(owner("")), IGNORED),
    *(case(f"65 owners {v}", "pods", put(v, *OWNERS), repaired(NONE_OWNED)) for NONE_OWNED in (IGNORED.rows,)
      for v in ("w", {"uid": "w"}, [None], ["w"])),
    case("65 an owner whose uid is a number", "pods", owned_by(owner(7)), repaired(pod(workflow_uid="7"), cost())),
)  # fmt: skip

META, STAMP, IDENTITY = ("metadata",), ("metadata", "resourceVersion"), ("metadata", "uid")


def for_both(name: str, spoil: Spoil, expected: Any) -> list[Case]:
    """The same for workflows and pods."""
    kinds: tuple[Kind, ...] = ("workflows", "pods")
    return [case(f"{name}: {kind}", kind, spoil, expected) for kind in kinds]


IDENTITIES = (
    *for_both("67 no uid", drop(*IDENTITY), quarantined("no_uid")),
    *(c for v in any_of("", None, [], {"secret": CANARY})
      for c in for_both(f"67 uid {v!r}", put(v, *IDENTITY), quarantined("no_uid"))),
    *(c for v in any_of(None, {}, [], "x", CANARY)
      for c in for_both(f"67 metadata {v!r}", put(v, *META), quarantined("no_uid"))),
    *for_both("67 no metadata", drop("metadata"), quarantined("no_uid")),
    *for_both("67 a name that is an object", all_of(put({"a": CANARY}, "metadata", "name"), drop(*IDENTITY)),
              quarantined("no_uid")),
    case("67 no name", "workflows", drop("metadata", "name"), accepted(run(name=""))),
    case("67 no namespace", "workflows", drop("metadata", "namespace"),
         accepted(run(namespace="", queue="", department="autonomy"))),
    *for_both("68 no version", drop(*STAMP), quarantined("no_version")),
    *(c for v in any_of("", "0", "abc", "-5", "1.5", "１２", "1" * 16, "9" * 5000, None, [], "5 ")
      for c in for_both(f"68 version {str(v)[:20]!r}", put(v, *STAMP), quarantined("no_version"))),
    *for_both("68 an old version", put("50", *STAMP), IGNORED),
    *for_both("68 an old version with noughts", put("0050", *STAMP), IGNORED),
    case("68 a version that goes back", "workflows", sound, accepted(run()),
         all_of(put("Running", "status", "phase"), put("51", *STAMP))),
    case("68 a version twice", "workflows", sound, accepted(run()),
         lambda obj: put("Running", "status", "phase")(obj) | {"metadata": obj["metadata"] | {
             "resourceVersion": str(int(obj["metadata"]["resourceVersion"]) - 1)}}),
)  # fmt: skip


def by_rv(name: str, kind: Kind, text: Any, expected: Any) -> Case:
    """A line made from its version alone."""
    return Case(name, kind, lambda _, rv: [text(rv)], expected)


def as_event(name: str, kind: str | None, value: Any, expected: Any) -> Case:
    """An event about an object that is not a workflow."""
    return by_rv(name, "workflows", lambda _: line(value, kind), expected)


STATUS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 500, "message": CANARY}
EVENTS = (
    *(case(f"69 event type {v!r}", "workflows", sound, quarantined("event_type"), change=v)
      for v in ("RENAMED", "added", "", None, 7, ["ADDED"], {"a": CANARY})),
    twisted("69 no event type", "workflows", lambda text: b'{"object"' + text.split(b'"object"', 1)[1],
            quarantined("event_type")),
    as_event("69 a Status that was added", "ADDED", STATUS, quarantined("no_uid")),
    as_event("69 a Table", "MODIFIED", {"kind": "Table", "metadata": {}, "rows": [{"cells": [CANARY]}]}, quarantined("no_uid")),
    as_event("69 a list", "MODIFIED", {"kind": "WorkflowList", "metadata": {}, "items": [CANARY]}, quarantined("no_uid")),
    *(as_event(f"69 an object that is {v!r}", "MODIFIED", v, quarantined("not_an_object"))
      for v in any_of(None, [], "x", 7, CANARY)),
    *(case(f"69 nothing but {v!r}", "pods", instead(v), quarantined("not_an_object")) for v in (None, [CANARY], CANARY)),
    by_rv("69 no object", "workflows", lambda _: b'{"type": "MODIFIED"}\n', quarantined("not_an_object")),
    by_rv("69 an empty event", "workflows", lambda _: b"{}\n", quarantined("not_an_object")),
    as_event("69 an error", "ERROR", STATUS, reopened("stream_error")),
    as_event("69 an error without a reason", "ERROR", {"code": 500}, reopened("stream_error")),
    as_event("69 an error that is null", "ERROR", None, reopened("stream_error")),
    as_event("69 an error that is text", "ERROR", CANARY, reopened("stream_error")),
    *(by_rv(f"69 a line that is {v[:9]!r}", "workflows", lambda _, v=v: v + b"\n", reopened("garbled"))
      for v in any_of(b"[]", b"3", b'"x"', b"nope", b"{", b"<html>", b"\xff\xfe\x00", b"\x00", b"null", b"[" * 100_000)),
    twisted("69 half a line", "workflows", lambda text: text[: len(text) // 2] + b"\n", reopened("garbled")),
    twisted("69 two events in a line", "workflows", lambda text: text.rstrip() + text, accepted(run())),
    by_rv("69 empty lines", "workflows", lambda _: b"\n \r\n\n", IGNORED),
    twisted("69 a line with a carriage return", "workflows", lambda text: text[:-1] + b"\r\n", accepted(run())),
    twisted("69 a byte order mark", "workflows", lambda text: b"\xef\xbb\xbf" + text, reopened("garbled")),
    by_rv("70 a bookmark without version", "workflows", lambda _: line({"metadata": {}}, "BOOKMARK"), IGNORED),
    *(by_rv(f"70 a bookmark at {v!r}", "workflows",
            lambda _, v=v: line({"metadata": {"resourceVersion": v}}, "BOOKMARK"), IGNORED)
      for v in any_of("", "abc", "7", None)),
    by_rv("70 a bookmark of a whole object", "workflows",
          lambda rv: line(versioned(sound_workflow("bad-bookmark"), rv), "BOOKMARK"), IGNORED),
    by_rv("70 a bookmark whose version is a number", "workflows",
          lambda _: line({"metadata": {"resourceVersion": 7}}, "BOOKMARK"), repaired()),
    by_rv("70 a bookmark of nothing", "workflows", lambda _: line(None, "BOOKMARK"), quarantined("not_an_object")),
)  # fmt: skip

TURNS = (
    case("16 waits for a lock that is null", "workflows",
         all_of(put("Pending", "status", "phase"), put({"mutex": {"waiting": [None]}}, "status", "synchronization")),
         repaired(live(phase="Pending", waiting_reason="unseen"))),
    case("16 waits for a lock without a name", "workflows",
         all_of(put("Pending", "status", "phase"), put({"mutex": {"waiting": [{}]}}, "status", "synchronization")),
         accepted(live(phase="Pending", waiting_reason="unseen"))),
    case("16 locks that are text", "workflows",
         all_of(put("Pending", "status", "phase"), put("x", "status", "synchronization")),
         repaired(live(phase="Pending", waiting_reason="unseen"))),
    case("16 pending with an unknown message", "workflows",
         all_of(put("Pending", "status", "phase"), put("¿?", "status", "message")),
         accepted(live(phase="Pending", waiting_reason="throttled"))),
)  # fmt: skip

CASES: tuple[Case, ...] = (*SIZES, *OWNED, *IDENTITIES, *EVENTS, *TURNS)
