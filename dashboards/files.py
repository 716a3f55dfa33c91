"""
The files of dashboards/generated: one JSON file a dashboard, and the kustomization that carries them.

`make generate` writes them; nothing under generated/ is edited by hand.
"""

from alerts.thresholds import load
from dashboards.boards import BOARDS
from dashboards.delivery import Form, delivered
from dashboards.grafana import as_json
from dashboards.inputs import Inputs


def files(inputs: Inputs | None = None, form: Form = "files") -> dict[str, str]:
    """Every generated file by its name; the numbers are those of alerts/thresholds unless others are given."""
    given = inputs or Inputs(alerts=load().alerts)
    return delivered({name: as_json(build(given)) for name, build in BOARDS.items()}, form)
