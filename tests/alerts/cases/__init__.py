"""
Cases by topic: for each alert at least one incident, and what looks like it and is none.
"""

from tests.alerts.cases import (
    burn_rates,
    controller,
    controller_load,
    cost,
    cron,
    itself,
    limits,
    outcomes,
    pods,
    queue,
    stores,
    twins,
    watches,
)
from tests.promtool.cases import Case

ALL: tuple[Case, ...] = (
    *burn_rates.CASES,
    *controller.CASES,
    *controller_load.CASES,
    *cost.CASES,
    *cron.CASES,
    *itself.CASES,
    *limits.CASES,
    *outcomes.CASES,
    *pods.CASES,
    *queue.CASES,
    *stores.CASES,
    *twins.CASES,
    *watches.CASES,
)
