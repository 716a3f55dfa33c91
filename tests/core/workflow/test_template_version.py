"""Which version of its template a workflow runs."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from collector.core.workflow.template_version import DEPTH_LIMIT, version_of_spec
from tests.builders import RULES
from tests.core.workflow.test_lifecycle import lived, saw

STORED: dict[str, Any] = {
    "entrypoint": "main",
    "templates": [{"name": "main", "container": {"image": "a:1", "args": ["{{inputs.parameters.n}}"]}}],
    "arguments": {"parameters": [{"name": "n", "value": "1"}]},
}


def version(stored: Any) -> str:
    return version_of_spec(json.dumps(stored).encode())


def test_what_is_submitted_is_no_other_version() -> None:
    """Argo joins parameters, priority and whatever a submission overrides into what it stores."""
    assert version(STORED) == version({**STORED, "arguments": {}, "priority": 7, "serviceAccountName": "x"})
    assert len(version(STORED)) == 12


def test_another_image_is_another_version() -> None:
    """Whatever a template runs with."""
    other = json.loads(json.dumps(STORED).replace("a:1", "a:2"))

    assert version(other) != version(STORED)
    assert version({**STORED, "templateDefaults": {"timeout": "1h"}}) != version(STORED)


@pytest.mark.parametrize(
    "stored", [b"", b"null", b"[]", b"7", b'{"templates":null}', b'{"templates":[]}', b'{"templates":', b"\xff",
               b'{"templates":' + b"[" * 5000 + b"]" * 5000 + b"}"],
)  # fmt: skip
def test_what_cannot_be_read_has_no_version(stored: bytes) -> None:
    """An unknown template has no hash, and a damaged object does not stop the collector."""
    assert version_of_spec(stored) == ""


@pytest.mark.parametrize("brackets", [b"[]", b"{}"])
@pytest.mark.parametrize("place", [b'{"templates":%b}', b'{"templates":[1],"arguments":%b}'])
def test_a_spec_beyond_the_depth_limit_has_no_version_on_any_python(brackets: bytes, place: bytes) -> None:
    """The limit is ours and lies below that of every Python release; brackets in strings do not count."""

    def nested(depth: int) -> bytes:
        opening, closing = (b"[", b"]") if brackets == b"[]" else (b'{"a":', b"}")
        return place % (opening * (depth - 1) + b'"\\"[[[{{{"' + closing * (depth - 1))

    assert version_of_spec(nested(DEPTH_LIMIT)) != ""
    assert version_of_spec(nested(DEPTH_LIMIT + 1)) == ""
    assert version_of_spec(b'{"templates":["' + b"[" * 5000 + b'"]}') != ""


@given(st.recursive(st.none() | st.booleans() | st.integers(-10, 10) | st.text(), lambda inner: st.lists(inner)
                    | st.dictionaries(st.text(), inner), max_leaves=10))  # fmt: skip
def test_the_order_of_keys_is_no_other_version(value: Any) -> None:
    """An API server may send an object's keys in any order, and blanks."""

    def turned(reported: Any) -> Any:
        if isinstance(reported, dict):
            return {key: turned(reported[key]) for key in reversed(list(reported))}
        return [turned(one) for one in reported] if isinstance(reported, list) else reported

    spec = {"templates": [value, 1]}

    assert version_of_spec(json.dumps(spec).encode()) == version_of_spec(json.dumps(turned(spec), indent=1).encode())


def test_a_lone_surrogate_is_hashed_as_well() -> None:
    """Legal in JSON, and in no UTF-8."""
    assert version_of_spec(b'{"templates":["\\ud800"]}') in ("", version_of_spec(b'{"templates":["?"]}'))


def test_a_life_keeps_the_hash_it_first_saw() -> None:
    """It is taken once: what Argo stores of a workflow never changes."""
    state = lived(
        saw(0),
        saw(1, "Running", storedWorkflowTemplateSpec=STORED),
        saw(2, "Running", storedWorkflowTemplateSpec={"templates": [1]}),
    )

    assert state.template_version == version(STORED)


def test_a_label_or_an_annotation_goes_first() -> None:
    """The operator knows what a version is; it may come late."""
    rules = replace(RULES, version_label="example.com/release")
    for place in ("labels", "annotations"):
        reported: dict[str, Any] = {place: {"example.com/release": "v7"}}
        state = lived(
            saw(0, storedWorkflowTemplateSpec=STORED),
            saw(1, storedWorkflowTemplateSpec=STORED, **reported),
            rules=rules,
        )
        assert state.template_version == "v7"

    assert lived(saw(0, storedWorkflowTemplateSpec=STORED), rules=rules).template_version == version(STORED)
    assert lived(saw(0), rules=rules).template_version == ""
