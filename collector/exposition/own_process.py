"""
Memory, CPU time, open files and garbage collections of the collector's own process, as prometheus-client reads them.
"""

from collections.abc import Iterable

from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from collector.exposition.gauges import Series


def readers() -> tuple[Collector, ...]:
    """What reads them; on a system without /proc there is less."""
    return ProcessCollector(registry=None), GCCollector(CollectorRegistry())


def read(sources: Iterable[Collector]) -> dict[str, Series]:
    """The samples of now, by the name of the metric."""
    found: dict[str, Series] = {}
    for source in sources:
        for family in source.collect():
            for sample in family.samples:
                found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found
