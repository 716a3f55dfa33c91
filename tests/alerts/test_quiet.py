"""What happens on every healthy fleet makes neither a page nor a ticket, whatever the alert."""

from collections.abc import Callable
from pathlib import Path

import pytest

from collector.catalog.metrics import METRICS, NOT_READY
from tests.alerts.quiet_fleet import STEP_S, STEPS, Series, quiet_fleet, where
from tests.promtool.cases import GENERATED, ORDER
from tests.promtool.tool import promtool, write_cases

AT = 240
"""The scrape at which something happens: after one hour."""


def _between(first: int, last: int, value: float | None) -> Callable[[int, float], float | None]:
    """Another value for some scrapes."""
    return lambda step, usual: value if first <= step < last else usual


def a_quiet_day(fleet: Series) -> Series:
    """Nothing happens. Its first half hour is the first that Prometheus ever saw."""
    return fleet


def a_failover(fleet: Series) -> Series:
    """The leader's node is drained: another replica leads 32 s later, and the drained one is back after two minutes."""
    ready = {
        name: list(values)
        for name, values in fleet.items()
        if "controller_ready" in name or "controller_leader{" in name
    }
    standby = {name.replace("argo-1", "argo-2"): values for name, values in ready.items()}
    both = {**fleet, **standby}
    both = where(both, 'controller_ready{cluster="prod", pod="argo-1"', _between(AT, AT + 8, 0))
    both = where(both, 'controller_leader{cluster="prod", pod="argo-1"', lambda step, _: float(step < AT))
    both = where(both, 'controller_leader{cluster="prod", pod="argo-2"', lambda step, _: float(step >= AT + 3))
    both = where(
        both, 'queue_depth{cluster="prod", namespace="ml", queue="ml", reason="unseen"', _between(AT, AT + 3, 38)
    )
    both = where(both, "lynceus_controller_leader_changes_total", lambda step, value: value + (step >= AT + 3))
    return where(both, "lynceus_workflows_started_total", lambda step, value: value - 5 * min(3, max(0, step - AT)))


def a_restart_of_the_collector(fleet: Series) -> Series:
    """Nothing is scraped for 90 s; then counters go on, histograms and the process begin again."""
    gone = where(fleet, 'job="lynceus"', _between(AT, AT + 6, None))
    gone = where(gone, "up{", lambda step, _: float(not AT <= step < AT + 6))
    again: Series = {
        name: [value if value is None or step < AT else value - (1000 + 5 * AT) for step, value in enumerate(values)]
        if name.partition("{")[0].endswith(("_bucket", "_count", "_sum"))
        else values
        for name, values in gone.items()
    }
    return where(again, "process_start_time_seconds", lambda step, value: value if step < AT else float(AT * STEP_S))


def two_collectors_overlap(fleet: Series) -> Series:
    """An upgrade: the new one counts on from the stored totals, both are scraped for five minutes."""
    old = {
        name: [value if step < AT + 20 else None for step, value in enumerate(values)] for name, values in fleet.items()
    }
    new = {
        name.replace('instance="a"', 'instance="b"'): [
            None if step < AT else value for step, value in enumerate(values)
        ]
        for name, values in fleet.items()
        if not name.startswith("up{")
    }
    return {**old, **new}


def a_namespace_appears(fleet: Series) -> Series:
    """Its series begin in the middle, its counters at 1."""
    return fleet | {
        name.replace('namespace="ml"', 'namespace="new"').replace('queue="ml"', 'queue="new"'): [
            None if step < AT else value and (1.0 if "_total{" in name else value) for step, value in enumerate(values)
        ]
        for name, values in fleet.items()
        if 'namespace="ml"' in name
    }


def a_queue_vanishes_and_comes_back(fleet: Series) -> Series:
    """All series of a namespace are away for twenty minutes."""
    return where(fleet, 'namespace="ml"', _between(AT, AT + 80, None))


HAPPENINGS = (
    a_quiet_day,
    a_failover,
    a_restart_of_the_collector,
    two_collectors_overlap,
    a_namespace_appears,
    a_queue_vanishes_and_comes_back,
)


@pytest.mark.parametrize("happens", HAPPENINGS, ids=lambda happens: happens.__name__)
def test_nothing_fires_on_a_healthy_fleet(happens: Callable[[Series], Series], tmp_path: Path) -> None:
    """Every alert but the watchdog is silent in each minute of two hours."""
    series = happens(quiet_fleet())
    firing = 'count by (alertname, severity) (ALERTS{alertstate="firing", alertname!="Watchdog"})'
    ever = f"count_over_time({firing}[2h:{STEP_S}s])"
    test = {
        "interval": f"{STEP_S}s",
        "input_series": [
            {"series": name, "values": " ".join("_" if value is None else f"{value:.12g}" for value in values)}
            for name, values in series.items()
        ],
        "promql_expr_test": [{"expr": ever, "eval_time": f"{STEPS * STEP_S}s", "exp_samples": []}],
    }
    content = {
        "rule_files": [str(path) for path in sorted(GENERATED.glob("*.rules.yaml"))],
        "evaluation_interval": "15s",
        "group_eval_order": ORDER,
        "tests": [test],
    }
    write_cases(tmp_path / "cases.yaml", content)

    promtool("test", "rules", tmp_path / "cases.yaml")


def test_the_fleet_has_every_metric_that_a_rule_reads() -> None:
    """Else an alert would be silent since it sees nothing."""
    names = {name.partition("{")[0] for name in quiet_fleet()}

    assert {metric.name for metric in METRICS if metric.kind != "histogram"} - names == {NOT_READY.name}
