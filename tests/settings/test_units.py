"""The units that workflows make, in the settings file."""

import pytest

from collector.settings.derived import rules_of
from collector.settings.load import parse_settings
from collector.settings.model import ClusterSettings, SettingsError


@pytest.mark.parametrize(
    ("written", "units"),
    [
        (
            "[{name: km, workflow_annotation: sim/km}, {name: f, workflow_annotation: a/b}]",
            {"km": "sim/km", "f": "a/b"},
        ),
        ("example.com/frames", {"units": "example.com/frames"}),
        ("''", {}),
        ("[]", {}),
    ],
)
def test_units_are_a_list_of_names_or_one_annotation(written: str, units: dict[str, str]) -> None:
    """An annotation alone is how earlier releases had it; its unit has the name `units`."""
    settings = parse_settings(f"attribution: {{units: {written}}}".encode(), "lynceus.yaml")

    assert rules_of(settings, ClusterSettings(name="c1")).units == units


@pytest.mark.parametrize(
    ("written", "place", "problem"),
    [
        ("[{name: km}]", "[0]", "missing required field `workflow_annotation`"),
        ("[{nam: km}]", "[0].nam", "did you mean `name`?"),
        ("[{name: a b, workflow_annotation: c}]", "[0].name", "invalid name 'a b'"),
        ("[{name: a, workflow_annotation: ''}]", "[0].workflow_annotation", "is empty"),
        ("[{name: a, workflow_annotation: b}, {name: a, workflow_annotation: c}]", "[1].name", "a is there twice"),
    ],
)
def test_a_unit_that_cannot_be_meant_is_refused(written: str, place: str, problem: str) -> None:
    """The error names the place in the file."""
    with pytest.raises(SettingsError) as error:
        parse_settings(f"attribution: {{units: {written}}}".encode(), "lynceus.yaml")

    assert f"attribution.units{place}: " in str(error.value)
    assert problem in str(error.value)
