"""What a load takes, by the model alone; tests/bench/test_size.py compares it with rows on disk."""

from collector.catalog.retention import retention_days
from collector.catalog.size import (
    LONGEST_DAYS,
    Growth,
    Load,
    bytes_after,
    cores,
    disk_bytes,
    growth,
    lasts_days,
    memory_mib,
)

GIB = 2**30
LARGE = Load(pods_per_day=5_000_000, workflows_per_day=250_000, templates=1_000, waiting=200_000)


def test_a_table_that_ages_stops_growing_a_month_after_its_retention() -> None:
    """Whole months are dropped, so the last one stays while one of its rows must."""
    aged, kept = Growth("step_run", 10, 400), Growth("pod_cost", 10, 0)

    assert [aged.after(days) for days in (30, 431, 432, 10_000)] == [300, 4310, 4310, 4310]
    assert kept.after(10_000) == 100_000
    assert bytes_after([aged, kept], 1_000) == 14_310


def test_each_table_grows_by_what_its_rows_are_of() -> None:
    """Twice the pods in as many workflows is less than twice the bytes, and steps without pods count."""
    usual, more_pods, more_steps = (
        {each.table: each.bytes_per_day for each in growth(load, {})}
        for load in (
            Load(pods_per_day=1000, workflows_per_day=100),
            Load(pods_per_day=2000, workflows_per_day=100),
            Load(pods_per_day=1000, workflows_per_day=100, steps_per_pod=2),
        )
    )

    assert usual["pod_run"] < more_pods["pod_run"] < 2 * usual["pod_run"]
    assert more_pods["workflow_run"] == usual["workflow_run"]
    assert more_steps["step_run"] > usual["step_run"]
    assert more_steps["pod_run"] == usual["pod_run"]


def test_a_rollup_has_no_more_rows_than_workflows() -> None:
    """Nor more than combinations, however many run."""
    few, many, most = (
        {each.table: each.bytes_per_day for each in growth(Load(pods_per_day=n, workflows_per_day=n), {})}
        for n in (10, 100_000, 200_000)
    )

    assert few["workflow_hourly"] < many["workflow_hourly"] == most["workflow_hourly"]


def test_retention_makes_a_disk_last() -> None:
    """What is kept for ever fills every disk; a disk that is full at once lasts no day."""
    kept, aged = growth(LARGE, {}), growth(LARGE, dict.fromkeys(("workflow_run", "step_run", "pod_run"), 400))
    small = growth(Load(pods_per_day=10, workflows_per_day=1, queues=0, templates=1), {})

    assert disk_bytes(aged, 1_000, 0) < disk_bytes(kept, 1_000, 0)
    assert lasts_days(kept, 500 * GIB, 8 * GIB) < lasts_days(aged, 500 * GIB, 8 * GIB)
    assert lasts_days(kept, 8 * GIB, 8 * GIB) == 0
    assert lasts_days(small, 500 * GIB, 8 * GIB) == LONGEST_DAYS


def test_the_fleet_that_was_measured_takes_what_it_took() -> None:
    """20 clusters, 240,000 workflows, 60,000 pods, 1,000 events a second: a third of a core, and 1,018 MiB at most."""
    events_per_day = 1_000 * 86_400
    fleet = Load(
        pods_per_day=round(events_per_day * 0.78 / 5.2),
        workflows_per_day=round(events_per_day * 0.22 / 5.1),
        pod_minutes=60_000 / round(events_per_day * 0.78 / 5.2) * 1440,
        peak=1,
        waiting=180_000,
    )

    mean, busiest = cores(fleet)
    assert mean == busiest
    assert 0.41 <= mean <= 0.66
    assert abs(memory_mib(fleet) - 1_300 - 1_018) < 100


def test_the_default_retention_bounds_all_but_money_and_rollups() -> None:
    """Evidence ages; what months are made of does not."""
    unbounded = {each.table for each in growth(LARGE, retention_days({})) if not each.kept_days}

    assert unbounded == {"pod_cost", "cost_daily", "workflow_hourly"}
