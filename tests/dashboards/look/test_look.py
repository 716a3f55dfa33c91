"""The dashboards on a demo: every panel is drawn, nothing is cut, and their figures are those of the reports."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.look.drawing import Renderer, Wish, rendering
from tests.dashboards.look.figures import COMPARED, reported
from tests.dashboards.look.generated import dashboards, files
from tests.dashboards.look.judge import problems
from tests.dashboards.look.sources import SCRAPE_S, Fleet, examples, fleet, ran

pytestmark = pytest.mark.live
Json = dict[str, Any]

RAN_S = 90
PERIODS = ("now-15m", "now-24h", "now-7d")
COMPARISONS = 3
"""A charge that accrues may be a second too long until the pod's end is seen: a wrong figure is wrong each time."""
LOOKS = [*((period, "dark") for period in PERIODS), (PERIODS[0], "light")]


def stored(running: Fleet) -> bool:
    """Whether the store has runs of every outcome and their cost, so that no panel waits for its first row."""
    runs = "SELECT countIf(outcome = 'succeeded') > 50 AND uniq(outcome) > 2 FROM lynceus.workflow_run FINAL"
    costs = "SELECT count() > 50 FROM lynceus.cost_current WHERE cost > 0"
    return [running.rows(each) for each in (runs, costs)] == [[["1"]], [["1"]]]


def wishes(running: Fleet) -> Iterator[Wish]:
    """Every dashboard for every period; of one workflow and one template that have something to show."""
    example = examples(running.sources)
    for file in files():
        chosen = example.get(file.stem, {})
        for since, theme in LOOKS:
            yield Wish(file=file, since=since, theme=theme, scrape_s=SCRAPE_S, opened=True, variables=chosen)


def wrong_figures(renderer: Renderer, running: Fleet, day: date) -> Iterator[str]:
    """What is drawn of a day against the reports of it, asked before and after: the demo goes on."""
    since, until = day.isoformat(), (day + timedelta(days=1)).isoformat()
    before = reported(running, since, until)
    pictures = [
        renderer.draw(Wish(file=file, since=f"{since}T00:00:00Z", until=f"{since}T23:59:59Z", scrape_s=SCRAPE_S))
        for file in files()
        if file.stem in COMPARED
    ]
    after = reported(running, since, until)
    for seen, compare in zip(pictures, (COMPARED[file.stem] for file in files() if file.stem in COMPARED), strict=True):
        yield from compare(seen, before, after)


def persistent(compare: Callable[[], list[str]]) -> list[str]:
    """What the last of several comparisons finds wrong; nothing as soon as one finds nothing."""
    found: list[str] = []
    for _ in range(COMPARISONS):
        found = compare()
        if not found:
            break
    return found


@pytest.mark.timeout(900)
def test_dashboards_are_drawn_whole_and_their_figures_are_those_of_the_reports(tmp_path: Path) -> None:
    """
    On a demo of minutes, for 15 minutes, a day and a week.

    One test, so that one demo serves it: what is wrong is a list of lines.
    """
    variables = {
        made["uid"]: {variable["name"] for variable in made["templating"]["list"]} for made in dashboards().values()
    }
    day = datetime.now(UTC).date()
    began = time.monotonic()
    with fleet(tmp_path) as running, rendering(running.sources) as renderer:
        running.until(
            lambda: ran(running, RAN_S) and stored(running), 300, f"the demo ran for {RAN_S} s, and stored it"
        )
        scraped_s = time.monotonic() - began
        found = [line for wish in wishes(running) for line in problems(renderer.draw(wish), variables, scraped_s)]
        found += persistent(lambda: list(wrong_figures(renderer, running, day)))

    assert not found, "\n".join(found)
