"""
Every dashboard, by the name of its file.
"""

from collections.abc import Callable, Mapping

from dashboards import collector_health, controller, cost, fleet, queues, reliability, template, workflow
from dashboards.grafana import Dashboard
from dashboards.inputs import Inputs

BOARDS: Mapping[str, Callable[[Inputs], Dashboard]] = {
    "fleet": fleet.build,
    "queues": queues.build,
    "reliability": reliability.build,
    "cost": cost.build,
    "controller": controller.build,
    "workflow": workflow.build,
    "template": template.build,
    "itself": collector_health.build,
}
"""File name under generated/, and the function that builds it; in the order in which a viewer goes deeper."""
