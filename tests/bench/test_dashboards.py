"""The rows that dashboards are timed on are consistent, and every statement meets some. Nothing is timed here."""

from tests.bench import dashboards
from tests.bench.queries import a_store
from tests.dashboards.shipped import shipped
from tests.dashboards.viewer import queries


def test_made_rows_belong_together_and_every_statement_runs() -> None:
    """Pods, steps and charges of one workflow know it; the rollups hold them."""
    boards = shipped()
    with a_store() as bench:
        dashboards.fill(bench, 2000, 1)
        runs = "SELECT uid FROM lynceus.workflow_run"
        counted = bench.query(
            "SELECT (SELECT count() FROM lynceus.workflow_run), "
            f"(SELECT countIf(workflow_uid IN ({runs})) FROM lynceus.step_run), "
            f"(SELECT countIf(workflow_uid IN ({runs})) FROM lynceus.pod_run), "
            f"(SELECT countIf(workflow_uid IN ({runs})) FROM lynceus.cost_current), "
            "(SELECT sum(pods) FROM lynceus.cost_daily), (SELECT sum(runs) FROM lynceus.workflow_hourly), "
            "(SELECT count() FROM lynceus.workflow_live)", {},
        )  # fmt: skip
        found = dashboards.measure(bench, boards, ["28 days"])

    assert counted == [(100, 2000, 2000, 2000, 2000, 100, 20)]
    assert len(found) == len(queries(boards, "sql"))
