"""
Prometheus alerts, built from the catalogue and checked in under generated/.

Imports nothing of the collector but its catalogue. Numbers are in thresholds.yaml, remedies in runbooks/.
"""

from collections.abc import Callable

from alerts import collector_health, controller, durability, queue
from alerts.rules import Group
from alerts.thresholds import Thresholds

ALL: dict[str, Callable[[Thresholds], Group]] = {
    "queue": lambda thresholds: queue.build(thresholds.queue),
    "controller": lambda thresholds: controller.build(thresholds.controller),
    "collector-health": lambda thresholds: collector_health.build(thresholds.collector),
    "durability": lambda thresholds: durability.build(thresholds.durability),
}
"""File name under generated/, and the function that builds its group."""
