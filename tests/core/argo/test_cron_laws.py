"""Cron workflows: laws that hold in any order, and a recorded one counted by hand."""

import random
from itertools import chain
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.facts.workflows import CronRun
from collector.core.messages import Observation
from collector.core.model import Instant, version_of
from collector.core.objects import kubernetes
from tests.builders import MINUTE, NOON, SECOND, decoded, iso
from tests.core.argo.crons import Watched, a_cron, newest_rows, restarted, sight
from tests.examples import examples
from tests.replay import raw_events


class Story:
    """Forty minutes of a cron workflow and its controller, with the truth of what became of each due time."""

    MINUTES = 40

    def __init__(self, chance: random.Random) -> None:
        self.crons = [sight(a_cron(), NOON, "added")]
        self.runs: list[tuple[Instant, Instant]] = []
        self.truth: dict[Instant, tuple[str, str]] = {}
        self.policy, self.last, self.active, self.off = "Forbid", NOON - 1, False, False
        for minute in range(1, self.MINUTES + 1):
            self._minute(chance, NOON + minute * MINUTE)

    def _minute(self, chance: random.Random, due_at: Instant) -> None:
        self.off ^= chance.random() < 0.1
        if self.off and self.truth.get(due_at - MINUTE) == ("missed", ""):
            self.truth[due_at - MINUTE] = ("skipped", "suspended")  # its grace was not over
        self.active = self.active and chance.random() < 0.5
        self._say(due_at - 20 * SECOND)
        if self.off:
            return
        if self.active:
            self.truth[due_at] = ("skipped", "forbid")
        elif chance.random() < 0.2:
            self.truth[due_at] = ("missed", "")
        else:
            self.truth[due_at] = ("started", "")
            self.last, self.active = due_at, True
            late = chance.choice([0, 0, 0, 25])
            self.runs.append((due_at, due_at + late * SECOND + SECOND))
            self._say(due_at + late * SECOND + 2 * SECOND)

    def _say(self, when: Instant) -> None:
        last = self.last if self.last > NOON else None
        cron = a_cron(concurrencyPolicy="Forbid", suspend=self.off, active=self.active, last=last)
        self.crons.append(sight(cron, when))

    def events(self) -> list[Observation | Instant]:
        """Its sights and the ticks of a clock, in order."""
        ticks = range(NOON, NOON + (self.MINUTES + 1) * MINUTE + 30 * SECOND, 15 * SECOND)
        timed = [(one.at, one) for one in self.crons] + [(tick, tick) for tick in ticks]
        return [one for _, one in sorted(timed, key=lambda pair: pair[0])]


def played(story: Story, chance: random.Random, bias: float, restarts: float) -> dict[Any, CronRun]:
    """The rows that stay when runs come early or late, and everything comes twice now and then."""
    world, events, runs = Watched(), story.events(), list(story.runs)
    while events or runs:
        if runs and (not events or chance.random() < bias):
            due_at, at = runs.pop(0)
            for _ in range(chance.choice([1, 1, 2])):
                world.run(due_at, at=at)
        else:
            event = events.pop(0)
            for _ in range(chance.choice([1, 1, 2])):
                world.rows += (
                    world.crons.observe(event)
                    if isinstance(event, Observation)
                    else chain.from_iterable(world.crons.tick(event))
                )
        if chance.random() < restarts:
            world.crons = restarted(world.crons)
    return newest_rows(world.rows)


@settings(max_examples=examples(30))
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.02, 0.12, 0.5, 1.0]), st.sampled_from([0.0, 0.1, 1.0]))
def test_order_repetition_and_restarts_change_no_row(seed: int, bias: float, restarts: float) -> None:
    """Each due time ends with the true outcome, in any order of observations."""
    story = Story(random.Random(seed))

    rows = played(story, random.Random(seed + 1), bias, restarts)

    assert {due_at: (row.outcome, row.reason) for (_, _, due_at), row in rows.items()} == story.truth
    assert rows == played(story, random.Random(0), 0.1, 0.0)
    assert {row.due_at: row.started_at for row in rows.values() if row.outcome == "started"} == dict(story.runs)


def test_a_recorded_cron_has_the_rows_of_its_raw_objects() -> None:
    """`every-minute` of a real controller: two due times, both started; counted on the raw JSON."""
    raw = [(e["at"], e["event"]["object"]) for e in raw_events("basics", "workflows")]
    prefix = "workflows.argoproj.io/"
    made = [
        (at, o) for at, o in raw if (o["metadata"].get("labels") or {}).get(prefix + "cron-workflow") == "every-minute"
    ]
    crons = [(e["at"], e["event"]["type"].lower(), e["event"]["object"]) for e in raw_events("basics", "cronworkflows")]
    end = max(at for at, *_ in (*raw, *crons))
    world, events = Watched(), [*((at, "run", o) for at, o in made), *crons]
    now = crons[0][0]
    for at, what, o in sorted(events, key=lambda event: event[0]):
        world.tick(at, now)
        now, meta = at, o["metadata"]
        if what == "run":
            due_at, created = meta["annotations"][prefix + "scheduled-time"], meta["creationTimestamp"]
            world.rows += world.crons.record_run(
                "ci", "every-minute", due_at, meta["name"], kubernetes.parse_time(created) or 0
            )
        else:
            cron = decoded(o, kubernetes.CronWorkflow)
            version = version_of(0, int(meta["resourceVersion"]))
            world.rows += world.crons.observe(
                Observation(
                    kind="cronworkflows", change=what, uid=meta["uid"], object=cron, version=version, at=at, live=True
                )
            )
    world.tick(end, now)

    rows = sorted(newest_rows(world.rows).values(), key=lambda row: row.due_at)
    assert [(iso(row.due_at), row.outcome, row.workflow_name) for row in rows] == [
        ("2026-11-22T13:23:00Z", "started", "every-minute-1795353780"),
        ("2026-11-22T13:24:00Z", "started", "every-minute-1795353840"),
    ]
    assert iso(world.view().last_at) == "2026-11-22T13:24:00Z"
    assert (world.view().missed, world.view().skipped, world.view().active) == (0, 0, 0)
