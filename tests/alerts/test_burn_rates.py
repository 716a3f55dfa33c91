"""Error budgets: what is refused, what is recorded, and how the pairs of windows are derived."""

from pathlib import Path

import pytest

from alerts import build, burn_rates
from alerts.rules import Recording
from alerts.thresholds import ThresholdError, load
from collector.catalog import metrics as catalog


@pytest.mark.parametrize(("alert", "highest"), [("queue_latency_budget_burn", 93), ("platform_error_budget_burn", 90)])
def test_an_objective_that_no_burn_rate_can_break_is_refused(alert: str, highest: int) -> None:
    """14.4 times 10 % is more than all workflows: the page could never fire, and silence would look like health."""
    with pytest.raises(ThresholdError, match=r"which never occurs; the objective must be above 93\.06 %"):
        build(load(values={f"{alert}.objective": str(highest)}))


def test_a_queue_may_have_an_objective_of_its_own_but_none_that_cannot_be_broken(tmp_path: Path) -> None:
    """Overrides are held to the same rule."""
    own = tmp_path / "own.yaml"
    text = "alerts: {queue_latency_budget_burn: {objective: {overrides: [{queue: night, value: %s, reason: r}]}}}"
    own.write_text(text % 94, encoding="utf-8")
    expressions = [alert.expr for group in build(load(own))["burn-rates"] for alert in group.alerts]
    assert sum('queue="night"} > 0.864' in expr for expr in expressions) == 1

    own.write_text(text % 80, encoding="utf-8")
    with pytest.raises(ThresholdError, match="QueueLatencyBudgetBurn: with an objective of 80 %"):
        build(load(own))


def test_a_bound_that_is_no_bucket_is_refused() -> None:
    """A label `le` that is never exposed selects nothing, and nothing would ever be late."""
    with pytest.raises(ThresholdError, match=r"250 s is not a bucket of lynceus_queue_latency_seconds.* 300"):
        build(load(values={"queue_latency_budget_burn.bound": "250"}))


def test_a_bound_of_a_single_queue_is_refused(tmp_path: Path) -> None:
    """One recording serves all queues, so an override would change the words and nothing else."""
    own = tmp_path / "own.yaml"
    own.write_text(
        "alerts: {queue_latency_budget_burn: {bound: {overrides: [{queue: night, value: 600, reason: r}]}}}",
        encoding="utf-8",
    )

    with pytest.raises(ThresholdError, match=r"bound: has no overrides"):
        build(load(own))


def test_the_label_le_is_written_as_it_is_exposed() -> None:
    """With a decimal point, in the text format and in OpenMetrics alike."""
    assert burn_rates.exposed_bound(catalog.QUEUE_LATENCY, 300) == "300.0"


def test_each_pair_reads_windows_that_are_recorded_and_windows_of_hours_are_recorded_each_minute() -> None:
    """A name that is written differently in rule and recording would make an alert that never fires."""
    groups = build(load())["burn-rates"]
    recorded = {
        rule.record: group.interval_s for group in groups for rule in group.rules if isinstance(rule, Recording)
    }
    alerts = [alert for group in groups for alert in group.alerts]

    assert len(alerts) == 2 * len(burn_rates.BURNS)
    for sli in (burn_rates.LATENCY, burn_rates.PLATFORM):
        for burn in burn_rates.BURNS:
            assert {sli.ratio(burn.long_s), sli.ratio(burn.short_s), sli.rate(burn.long_s)} <= recorded.keys()
        assert (recorded[sli.ratio(7200)], recorded[sli.ratio(86400)]) == (30, 60)


def test_a_time_scale_divides_windows_and_holds() -> None:
    """A live test cannot wait for days."""
    fast = [group for group in build(load(), time_scale=10)["burn-rates"] if group.alerts]
    rates = [rule.expr for group in build(load(), time_scale=10)["burn-rates"] for rule in group.rules]

    assert any("[6m]" in expr for expr in rates)
    assert not any("[3d]" in expr for expr in rates)
    assert {alert.hold for group in fast for alert in group.alerts} == {"12s", "90s", "6m", "18m"}
