"""
Prometheus alerts, built from the catalogue and checked in under generated/.

Imports nothing of the collector but its catalogue. Numbers are in thresholds.yaml, remedies in runbooks/.
"""

from collections.abc import Callable

from alerts import collector_health, controller, durability, queue
from alerts.rules import Group
from alerts.thresholds import Thresholds

ALL: dict[str, Callable[[Thresholds], Group]] = {
    "queue": queue.build,
    "controller": controller.build,
    "collector-health": collector_health.build,
    "durability": durability.build,
}
"""File name under generated/, and the function that builds its group."""
