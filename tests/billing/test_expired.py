"""A month whose evidence may be gone is not priced again."""

from datetime import date

import pytest

from collector.billing.commands import refuse_expired
from collector.connect import ExternalError
from collector.core.cost.billing_days import day_of

MONTH = day_of(date(2025, 9, 1))
KEPT = {"pod_run": 400, "workflow_run": 0}


def test_a_month_is_refused_from_the_day_its_first_rows_may_be_gone() -> None:
    """Pods of the month before count in it, too; the store drops their part when its last row is old enough."""
    refuse_expired(KEPT, [MONTH], MONTH + 399)
    with pytest.raises(ExternalError, match=r"2025-09 cannot be priced again: retention\.pod_run is 400d"):
        refuse_expired(KEPT, [MONTH], MONTH + 400)


def test_what_is_kept_for_ever_is_never_refused() -> None:
    """As it is where the settings say nothing."""
    refuse_expired({"pod_run": 0, "workflow_run": 0}, [0], MONTH)
