"""
Grafana dashboards, built from the catalogue and checked in under generated/.

Imports nothing of the collector but its catalogue, and core's names that the catalogue uses.
"""

from collections.abc import Callable

from dashboards import collector_health, fleet
from dashboards.panels import Json

ALL: dict[str, Callable[[], Json]] = {"fleet": fleet.build, "itself": collector_health.build}
"""File name under generated/, and the function that builds it."""
