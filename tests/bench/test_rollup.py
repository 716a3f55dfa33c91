"""The day that rounds are timed on is a day, and the rollup is exact after each round. Nothing is timed here."""

from collector.catalog.rollups import ROLLUPS
from collector.store.rollup import roll_up
from tests.bench import rollup
from tests.bench.queries import a_store


def test_a_round_leaves_what_the_charges_sum_to() -> None:
    """The newest of more than two versions of each pod counts; each round rebuilds the day."""
    with a_store() as bench:
        assert 2.1 * 3000 < rollup.fill(bench, 3000) < 2.3 * 3000
        kept = bench.query("SELECT count(), uniqExact(pod_uid), min(cost) > 0 FROM lynceus.cost_current", {})
        found = rollup.a_round(bench, rollup.the_terms(), 1)
        after = rollup.differences(bench)
        for table in ROLLUPS:
            roll_up(bench.writer, table)
        rebuilt = rollup.differences(bench)

    assert kept == [(3000, 3000, True)]
    assert after > 0  # charges that arrived after the rollup
    assert rebuilt == 0
    assert found.wall_s > 0


def test_the_share_is_of_the_time_with_the_pause() -> None:
    """A round of 10 s is followed by 190 s, a short one by a minute."""
    long, short = rollup.Round(6, 4, 10), rollup.Round(0.1, 0.2, 0.3)

    assert (long.pause_s, long.share) == (190, 0.05)
    assert short.pause_s == 60
    assert 0.004 < short.share < 0.005
