"""
The bench measures like with like. Nothing is timed here: a figure on a busy machine proves nothing.
"""

import pytest

from tests.bench import clients
from tests.bench.measure import Figures

LIVES, LISTED = 100, 700


@pytest.fixture(scope="module")
def figures() -> dict[str, Figures]:
    """What each Python client saw of one server's 500 events."""
    cases = (clients.KUBERNETES, clients.REFLECTOR, clients.PIPELINE)
    with clients.serving("workflows", objects=LIVES) as server:
        return {case: clients.run(case, server, "workflows") for case in cases}


def test_all_clients_see_the_same_events(figures: dict[str, Figures]) -> None:
    """Ratios mean something only if every client took every event, up to the same version."""
    assert {(f.events, f.last_version) for f in figures.values()} == {(5 * LIVES, "1000500")}


def test_the_pipeline_stores_what_it_saw(figures: dict[str, Figures]) -> None:
    """Each life ended, so the store has a run and a live row of each, and the position behind them."""
    assert figures[clients.PIPELINE].rows > 2 * LIVES


def test_a_list_is_taken_whole() -> None:
    """All pages count, the last and shorter one too, and what is kept is more than nothing."""
    with clients.serving("workflows", listed=LISTED) as server:
        figures = clients.run(clients.LIST, server, "workflows")

    assert figures.events == LISTED
    assert figures.kept_bytes > 0
