"""Steps of a workflow: parsed in every form that Argo stores, within bounds, and related to each other."""

import base64
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from collector.core.model import NodeStatus
from collector.core.objects import kubernetes, status_nodes
from collector.core.objects.lenient import fit_object
from collector.core.objects.status_nodes import Node, has_pod, is_memoized, parse_nodes, template_of
from tests.builders import a_step, a_workflow, read_nodes, workflow_json
from tests.replay import raw_events

STEPS = b'{"a": {"type": "Pod", "phase": "Failed"}}'
READ = {"a": Node(type="Pod", phase="Failed")}
Pack = Callable[[bytes], bytes]


def with_nodes(raw: bytes) -> kubernetes.WorkflowStatus:
    return kubernetes.WorkflowStatus(nodes=msgspec.Raw(raw))


def packed(raw: bytes, pack: Pack = gzip.compress) -> kubernetes.WorkflowStatus:
    return kubernetes.WorkflowStatus(compressedNodes=base64.b64encode(pack(raw)).decode())


def steps(**nodes: dict[str, Any]) -> dict[str, Node]:
    """Steps by id, as the decoder gives them; `_` stands for the dash."""
    return read_nodes(a_workflow(nodes={k.replace("_", "-"): v for k, v in nodes.items()}).status)


# Plain.


@pytest.mark.parametrize(
    ("raw", "how"), [(b"", ""), (b"null", ""), (b"{}", ""), (b"[]", "unreadable"), (b'"x"', "unreadable")]
)
def test_a_status_without_steps_has_none(raw: bytes, how: NodeStatus) -> None:
    """Null and empty mean no steps; a list instead of a map is unreadable."""
    assert parse_nodes(with_nodes(raw)) == status_nodes.ParsedNodes({}, how)


def test_a_workflow_that_no_controller_has_looked_at_has_no_steps() -> None:
    """It has no status at all."""
    assert parse_nodes(None) == status_nodes.ParsedNodes({}, "")


def test_one_bad_step_does_not_hide_the_others() -> None:
    """They are fitted one by one; entries that are not objects are dropped."""
    raw = b'{"a": {"phase": 7, "type": "Pod"}, "b": [1], "c": null, "d": {"phase": "Failed"}}'

    assert read_nodes(with_nodes(raw)) == {"a": Node(phase="7", type="Pod"), "d": Node(phase="Failed")}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": {"message": "\xff\xfe"}}',
        b'{"a": {"message": "\\ud800"}}',
        b'{"a": {"x": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
        b'{"a": {"phase": ' + b'{"b":' * 2000 + b"1" + b"}" * 2000 + b"}}",
        b'{"a": {"phase": NaN}}',
        b'{"a": {"phase": 1e999}}',
        b'{"a": {"outputs": [], "memoizationStatus": "x", "children": {"b": 1}, "failedPodRestarts": 1e12}}',
    ],
)
def test_steps_never_raise(raw: bytes) -> None:
    """They are kept as bytes that were not parsed yet."""
    assert isinstance(read_nodes(with_nodes(raw)), dict)


def test_nodes_too_deep_to_be_walked_are_left_out() -> None:
    """The rest of the workflow is still read."""
    deep: Any = "end"
    for _ in range(600):
        deep = {"a": [deep]}
    fitted = fit_object(workflow_json(labels={"n": 1}, nodes=deep), kubernetes.Workflow)  # type: ignore[dict-item]

    assert (fitted.object.metadata.uid, read_nodes(fitted.object.status)) == ("w1", {})
    assert "status.nodes" in fitted.paths


def test_parameters_and_results_of_a_step_have_no_field() -> None:
    """Of its outputs only the exit code is kept: other fields can reach neither disk nor a log."""
    secret = {"parameters": [{"name": "token", "value": "s3cret"}]}
    step = a_step(inputs=secret, outputs={**secret, "result": "s3cret", "exitCode": "3"})
    (read,) = steps(a=step).values()

    assert read.outputs == status_nodes.Outputs(exitCode="3")
    assert b"s3cret" not in msgspec.json.encode(read)


def test_a_step_of_the_builders_is_a_step() -> None:
    """The steps that tests build are those that the decoder reads."""
    assert steps(a=a_step()) == {"a": Node(type="Pod", phase="Succeeded")}


# Packed.


def twice(pack: Pack) -> Pack:
    """In two members or frames, one after the other."""
    return lambda raw: pack(raw[:9]) + pack(raw[9:])


CODECS: dict[str, Pack] = {"gzip": gzip.compress, "zstd": zstandard.compress, "brotli": brotli.compress}


@pytest.mark.parametrize(
    "pack",
    [*CODECS.values(), twice(gzip.compress), twice(zstandard.compress)],
    ids=[*CODECS, "gzip members", "zstd frames"],
)
def test_packed_steps_are_read_by_their_magic_bytes(pack: Pack) -> None:
    """Argo packs what would be too large, by gzip or, from 4.1, by zstd or brotli; members are read to the last."""
    assert parse_nodes(packed(STEPS, pack)) == status_nodes.ParsedNodes(READ, "packed")


def test_line_ends_in_base64_are_skipped() -> None:
    """As Go's decoder does."""
    text = base64.encodebytes(gzip.compress(STEPS, mtime=0)).decode().replace("\n", "\r\n")

    assert read_nodes(kubernetes.WorkflowStatus(compressedNodes=text)) == READ


@pytest.mark.parametrize("pack", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("spoil", [lambda b: b[:-1], lambda b: b + b"garbage", lambda b: b[:9] + b"\xff" * 9 + b[18:]])
def test_packed_steps_that_are_cut_or_followed_by_garbage_are_refused(pack: Pack, spoil: Pack) -> None:
    """Argo's own readers refuse them too; half of the steps would look like all of them."""
    assert parse_nodes(packed(STEPS, lambda raw: spoil(pack(raw)))) == status_nodes.ParsedNodes({}, "unreadable")


@pytest.mark.parametrize(
    "text",
    [
        "@@@@",
        "H4sI",
        "é",
        base64.b64encode(gzip.compress(STEPS, mtime=0)).decode().replace("H4sI", "H4 sI"),
        "\n",
        base64.b64encode(gzip.compress(STEPS, mtime=0)[:-8] + b"\0" * 8).decode(),
        base64.b64encode(gzip.compress(b"no JSON", mtime=0)).decode(),
        base64.b64encode(gzip.compress(b"", mtime=0) * (status_nodes.MEMBERS_LIMIT + 1)).decode(),
    ],
    ids=["no base64", "cut", "no ASCII", "a blank", "nothing", "wrong sum", "no JSON", "many members"],
)
def test_packed_steps_that_cannot_be_read_are_none(text: str) -> None:
    """Top-level fields are enough for a row; no error is raised."""
    assert parse_nodes(kubernetes.WorkflowStatus(compressedNodes=text)) == status_nodes.ParsedNodes({}, "unreadable")


def small_window(raw: bytes) -> bytes:
    """With a zstd window that is within the limit."""
    modest = zstandard.ZstdCompressionParameters(window_log=17, compression_level=1, write_content_size=False)
    writer = zstandard.ZstdCompressor(compression_params=modest).compressobj()
    return writer.compress(raw) + writer.flush()


@pytest.mark.parametrize(
    "pack",
    [*CODECS.values(), twice(gzip.compress), small_window],
    ids=[*CODECS, "gzip members", "zstd of a small window"],
)
def test_a_bomb_costs_no_memory(monkeypatch: pytest.MonkeyPatch, pack: Pack) -> None:
    """A megabyte can hold a gigabyte: unpacking stops at the limit."""
    monkeypatch.setattr(status_nodes, "UNPACKED_LIMIT", 2**20)
    bomb = packed(b'{"a": {"message": "' + b"x" * 2**26 + b'"}}', pack)
    tracemalloc.start()
    parsed = parse_nodes(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert parsed == status_nodes.ParsedNodes({}, "unreadable")
    assert peak < 2**23


def test_a_zstd_frame_that_wants_a_large_window_is_refused() -> None:
    """Its memory would be claimed before a byte is unpacked."""
    wanted = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1, write_content_size=False)
    writer = zstandard.ZstdCompressor(compression_params=wanted).compressobj()

    assert parse_nodes(packed(STEPS, lambda raw: writer.compress(raw) + writer.flush())).how == "unreadable"


def test_a_dense_bomb_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Millions of empty steps fit in few bytes and in no memory."""
    monkeypatch.setattr(status_nodes, "OBJECTS_LIMIT", 100)
    some, many = (json.dumps({str(i): {} for i in range(count)}).encode() for count in (99, 100))

    assert parse_nodes(packed(some)).how == "packed"
    assert parse_nodes(packed(many)).how == "unreadable"


@pytest.mark.parametrize("raw", [b"", b"null", b"{}"])
def test_packed_steps_are_read_where_no_plain_ones_are(raw: bytes) -> None:
    """An empty map beside them is ignored."""
    both = packed(STEPS)
    both.nodes = msgspec.Raw(raw)

    assert parse_nodes(both) == status_nodes.ParsedNodes(READ, "packed")


@pytest.mark.parametrize("text", [base64.b64encode(gzip.compress(STEPS, mtime=0)).decode(), "@@@@"])
def test_plain_steps_go_before_packed_ones(text: str) -> None:
    """Argo's own DecompressWorkflow unpacks only if there are no plain steps."""
    both = kubernetes.WorkflowStatus(nodes=msgspec.Raw(b'{"b": {}}'), compressedNodes=text)

    assert parse_nodes(both) == status_nodes.ParsedNodes({"b": Node()}, "plain")


def test_offloaded_steps_are_in_argos_database_only() -> None:
    """The object says which version of them; with packed ones beside it those count."""
    offloaded = kubernetes.WorkflowStatus(offloadNodeStatusVersion="fnv:1")
    both = packed(STEPS)
    both.offloadNodeStatusVersion = "fnv:1"

    assert parse_nodes(offloaded) == status_nodes.ParsedNodes({}, "offloaded")
    assert parse_nodes(both).how == "packed"


@given(
    st.binary(min_size=1, max_size=200), st.sampled_from([b"", b"\x1f\x8b", b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd"])
)
def test_any_bytes_are_steps_or_unreadable(raw: bytes, magic: bytes) -> None:
    """A user who may edit workflows can write anything there."""
    assert parse_nodes(packed(magic + raw, bytes)).how in ("packed", "unreadable")


def test_a_real_packed_status_is_read_whole() -> None:
    """The recorded controller's, against the standard library's own reading of it."""
    status = raw_events("packed", "workflows")[-1]["event"]["object"]["status"]
    unpacked = json.loads(zlib.decompress(base64.b64decode(status["compressedNodes"]), wbits=31))
    parsed = parse_nodes(msgspec.convert(status, kubernetes.WorkflowStatus, strict=False))

    assert (parsed.how, len(parsed.nodes)) == ("packed", 152)
    assert {k: n.finishedAt for k, n in parsed.nodes.items()} == {k: n["finishedAt"] for k, n in unpacked.items()}


# What a step is.


def test_a_template_of_another_object_goes_before_the_steps_own() -> None:
    """Argo writes one of the two."""
    (referred,) = steps(a=a_step(templateRef={"name": "shared", "template": "train"})).values()

    assert template_of(referred) == "train"
    assert [
        template_of(n) for n in (Node(templateName="t"), Node(), Node(templateRef=status_nodes.NodeTemplate()))
    ] == [
        "t",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("step", "has"),
    [
        (a_step(), True),
        (a_step("Error"), True),
        (a_step("Skipped"), False),
        (a_step("Omitted"), False),
        (a_step(memoizationStatus={"hit": False}), True),
        (a_step(memoizationStatus={"hit": True}), False),
        (a_step(kind="Container"), False),
        (a_step(kind="HTTP"), False),
        (a_step(kind="Retry"), False),
    ],
)
def test_only_a_step_that_ran_itself_has_a_pod(step: dict[str, Any], has: bool) -> None:
    """A cache hit has the type Pod but no pod."""
    (node,) = steps(a=step).values()

    assert has_pod(node) is has
    assert is_memoized(node) is ((step.get("memoizationStatus") or {}).get("hit") is True)
