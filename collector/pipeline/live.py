"""
The live view: the present state of all clusters, for the page, the API and the metrics.
"""

from collections.abc import Container, Iterable, Mapping

from collector.core.argo import controller_health
from collector.core.cluster import run_rate
from collector.core.cluster.state import Cluster
from collector.core.facts.watches import WatchGap
from collector.core.live_view import ClusterHealth, HourlyCost, LiveView, PriceBook, StoreHealth, WatchHealth
from collector.core.model import Instant
from collector.core.pod.phases import Phase, phases
from collector.core.queue import slots
from collector.core.rules import Rules
from collector.core.slices import Slices
from collector.core.units import HOUR_MS
from collector.core.workflow import stuck
from collector.pipeline.identity import Identities
from collector.prices.freshness import price_books
from collector.prices.lookup import Books


class LivePicture:
    """Assembles the live view. Run rates, stuck workflows and pods are counted by a timer, as they cost more than a look."""

    def __init__(self, books: Books, stuck_after_ms: int) -> None:
        self._books, self._price_books = books, (-1, list[PriceBook]())
        self._stuck_after_ms = stuck_after_ms
        self._run_rates: dict[str, run_rate.RunRate] = {}
        self._hourly_costs: dict[str, list[HourlyCost]] = {}
        self._stuck: dict[str, stuck.StuckWorkflows] = {}
        self._pods: dict[str, dict[tuple[str, Phase], int]] = {}
        self._gaps: dict[tuple[str, str], WatchGap] = {}
        """The last gap of each cluster and kind."""

    def add_cluster(self, name: str, rules: Rules) -> None:
        """Begins to show a cluster."""
        self._run_rates[name] = run_rate.RunRate(name, self._books, rules.product)

    def forget_cluster(self, name: str) -> None:
        """Shows nothing of a cluster any more."""
        for shown in (self._run_rates, self._hourly_costs, self._stuck, self._pods):
            shown.pop(name, None)
        self._gaps = {key: gap for key, gap in self._gaps.items() if key[0] != name}

    def record_gap(self, gap: WatchGap) -> None:
        """Shows a gap until the next one of the same cluster and kind."""
        self._gaps[gap.cluster, gap.kind] = gap

    def tick(self, cluster: Cluster, now: Instant) -> Slices[None]:
        """Computes a cluster's run rate, its stuck workflows and its numbers of pods; until the end the last ones are shown."""
        name, pods = cluster.name, [*cluster.pods.values()]
        self._hourly_costs[name] = yield from self._run_rates[name].now(pods, now)
        workflows = [*cluster.workflows.values()]
        self._stuck[name] = yield from stuck.stuck(name, workflows, now, self._stuck_after_ms)
        self._pods[name] = yield from phases(pods)

    def view(
        self,
        clusters: Iterable[Cluster],
        identities: Identities,
        *,
        now: Instant,
        watches: Mapping[str, list[WatchHealth]],
        store: StoreHealth,
        hidden: Container[str] = (),
    ) -> LiveView:
        """The state at this instant; of a refused cluster only its health, and of a hidden one, whose state is incomplete."""
        view = LiveView(now, [], [], store, books=self._ages(now // HOUR_MS))
        for cluster in clusters:
            reason = identities.refused.get(cluster.name)
            if reason is not None:
                view.clusters.append(
                    ClusterHealth(cluster.name, False, reason, [], refused=True)
                )  # its watches are closed
            else:
                view.clusters.append(self._health(cluster.name, watches.get(cluster.name, [])))
                if cluster.name not in hidden:
                    self._add(view, cluster, now)
        return view

    def _add(self, view: LiveView, cluster: Cluster, now: Instant) -> None:
        name, waiting = cluster.name, cluster.waiting()
        view.queues.extend(waiting)
        view.flows.extend(cluster.flows.flow(name, waiting, now))
        view.managed.extend(cluster.admissions.queues(name))
        view.slots.extend(slots.slots(name, waiting, cluster.settings, cluster.namespaces))
        view.locks.extend(cluster.locks())
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
