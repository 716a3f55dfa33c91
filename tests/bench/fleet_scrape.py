"""
What a scraper of a running collector sees: counts of each scrape, the event loop's histogram, and lags against a truth log.
"""

import bisect
import contextlib
import http.client
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from collector.catalog import metrics

EVERY_S = 0.25
"""Between two scrapes of a few families, whose CPU is in the collector's."""
WHOLE_EVERY_S = 15
"""Between two scrapes of all families, as by a Prometheus."""
_SAMPLE = re.compile(rb"^(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(rb'(\w+)="([^"]*)"')


class Scrape(NamedTuple):
    """What one answer of /metrics held, of what is measured here."""

    at: float = 0
    """Wall clock at which the answer was read."""
    up: int = 0
    finished: dict[str, int] = {}  # noqa: RUF012 - never changed
    """Finished workflows by cluster."""
    observed: int = 0
    """Objects observed."""
    loop: dict[float, int] = {}  # noqa: RUF012
    """The event loop's histogram: passes up to a bound."""


def read(body: bytes, at: float, histogram: str) -> Scrape:
    """The figures in one answer."""
    up, observed, finished, loop = 0, 0, dict[str, int](), dict[float, int]()
    wanted = (b"lynceus_workflows_finished_total", b"lynceus_cluster_up", b"lynceus_watch_events", histogram.encode())
    for line in body.splitlines():
        if not line.startswith(wanted) or (found := _SAMPLE.match(line)) is None:
            continue
        name, labels = found[1].decode(), {k.decode(): v.decode() for k, v in _LABEL.findall(found[2] or b"")}
        value = float(found[3])
        if name == metrics.FINISHED.name:
            finished[labels["cluster"]] = finished.get(labels["cluster"], 0) + int(value)
        elif name == metrics.CLUSTER_UP.name:
            up += int(value)
        elif name == metrics.WATCH_EVENTS.name and labels["kind"] in ("workflows", "pods"):
            observed += int(value)
        elif name == f"{histogram}_bucket":
            loop[float(labels["le"])] = int(value)
    return Scrape(at, up, finished, observed=observed, loop=loop)


class Scraper(threading.Thread):
    """Scrapes on one connection until `ending` is set."""

    def __init__(self, listen: str, histogram: str, every_s: float) -> None:
        super().__init__(daemon=True)
        self._listen, self._histogram, self._every_s = listen, histogram, every_s
        self.scrapes: list[Scrape] = []
        self.whole_bytes = 0
        """Size of the last scrape of all families."""
        self.ending = threading.Event()

    def run(self) -> None:
        """Scrape."""
        names = (metrics.FINISHED.name, metrics.CLUSTER_UP.name, metrics.WATCH_EVENTS.name, self._histogram)
        few, whole_at = "&".join(f"name[]={name}" for name in names), 0.0
        with contextlib.closing(http.client.HTTPConnection(self._listen, timeout=30)) as connection:
            while not self.ending.wait(self._every_s):
                whole = time.monotonic() >= whole_at
                try:
                    connection.request("GET", "/metrics" if whole else f"/metrics?{few}")
                    answer = connection.getresponse()
                    body = answer.read()
                except (OSError, http.client.HTTPException):
                    connection.close()
                    continue
                if answer.status == 200:
                    self.scrapes.append(read(body, time.time(), self._histogram))
                    if whole:
                        self.whole_bytes, whole_at = len(body), time.monotonic() + WHOLE_EVERY_S

    @property
    def last(self) -> Scrape:
        """The newest scrape; an empty one before the first."""
        return self.scrapes[-1] if self.scrapes else Scrape()


@contextlib.contextmanager
def scraping(listen: str, histogram: str, every_s: float) -> Iterator[Scraper]:
    """A scraper, for as long as the block lasts."""
    scraper = Scraper(listen, histogram, every_s)
    scraper.start()
    try:
        yield scraper
    finally:
        scraper.ending.set()
        scraper.join()


def lags_s(scrapes: Sequence[Scrape], ends: Mapping[str, Sequence[float]], begun: Scrape) -> dict[str, list[float]]:
    """
    By cluster: from the sending of each end of a workflow to the first scrape whose counter includes it.

    The n-th end of a cluster is in a scrape that counts n more than before the first. Ends that no scrape includes have none.
    """
    lags: dict[str, list[float]] = {}
    for cluster, sent in ends.items():
        before = begun.finished.get(cluster, 0)
        counts = [scrape.finished.get(cluster, 0) - before for scrape in scrapes]
        seen = (bisect.bisect_left(counts, number) for number in range(1, len(sent) + 1))
        lags[cluster] = [scrapes[at].at - when for at, when in zip(seen, sent, strict=True) if at < len(scrapes)]
    return lags


def quantile(values: Sequence[float], q: float) -> float:
    """A quantile by nearest rank; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0


def p99_of_parts(
    ends: Mapping[str, Sequence[float]], lags: Mapping[str, Sequence[float]], marks: Sequence[float], faulty: str
) -> dict[str, float]:
    """The p99 of the lags of the clusters without the fault, before, during and after it; `marks` bound the three parts."""
    pairs = [pair for name in ends if name != faulty for pair in zip(ends[name], lags[name], strict=False)]
    parts = zip(("before", "during", "after"), pairwise(marks), strict=True)
    return {part: quantile([lag for at, lag in pairs if first <= at < last], 0.99) for part, (first, last) in parts}


def holds(begun: Scrape, ended: Scrape) -> dict[str, float]:
    """Of the passes of the loop between two scrapes: bounds of the p99 and of the longest, and how many took over 20 ms."""
    grown = {bound: count - begun.loop.get(bound, 0) for bound, count in sorted(ended.loop.items())}
    total = max(grown.values(), default=0)

    def bound(rank: float) -> float:
        return next((le for le, count in grown.items() if count >= rank), float("inf"))

    within = max((count for le, count in grown.items() if le <= 0.02), default=0)
    return {"p99_s": bound(0.99 * total), "longest_s": bound(total), "over_20_ms": total - within, "passes": total}
