"""
The live view: the present state of all clusters, for the page, the API and the metrics.
"""

from collections.abc import Iterable, Mapping

from collector.core.argo import controller_health
from collector.core.cluster import run_rate
from collector.core.cluster.state import Cluster
from collector.core.facts.watches import WatchGap
from collector.core.live_view import ClusterHealth, HourlyCost, LiveView, PriceBook, StoreHealth, WatchHealth
from collector.core.model import Instant
from collector.core.pod.phases import Phase, phases
from collector.core.queue import locks, slots
from collector.core.rules import Rules
from collector.core.units import HOUR_MS
from collector.core.workflow import stuck
from collector.pipeline.identity import Identities
from collector.prices.freshness import price_books
from collector.prices.lookup import Books


class LivePicture:
    """Assembles the live view. Run rates, stuck workflows and pods are counted by a timer, as they cost more than a look."""

    def __init__(self, clusters: Mapping[str, Rules], books: Books, stuck_after_ms: int) -> None:
        self._books, self._price_books = books, (-1, list[PriceBook]())
        self._stuck_after_ms = stuck_after_ms
        self._run_rates = {name: run_rate.RunRate(name, books, rules.product) for name, rules in clusters.items()}
        self._hourly_costs: dict[str, list[HourlyCost]] = {}
        self._stuck: dict[str, stuck.StuckWorkflows] = {}
        self._pods: dict[str, dict[tuple[str, Phase], int]] = {}
        self._gaps: dict[tuple[str, str], WatchGap] = {}
        """The last gap of each cluster and kind."""

    def record_gap(self, gap: WatchGap) -> None:
        """Shows a gap until the next one of the same cluster and kind."""
        self._gaps[gap.cluster, gap.kind] = gap

    def tick(self, cluster: Cluster, now: Instant) -> None:
        """Computes a cluster's run rate, its stuck workflows and its numbers of pods."""
        name = cluster.name
        self._hourly_costs[name] = self._run_rates[name].now(cluster.pods.values(), now)
        self._stuck[name] = stuck.stuck(name, cluster.workflows.values(), now, self._stuck_after_ms)
        self._pods[name] = phases(cluster.pods.values())

    def view(
        self,
        clusters: Iterable[Cluster],
        identities: Identities,
        *,
        now: Instant,
        watches: Mapping[str, list[WatchHealth]],
        store: StoreHealth,
    ) -> LiveView:
        """The state at this instant; of a refused cluster only its health."""
        view = LiveView(now, [], [], store, books=self._ages(now // HOUR_MS))
        for cluster in clusters:
            reason = identities.refused.get(cluster.name)
            if reason is not None:
                view.clusters.append(ClusterHealth(cluster.name, False, reason, []))  # its watches are closed
            else:
                view.clusters.append(self._health(cluster.name, watches.get(cluster.name, [])))
                self._add(view, cluster, now)
        return view

    def _add(self, view: LiveView, cluster: Cluster, now: Instant) -> None:
        name, waiting = cluster.name, cluster.waiting()
        view.queues.extend(waiting)
        view.flows.extend(cluster.flows.flow(name, waiting, now))
        view.slots.extend(slots.slots(name, waiting, cluster.settings, cluster.namespaces))
        view.locks.extend(locks.locks(name, cluster.locks.users.values(), cluster.locks.limits))
        view.crons.extend(cluster.crons.view())
        view.controllers.extend(controller_health.health(cluster.controllers, name, now))
        view.leases.extend(controller_health.leases(cluster.controllers, name, now))
        view.burning.extend(self._hourly_costs.get(name, ()))
        view.pods.update({(name, *key): number for key, number in self._pods.get(name, {}).items()})
        if (found := self._stuck.get(name)) is not None:
            view.stuck.extend(found.oldest)
            view.stuck_counts.update({(name, *key): number for key, number in found.counts.items()})

    def _ages(self, hour: int) -> list[PriceBook]:
        """The ages of the price books, read off all their rows once an hour."""
        if self._price_books[0] != hour:
            self._price_books = hour, price_books(self._books, hour * HOUR_MS)
        return self._price_books[1]

    def _health(self, name: str, watches: list[WatchHealth]) -> ClusterHealth:
        late = [f"{w.kind}: {w.detail or w.state}" for w in watches if w.needed and (not w.synced or w.detail)]
        detail = "; ".join(late) or ("" if watches else "not started")
        gaps = [gap for (cluster, _), gap in self._gaps.items() if cluster == name]
        return ClusterHealth(name, not detail, detail, watches, gaps)
