"""The rows that questions are timed on are what the bench says they are. Nothing is timed here."""

from tests.bench import queries
from tests.bench.queries import BEGIN, BUSY, COST, DAYS, POD


def test_made_rows_are_like_real_ones() -> None:
    """Pods of one uid each in both tables, workflows of 20, all days, money in all; rewritten rows count once."""
    with queries.a_store() as bench:
        bench.fill(COST, BEGIN, DAYS, 2000, 1)
        bench.fill(POD, BEGIN, DAYS, 2000, 1)
        bench.writer.command(queries.again())
        made = bench.query(
            "SELECT count(), uniqExact(pod_uid), uniqExact(workflow_uid), uniqExact(day), countIf(cost > cost_pending), "
            "countIf(pod_uid IN (SELECT uid FROM lynceus.pod_run)) FROM lynceus.cost_current", {},
        )  # fmt: skip
        rows = bench.query("SELECT count() FROM lynceus.pod_cost", {})
        bench.fill(COST, BUSY, 1, 2000, 1)
        busy = bench.query("SELECT count() FROM lynceus.cost_current WHERE day = {day:Date}", {"day": BUSY})

    assert made == [(2000, 2000, 100, DAYS, 2000, 2000)]
    assert rows == [(2100,)]
    assert busy == [(2000,)]
