"""
Grafana dashboards, made from the catalogue by code and checked in under generated/.

Imports nothing of the collector but its catalogue, and the words of core that the catalogue speaks in.
"""

from collections.abc import Callable

from dashboards import collector_health, fleet
from dashboards.panels import Json

ALL: dict[str, Callable[[], Json]] = {"fleet": fleet.build, "itself": collector_health.build}
"""File name under generated/, and what makes it."""
