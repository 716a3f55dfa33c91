"""The history of a template on rows that the real engine holds, each counted by hand."""

from collections.abc import Iterator

import pytest

from collector.core.history.queue import StepsOfTime
from collector.core.history.template import CriticalStep, FailureCause, StoredTemplate, TemplatePlace
from collector.core.model import Fact
from collector.core.units import DAY_MS, ZERO
from collector.reports.report import Query
from collector.reports.template_history import read_template
from tests.billing.stored import charges_of
from tests.builders import MINUTE, NOON, SECOND, a_pod_run
from tests.reports.engine import holding
from tests.reports.stored import a_live_row, a_run, a_step_run

HOUR = 60 * MINUTE
END = NOON + HOUR
STEPS = StepsOfTime(NOON - 23 * HOUR, END, HOUR)
CHARGES = [
    *charges_of(a_pod_run(uid="p1"), a_run("w1")),
    *charges_of(a_pod_run(uid="p2", pricing={}, node_name="", region=""), a_run("w1")),
]
"""Of one pod that is priced, and of one that is not."""
ROWS: list[Fact] = [
    a_run("w1", running_ms=60_000, throttled_ms=40_000),
    a_run("w2", finished_at=NOON + 200 * SECOND, running_ms=200_000, retries=2),
    a_run("w3", outcome="failed", reason="exit_1", message="main: exit 1", deciding_step="fit(0)"),
    a_run("w4", outcome="failed", reason="exit_1", message="main: exit 1 again", deciding_step="fit(1)",
          finished_at=NOON + 150 * SECOND),
    a_run("old", created_at=NOON - 9 * DAY_MS, first_seen_at=NOON - 9 * DAY_MS, started_at=NOON - 9 * DAY_MS,
          finished_at=NOON - 9 * DAY_MS + 10 * SECOND, template_version="v0"),
    a_run("far", cluster="c2"),
    a_run("other", template="other"),
    a_step_run("fit", workflow="w1", step="fit(0)", critical=True, critical_ms=30_000),
    a_step_run("fit", workflow="w2", step="fit(1)", critical=True, critical_ms=50_000, waiting_ms=7000),
    a_step_run("aside", workflow="w2", critical=False),
    a_live_row("l1", "lock", "gpu"),
    *CHARGES,
]  # fmt: skip


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """Questions to the engine that holds those rows."""
    with holding(tmp_path_factory.mktemp("engine"), ROWS) as query:
        yield query


@pytest.fixture(scope="module")
def stored(ask: Query) -> StoredTemplate:
    found = read_template(ask, TemplatePlace("train", "c1"), STEPS)
    assert found
    return found


def test_outcomes_and_lengths_are_those_of_the_period(stored: StoredTemplate) -> None:
    """Lengths are those of successes: 100 s and 200 s. The run of another week counts for that week alone."""
    lengths = stored.period.lengths

    assert (lengths.outcomes, lengths.runs, lengths.succeeded) == ({"succeeded": 2, "failed": 2}, 4, 2)
    assert lengths.p95_ms == 200_000
    assert lengths.retries == 2
    assert (lengths.reasons_ms["running"], lengths.reasons_ms["throttled"]) == (260_000, 40_000)
    assert stored.last_week.lengths.outcomes == {"succeeded": 1}
    assert stored.this_week.lengths.runs == 4


def test_the_trend_has_a_step_for_each_hour_with_an_end(stored: StoredTemplate) -> None:
    """All of the period's runs ended in the hour after noon."""
    [step] = stored.trend

    assert (step.at, step.outcomes) == (NOON, {"succeeded": 2, "failed": 2})


def test_versions_are_those_of_two_weeks_the_newest_first(stored: StoredTemplate) -> None:
    """So that a period of an hour still shows what was before a change."""
    assert [(version.version, version.runs, version.succeeded) for version in stored.versions] == [
        ("", 4, 2),
        ("v0", 1, 1),
    ]


def test_steps_are_grouped_without_the_number_of_their_try(stored: StoredTemplate) -> None:
    """A retry has a number in its name; the step is the same."""
    assert stored.critical == [CriticalStep("fit", 2, 80_000, p50_ms=50_000, p95_ms=50_000, waited_ms=7000, failed=0)]
    assert stored.critical_runs == 2


def test_failures_are_grouped_by_cause_with_the_newest_words(stored: StoredTemplate) -> None:
    """Two tries of one step are one cause."""
    assert stored.failures == [
        FailureCause(
            "failed", "exit_1", "fit", 2, last_at=NOON + 150 * SECOND, uid="w4", name="w4", words="main: exit 1 again"
        )
    ]


def test_the_newest_runs_and_those_that_wait_are_there(stored: StoredTemplate) -> None:
    """The newest end first, whenever it was; one workflow waits for a lock."""
    assert [run.uid for run in stored.recent] == ["w2", "w4", "w1", "w3", "old"]
    assert stored.now == {"lock": 1}


def test_cost_is_that_of_the_pods_with_a_price(stored: StoredTemplate) -> None:
    """A pod without a price is counted and is in no amount."""
    spent = sum((charge.cost for charge in CHARGES if charge.cost is not None), ZERO)
    costs = {cost.currency: cost for cost in stored.period.costs}

    assert sum((cost.cost for cost in costs.values() if cost.cost is not None), ZERO) == spent > 0
    assert sum(cost.unpriced_pods for cost in costs.values()) == 1
    assert stored.last_week.costs == []


def test_a_template_may_run_in_many_places(ask: Query) -> None:
    """The place with most runs is first; one namespace is a part of it."""
    everywhere = read_template(ask, TemplatePlace("train"), STEPS)
    nowhere = read_template(ask, TemplatePlace("train", "c1", "elsewhere"), STEPS)

    assert everywhere
    assert everywhere.places == [("c1", "team"), ("c2", "team")]
    assert everywhere.period.lengths.runs == 5
    assert nowhere is None


def test_a_template_that_only_waits_has_no_runs(ask: Query) -> None:
    """None of its workflows has ended in the period, so nothing is known of its lengths."""
    before = StepsOfTime(NOON - 60 * DAY_MS, NOON - 59 * DAY_MS, HOUR)
    found = read_template(ask, TemplatePlace("other"), before)

    assert found
    assert (found.period.lengths.runs, found.period.lengths.p50_ms, found.critical) == (0, None, [])
