"""
How long each kind of work holds the event loop at full size: 20 clusters, 240,000 live workflows, 60,000 pods.

    python -m tests.bench.holds

Each kind in slices as the collector runs them; of each its longest slice counts, in CPU time of this thread, beside a walk over
all live workflows in the same run, which is what each scrape did before the counts. Labels, names and messages vary as
a fleet's do; each object goes through the real decoder.
"""

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from rich.table import Table

from collector.catalog.counters import Counters
from collector.core.cost.pricing_runs import Runs
from collector.core.facts.watches import WatchGap
from collector.core.live_view import StoreHealth
from collector.core.messages import Commit, Outcome
from collector.core.slices import Slices, freed
from collector.core.units import HOUR_MS, MINUTE_MS
from collector.pipeline.pipeline import Pipeline
from collector.prices import book
from collector.service import garbage
from collector.web.live import live_now
from tests.bench import state
from tests.bench.__main__ import about, out, say, verdict
from tests.builders import NOON
from tests.core.queue.walked import waiting_rows
from tests.replay import RULES

CLUSTERS, WORKFLOWS, PAGE = 20, 240_000, 500
HOLD_MS = 20.0
"""The target."""
NAMES = [f"cluster-{number}" for number in range(CLUSTERS)]
HEALTHY = StoreHealth(True, "", 0, 0, None)
HALF_PAST = NOON + HOUR_MS // 2

Work = Callable[["Fleet"], Slices[Any]]


@dataclass(slots=True)
class Fleet:
    """A pipeline that has seen so many workflows; one in six runs and has one or two pods."""

    workflows: int
    pipeline: Pipeline
    saved: list[tuple[str, str, str, bytes]]
    """Its states, as the spool has them."""
    commits: list[Commit] = field(default_factory=list)
    restored: Pipeline | None = None


def a_pipeline() -> Pipeline:
    """One that has seen nothing yet."""
    books = book.load(["alibaba-eci", "alibaba-acs"], Path())
    return Pipeline(dict.fromkeys(NAMES, RULES), books, UTC, Counters())


def build(workflows: int) -> Fleet:
    """Everything is seen live and committed now and then."""
    fleet = Fleet(workflows, a_pipeline(), [])
    garbage.leave_out_present()
    for kind, count in (("workflows", workflows), ("pods", workflows // 4)):
        for number in range(0, count, 200):
            for name, outcomes in page(kind, number, min(200, count - number), workflows).items():
                fleet.pipeline.take(name, outcomes)
            if number % 5000 == 0:
                _save(fleet)
    _save(fleet)
    return fleet


def _save(fleet: Fleet) -> None:
    commit = fleet.pipeline.drain(NOON)
    fleet.saved += [(c.cluster, c.kind, c.uid, c.state) for c in (commit.upserts if commit else ())]


def page(kind: Any, first: int, count: int, workflows: int) -> dict[str, list[Outcome]]:
    """Observations of so many objects by cluster: one workflow in six runs, and a pod is where its workflow is."""
    running, places = workflows // 6, range(first, first + count)
    if kind == "workflows":
        owners = [*places]
        made = (state.workflow(n if n < running else state.RUNNING + n) for n in owners)
    else:
        owners = [n % running for n in places]
        made = (state.pod(n // running * state.RUNNING + n % running) for n in places)
    found: dict[str, list[Outcome]] = {}
    for owner, one in zip(owners, state.observations(kind, made, first + 1), strict=True):
        found.setdefault(NAMES[(owner // 20) % CLUSTERS], []).append(one)
    return found


def at_once(work: Callable[[Fleet], object]) -> Work:
    """Work that is one slice."""

    def slices(fleet: Fleet) -> Slices[None]:
        yield
        work(fleet)

    return slices


def _a_page_of(kind: str) -> Work:
    def prepared(fleet: Fleet) -> Slices[None]:
        more = page(kind, 10 * fleet.workflows, PAGE, fleet.workflows)
        outcomes = [one for some in more.values() for one in some]
        return at_once(lambda fleet: fleet.pipeline.take(NAMES[0], outcomes))(fleet)

    return prepared


def _gap(fleet: Fleet) -> None:
    gap = WatchGap(
        cluster=NAMES[1], kind="workflows", from_at=NOON, to_at=HALF_PAST, version=1, cause="bench", objects_unknown=0
    )
    fleet.pipeline.take(NAMES[1], [gap])


def _restored(fleet: Fleet) -> Slices[list[str]]:
    fleet.restored = a_pipeline()
    garbage.leave_out_present()
    return fleet.restored.restore([], fleet.saved)


def _drained(fleet: Fleet) -> Slices[None]:
    yield
    commit = fleet.pipeline.drain(NOON + HOUR_MS)
    fleet.commits += [commit] if commit else []


def _freed(fleet: Fleet) -> Slices[None]:
    for commit in fleet.commits:
        for rows in (commit.facts, commit.upserts, commit.deletes):
            yield from freed(rows)


def _live(fleet: Fleet) -> object:
    view = fleet.pipeline.view(HALF_PAST, {}, HEALTHY)
    return live_now(view, fleet.pipeline.counters, None, HALF_PAST)


WORK: dict[str, Work] = {
    "restore": _restored,
    "freeing what was restored": lambda fleet: freed(fleet.saved),
    "live view": at_once(lambda fleet: fleet.pipeline.view(HALF_PAST, {}, HEALTHY)),
    "live page's answer": at_once(_live),
    "copy of the counters": at_once(lambda fleet: fleet.pipeline.counters.copy()),
    "queue samples": lambda fleet: fleet.pipeline.sample_queues(HALF_PAST, {*NAMES}),
    "tick": lambda fleet: fleet.pipeline.tick(HALF_PAST, {*NAMES}),
    "charges of an hour": lambda fleet: fleet.pipeline.accrue(NOON + HOUR_MS),
    "packing of them": lambda fleet: fleet.pipeline.pack(),
    "the drain after it": _drained,
    "freeing what was committed": _freed,
    "a new pricing run": lambda fleet: fleet.pipeline.set_pricing_runs(Runs({0: 2}), NOON + 2 * HOUR_MS),
    "a step of the clock": at_once(lambda fleet: fleet.pipeline._step_clock(MINUTE_MS)),
    "an event after the step": at_once(lambda fleet: fleet.pipeline.take(NAMES[2], [])),
    "packing after the step": lambda fleet: fleet.pipeline.pack(),
    "the drain after the step": _drained,
    "freeing what was committed then": _freed,
    "a gap of one cluster": at_once(_gap),
    "a page of workflows": _a_page_of("workflows"),
    "a page of pods": _a_page_of("pods"),
    "garbage of all generations": at_once(lambda _: gc.collect()),
}
"""In this order, since some follow from others."""

GROWING = frozenset({"an event after the step", "packing after the step", "a gap of one cluster"})
"""Work that walks over all objects of one cluster at once: rare, and a twentieth of the fleet here."""


def longest(slices: Slices[Any], clock: Callable[[], float] = time.thread_time) -> tuple[float, int]:
    """The longest of some slices by a clock, and their number."""
    most, number, before = 0.0, 1, clock()
    for _ in slices:
        most, number, before = max(most, clock() - before), number + 1, clock()
    return max(most, clock() - before), number


def reference_s(fleet: Fleet) -> float:
    """CPU seconds of a walk over all live workflows."""
    begun = time.thread_time()
    for name, cluster in fleet.pipeline.clusters.items():
        waiting_rows(name, cluster.workflows.values())
    return time.thread_time() - begun


@dataclass(frozen=True, slots=True)
class Hold:
    """The longest slice of one kind of work."""

    work: str
    ms: float
    slices: int
    of_a_walk: float
    """Its share of a walk over all live workflows."""


def measure(fleet: Fleet) -> Iterator[Hold]:
    """Every kind of work once, in turn."""
    walk_s = min(reference_s(fleet) for _ in range(3))
    yield Hold("walk over all live workflows", 1000 * walk_s, 1, 1.0)
    for name, work in WORK.items():
        seconds, slices = longest(work(fleet))
        yield Hold(name, round(1000 * seconds, 2), slices, round(seconds / walk_s, 4))


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.holds", description=__doc__)
    parser.add_argument("--workflows", type=int, default=WORKFLOWS)
    workflows = parser.parse_args().workflows
    say(about())
    with garbage.short_searches():
        show(workflows, [*measure(build(workflows))])


def show(workflows: int, holds: list[Hold]) -> None:
    """A table, then one JSON line a kind of work."""
    table = Table(title=f"{workflows:,} live workflows, {workflows // 4:,} pods", title_justify="left")
    for name in ("work", "longest hold, CPU ms", "of a walk over all", "slices"):
        table.add_column(name, justify="left" if name == "work" else "right")
    for hold in holds:
        judged = f" ({verdict(hold.ms <= HOLD_MS)})"
        table.add_row(hold.work, f"{hold.ms:.1f}{judged}", f"{hold.of_a_walk:.3f}", f"{hold.slices:,}")
    out.print(table)
    for hold in holds:
        say(asdict(hold))


if __name__ == "__main__":
    main()
