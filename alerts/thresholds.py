"""
The numbers of thresholds.yaml as typed values; an unknown name is an error.

No number has a default here: an operator can only tune a number that is in the file.
"""

from pathlib import Path

import msgspec

from alerts.collector_health import CollectorThresholds
from alerts.controller import ControllerThresholds
from alerts.durability import DurabilityThresholds
from alerts.numbers import Links
from alerts.queue import QueueThresholds

FILE = Path(__file__).parent / "thresholds.yaml"


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every number that an operator tunes."""

    links: Links
    queue: QueueThresholds
    controller: ControllerThresholds
    collector: CollectorThresholds
    durability: DurabilityThresholds


def load(path: Path = FILE) -> Thresholds:
    """Reads the thresholds of a file; an error names the file and the place in it."""
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=Thresholds)
    except msgspec.ValidationError as error:
        raise SystemExit(f"{path}: {error}") from error
