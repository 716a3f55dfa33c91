"""
The dashboards as they are shipped: with the numbers of alerts/thresholds.
"""

from typing import Any

from alerts.thresholds import load
from dashboards.boards import BOARDS
from dashboards.grafana import as_json
from dashboards.inputs import Inputs

Json = dict[str, Any]


def shipped() -> dict[str, Json]:
    """Every dashboard, by the name of its file."""
    return {name: as_json(build(Inputs(alerts=load().alerts))) for name, build in BOARDS.items()}
