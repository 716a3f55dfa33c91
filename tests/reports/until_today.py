"""
Forty-five days until today of two departments, and one run of each today that cost far more than usual.

Commands and messages know no other time than now, so that what they read must be of today.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from collector.core.facts.bills import PodCost
from tests.reports.test_anomalies import a_run

TODAY = datetime.now(UTC).date()
MONTH = TODAY.replace(day=1)
SIM: dict[str, Any] = {"department": "sim", "namespace": "sim-runs", "template": "sim-drive"}


def until_today() -> Iterator[PodCost]:
    """Five runs a day of maps and of sim, of some 10 USD each; today `nightly-90` of maps, and `sim-drive-91` of sim."""
    rng = Random(1)
    for back in range(45):
        day = TODAY - timedelta(back)
        for number in range(5):
            yield a_run(number, day, rng.randrange(95, 106))
            named = {"workflow_uid": f"s-{day}-{number}", "workflow_name": f"sim-drive-{number}"}
            yield a_run(10 + number, day, rng.randrange(95, 106), **SIM, **named)
    yield a_run(90, TODAY, 600, workflow_uid="w-dear")
    yield a_run(91, TODAY, 900, **SIM, workflow_uid="s-dear", workflow_name="sim-drive-91")
