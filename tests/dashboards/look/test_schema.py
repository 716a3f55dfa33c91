"""Grafana 11, 12 and 13 read the dashboards as they are: checked against the types of their own schema."""

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.look.generated import dashboards
from tests.dashboards.look.schema import VERSIONS, complaints

pytestmark = pytest.mark.live


@pytest.mark.parametrize("version", VERSIONS)
def test_dashboards_have_the_types_of_each_version(version: str, tmp_path: Path) -> None:
    """Nothing is of a type, an enum or a shape that a version would migrate or drop."""
    assert complaints(version, dashboards(), tmp_path) == []


WRONG: dict[str, dict[str, Any]] = {
    "enum": {"options": {"graphMode": "curve"}},
    "list": {"options": {"reduceOptions": {"calcs": "lastNotNull"}}},
    "place": {"gridPos": {"x": 0, "y": 0, "w": "12", "h": 4}},
    "unit": {"fieldConfig": {"defaults": {"unit": 7}, "overrides": []}},
    "override": {"fieldConfig": {"defaults": {}, "overrides": [{"matcher": {"id": 1}, "properties": []}]}},
    "another kind's option": {"options": {"legend": {"showLegend": True}}},
}


def test_a_wrong_panel_is_found(tmp_path: Path) -> None:
    """The check can fail, names each panel, and leaves a right one alone."""
    board = dashboards()["fleet"]
    stat = next(panel for panel in board["panels"] if panel["type"] == "stat")
    panels = [copy.deepcopy(stat) | {"title": title} | changes for title, changes in WRONG.items()]
    found = complaints(VERSIONS[-1], {"fleet": {**board, "panels": [*panels, stat]}}, tmp_path)

    assert {line.split(", ")[1].split(":")[0] for line in found} == set(WRONG)
