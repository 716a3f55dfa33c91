"""
What a running collector consists of.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.live_view import Clock, LiveView
from collector.kube.address import ClusterAddress
from collector.measured import Measure, unmeasured
from collector.pipeline.pipeline import Pipeline
from collector.service.departments import DepartmentCosts
from collector.service.disks import Disks
from collector.service.storage import Storage
from collector.service.trace_export import TraceExport
from collector.service.watchers import Watchers
from collector.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The parts of a collector, complete before any of them starts."""

    settings: Settings
    addresses: Mapping[str, ClusterAddress]
    pipeline: Pipeline
    counters: Counters
    storage: Storage
    watchers: Watchers
    disks: Disks
    departments: DepartmentCosts
    stop: asyncio.Event
    """Set to end the collector."""
    trace_export: TraceExport | None = None
    """None: the settings name no receiver."""
    measure: Measure = unmeasured
    """Makes spans of the collector's own work, if the settings ask for them."""

    def view(self) -> LiveView:
        """The present state of everything."""
        view = self.pipeline.view(now_ms(), self.watchers.health(), self.storage.health())
        return msgspec.structs.replace(
            view,
            clocks=self.clocks(),
            credentials=self.watchers.credentials(),
            departments=self.departments.costs(),
            disks=self.disks.use(),
        )

    def clocks(self) -> list[Clock]:
        """The skew of other clocks, where it is known."""
        return [*self.watchers.clocks(), *self.storage.clocks()]
