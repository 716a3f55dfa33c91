"""What the page of one template must not get wrong, beyond what every panel must not."""

import re

from collector.core.model import REASONS
from dashboards import template_sql


def test_where_the_time_goes_is_made_of_reasons_and_running_only() -> None:
    """Latencies and delays end in _ms too, and would be counted twice."""
    averaged = re.findall(r"avg\((\w+)_ms\)", template_sql.TIMES)

    assert averaged == list(REASONS)
    assert "running" in averaged


def test_both_weeks_end_with_the_chosen_time() -> None:
    """Last month, when last month is looked at; and each as long as the other."""
    assert "now()" not in template_sql.WEEKS
    assert re.findall(r"finished_at >= \$__toTime - INTERVAL (\d+) DAY", template_sql.WEEKS) == ["7", "14"]


def test_steps_are_found_by_the_key_of_their_table() -> None:
    """Its index spares all rows but those of the runs; a uid alone would be looked for in every part of months."""
    assert "(cluster, namespace, workflow_created_at, workflow_uid) IN (" in template_sql.STEPS


def test_a_new_template_can_be_chosen_before_the_rollup_has_it() -> None:
    """The rollup is built now and then; a template of today is among the rows."""
    assert "lynceus.workflow_run" in template_sql.TEMPLATES
    assert template_sql.TEMPLATES.endswith("ORDER BY sum(weight) DESC, template\nLIMIT 1000")
