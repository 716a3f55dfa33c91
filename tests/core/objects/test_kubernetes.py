"""Bytes to typed objects: nothing outside the allow-list is kept, nothing an API server can send raises."""

import copy
import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.objects import kubernetes
from collector.core.objects.kubernetes import parse_time
from collector.core.objects.lenient import fit_object, parse_untyped
from collector.core.objects.status_nodes import Node
from collector.core.objects.structs import OBJECT_OF
from tests.builders import NOON, SECOND, a_container, a_workflow, decoded, pod_json, read_nodes, workflow_json
from tests.replay import raw_events

# Instants.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T12:00:00Z", NOON),
        ("2026-11-22T20:00:00+08:00", NOON),
        ("2026-11-22T06:30:00-05:30", NOON),
        ("2026-11-22T12:00:00.5Z", NOON + 500),
        ("2026-11-22T12:00:00.123456789Z", NOON + 123),
        ("2026-11-22T12:00:60Z", NOON + 59 * SECOND),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
    ],
)
def test_rfc_3339_is_read(text: str, expected: int) -> None:
    """Nanoseconds are cut to ms, a leap second is smeared onto :59."""
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        None, "", "null", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z", "2150-01-01T00:00:00Z", "2026-11-22T12:00:00",
        "2026-11-22T12:00:00+25:00", "2026-11-22T12:00:00+0800", "2026-11-22", "2026-W47-7", "2026-11-22 12:00:00Z",
        "2026-11-22T24:00:00Z", "2026-11-22T12:00:61Z", "2026-02-30T00:00:00Z", "２026-11-22T12:00:00Z",
        "2026-11-22T12:00:00.Z", "2026-11-22T12:00:00Z\n", "9223372036", "2026-11-22t12:00:00z",
    ],
)  # fmt: skip
def test_an_invalid_time_is_none(text: str | None) -> None:
    """The 1970 of containerd would bill 56 years; dates and week dates, which Python parses, are not accepted."""
    assert parse_time(text) is None


@given(st.text(max_size=30) | st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)\Z"))
def test_any_text_is_an_instant_in_bounds_or_none(text: str) -> None:
    """Between 2001 and 2100: what ClickHouse's columns hold, and no exception."""
    moment = parse_time(text)

    assert moment is None or 1_000_000_000_000 <= moment < 4_102_444_800_000


# Malformed objects.


@pytest.mark.parametrize("phase", ["Weird", "", None, "running"])
def test_an_unknown_phase_is_kept_as_it_is(phase: str | None) -> None:
    """Later versions of Argo may know more."""
    status = a_workflow(phase=phase).status

    assert status is not None
    assert status.phase == phase


@pytest.mark.parametrize("kind", ["workflows", "pods", "nodes", "namespaces"])
@pytest.mark.parametrize("raw", [{}, {"metadata": {}}, {"metadata": {"labels": None}, "spec": None, "status": None}])
def test_everything_may_be_missing(kind: str, raw: dict[str, Any]) -> None:
    """Null stands for absent everywhere."""
    assert decoded(raw, OBJECT_OF[kind]) == OBJECT_OF[kind]()


def test_env_values_and_arguments_have_no_field() -> None:
    """A field that is not decoded can reach neither disk nor a log."""
    raw = pod_json()
    raw["spec"]["containers"][0] |= {"env": [{"name": "TOKEN", "value": "s3cret"}], "args": ["--password=s3cret"]}

    assert "s3cret" not in str(msgspec.to_builtins(decoded(raw, kubernetes.Pod)))


def test_a_field_of_the_wrong_type_is_converted_and_the_rest_is_untouched() -> None:
    """One numeric label must not make the pod unreadable."""
    raw = pod_json(labels={"a": 1, "b": True, "c": [1], "d": "x"})  # type: ignore[dict-item]
    fitted = fit_object(raw, kubernetes.Pod)
    plain = decoded(pod_json(labels={"a": "1", "b": "true", "d": "x"}), kubernetes.Pod)

    assert fitted.object == plain
    assert fitted.paths == ["metadata.labels.a", "metadata.labels.b", "metadata.labels.c"]


def test_a_quantity_that_is_a_number_is_kept_as_its_text() -> None:
    """YAML writes `cpu: 2` as often as `cpu: "2"`."""
    fitted = fit_object(pod_json(requests={"cpu": 2, "memory": "4Gi"}), kubernetes.Pod)  # type: ignore[dict-item]

    assert fitted.object.spec.containers[0].resources.requests == {"cpu": "2", "memory": "4Gi"}


@pytest.mark.parametrize(
    ("value", "kept"),
    [(137.0, 137), (137.5, None), ("137", None), (True, None), (2**31, None), (-(2**31), -(2**31)), (1e300, None)],
)
def test_a_number_is_kept_if_it_is_one_of_32_bits(value: Any, kept: int | None) -> None:
    """Exit codes and priorities have 32 bits; a larger number would fail a whole insert."""
    raw = pod_json(containers=[a_container(ended=NOON)])
    raw["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] = value
    pod = fit_object(raw, kubernetes.Pod).object

    assert pod.status.containerStatuses[0].state.terminated.exitCode == kept


@pytest.mark.parametrize("priority", [2**31, -(2**31) - 1, 10**30])
def test_the_typed_decoder_refuses_a_priority_beyond_32_bits(priority: int) -> None:
    """Lenient decoding then drops the field."""
    raw = workflow_json(spec={"priority": priority})

    with pytest.raises(msgspec.ValidationError):
        decoded(raw, kubernetes.Workflow)


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    """It is valid in JSON but not in UTF-8; one in a label would break a whole scrape."""
    raw = json.loads('{"metadata": {"uid": "u", "labels": {"a\\ud800": "\\udfffb"}}, "status": {"nodes": ["\\ud800"]}}')
    fitted = fit_object(raw, kubernetes.Workflow)

    assert fitted.object.metadata.labels == {"a?": "?b"}
    assert bytes(fitted.object.status.nodes) == b'["?"]'


@pytest.mark.parametrize("wrong", [[], "x", 1, None])
def test_a_value_that_is_not_an_object_is_none(wrong: Any) -> None:
    """The caller quarantines such an object."""
    assert fit_object(wrong, kubernetes.Pod).object is None


# Lines.


@pytest.mark.parametrize("line", [b"", b"[]", b"3", b"nope", b"{", b"[" * 100_000])
def test_a_line_that_is_not_a_json_object_is_none(line: bytes) -> None:
    """The watch then reads on from where it was."""
    assert parse_untyped(line) is None


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    """Lenient decoding reads a line that the typed decoder refused."""
    assert parse_untyped(b'{"a": "\xff"}') == {"a": "�"}


# Anything at all.


OBJECTS = {
    kind: [event["event"]["object"] for event in raw_events("basics", kind)][:: {"workflows": 9, "pods": 23}[kind]]
    for kind in ("workflows", "pods")
}
WRONG: tuple[Any, ...] = (
    None,
    [],
    {},
    "",
    "x",
    0,
    -1,
    1.5,
    True,
    10**40,
    [None],
    {"a": None},
    "\ud800",
    "1970-01-01T00:00:00Z",
    [[[]]],
)


def mutilated(value: Any, chance: random.Random, rate: float) -> Any:
    """A copy in which some values are wrong and some keys are missing."""
    if chance.random() < rate:
        return chance.choice(WRONG)
    if isinstance(value, dict):
        return {k: mutilated(v, chance, rate) for k, v in value.items() if chance.random() >= rate}
    if isinstance(value, list):
        return [mutilated(v, chance, rate) for v in value]
    return value


@given(st.sampled_from(["workflows", "pods"]), st.integers(0, 2**32), st.sampled_from([0.01, 0.05, 0.3]))
def test_a_mutilated_object_is_decoded_or_fitted(kind: str, seed: int, rate: float) -> None:
    """Whatever is wrong with an object, neither decoder raises an error, and the result can be encoded."""
    chance = random.Random(seed)
    raw = mutilated(chance.choice(OBJECTS[kind]), chance, rate)
    try:
        seen = msgspec.json.decode(json.dumps(raw).encode(), type=OBJECT_OF[kind])
    except (msgspec.DecodeError, UnicodeDecodeError):
        seen = fit_object(raw, OBJECT_OF[kind]).object
    steps = read_nodes(seen.status) if isinstance(seen, kubernetes.Workflow) else {}

    assert seen is None or msgspec.json.encode(seen)
    assert all(isinstance(step, Node) for step in steps.values())


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every leaf."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for k, v in entries for p in paths_of(v, (*path, k))] or [path]


@given(st.sampled_from(["workflows", "pods"]), st.integers(0, 2**32), st.sampled_from(WRONG))
def test_a_wrong_field_leaves_all_others_as_they_were(kind: str, seed: int, wrong: Any) -> None:
    """A dropped field does not affect the others."""
    chance = random.Random(seed)
    whole = chance.choice(OBJECTS[kind])
    raw = copy.deepcopy(whole)
    path = chance.choice([p for p in paths_of(raw) if len(p) > 1 and p[:2] != ("status", "nodes")])
    inner = raw
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = wrong
    fitted, sound = (without(fit_object(t, OBJECT_OF[kind]).object, path) for t in (raw, whole))

    assert fitted == sound


def without(seen: Any, path: tuple[Any, ...]) -> Any:
    """The object as plain values, with what is at a path taken out, as far as the object goes along it."""
    plain = json.loads(msgspec.json.encode(seen))
    inner = plain
    for key in path[:-1]:
        inner = inner.get(key) if isinstance(inner, dict) else inner[key] if isinstance(inner, list) else None
    if isinstance(inner, dict):
        inner.pop(path[-1], None)
    elif isinstance(inner, list):
        del inner[path[-1] :]
    return plain


def test_a_valid_object_is_fitted_without_changes() -> None:
    """Lenient and typed decoding give the same object."""
    for kind, objects in OBJECTS.items():
        for raw in objects:
            fitted = fit_object(raw, OBJECT_OF[kind])
            typed = decoded(raw, OBJECT_OF[kind])
            if isinstance(typed, kubernetes.Workflow) and typed.status and fitted.object.status:
                assert read_nodes(fitted.object.status) == read_nodes(typed.status)
                typed.status.nodes = fitted.object.status.nodes = msgspec.Raw(b"null")
            plain, expected = (json.loads(msgspec.json.encode(one)) for one in (fitted.object, typed))
            assert (plain, fitted.paths) == (expected, [])
