"""
What a running collector consists of.
"""

import asyncio
from dataclasses import dataclass

import msgspec

from collector.access.audit import AuditLog
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.live_view import Clock, LiveView
from collector.core.queue.managers.queues import QueuePosition
from collector.measured import Measure, unmeasured
from collector.pipeline.pipeline import Pipeline
from collector.service.backups import Backups
from collector.service.budgets import BudgetWatch
from collector.service.copied_secrets import CopiedSecrets
from collector.service.deliveries import Deliveries
from collector.service.departments import DepartmentCosts
from collector.service.disks import Disks
from collector.service.fleet import WatchedFleet
from collector.service.live_settings import LiveSettings
from collector.service.shards import Shards
from collector.service.storage import Storage
from collector.service.store_probe import StoreProbe
from collector.service.trace_export import TraceExport
from collector.service.unusual_costs import UnusualCosts
from collector.service.visitors import Visitors
from collector.service.watchers import Watchers
from collector.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The parts of a collector, complete before any of them starts."""

    settings: Settings
    pipeline: Pipeline
    counters: Counters
    storage: Storage
    watchers: Watchers
    fleet: WatchedFleet
    shards: Shards
    live_settings: LiveSettings
    copied_secrets: CopiedSecrets
    disks: Disks
    backups: Backups
    departments: DepartmentCosts
    budgets: BudgetWatch
    deliveries: Deliveries
    unusual: UnusualCosts
    audit: AuditLog
    visitors: Visitors
    store_probe: StoreProbe
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
            budgets=self.budgets.uses(),
            deliveries=self.deliveries.health(),
            unusual=self.unusual.costs(),
            disks=self.disks.use(),
            backup=self.backups.state(),
            infos=self.fleet.infos(),
            removed=self.fleet.removed(view.at),
            source_problems=[*self.fleet.problems],
            replica=self.shards.replica(),
            settings_read=self.live_settings.read,
            audit_dropped=self.audit.dropped,
            access=msgspec.structs.replace(self.visitors.health(), leaks=tuple(self.store_probe.leaks)),
        )

    def queue_position(self, cluster: str, uid: str) -> QueuePosition | None:
        """Where a workflow stands in the queue of its manager; None: it is not held, or that is not known."""
        known = self.pipeline.clusters.get(cluster)
        return known.queue_position(uid) if known else None

    def clocks(self) -> list[Clock]:
        """The skew of other clocks, where it is known."""
        return [*self.watchers.clocks(), *self.storage.clocks()]
