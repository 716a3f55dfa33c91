"""Charges under every pricing run that is active or in preparation."""

from datetime import date

from collector.core.cost.billing_days import day_of, month_after, months_of
from collector.core.cost.pricing_runs import Preparing, Runs
from collector.core.facts.bills import Period, PodCost
from tests.builders import HOUR, NOON, SECOND
from tests.flow import ENDED_POD, STARTED_POD, WHOLE, a_pipeline, drained, only
from tests.slices import whole

NOVEMBER, DECEMBER = 20758, 20788
PREPARED = Runs({NOVEMBER: 1}, (Preparing(2, NOVEMBER, DECEMBER),))


def charged(facts: object) -> set[tuple[int, str]]:
    """The runs and states of charges."""
    return {(charge.run, charge.status) for charge in only(PodCost, facts)}  # type: ignore[arg-type]


def test_a_charge_goes_to_the_active_run_and_to_one_in_preparation() -> None:
    """The same charge under both numbers, so that no fact is lost whichever becomes the bill."""
    flow = a_pipeline()
    whole(flow.set_pricing_runs(PREPARED, NOON))
    flow.take("c1", WHOLE)

    charges = only(PodCost, drained(flow).facts)

    assert {charge.run for charge in charges} == {1, 2}
    assert len({(charge.cost, charge.version) for charge in charges[-2:]}) == 1


def test_the_first_run_is_always_among_those_that_are_written() -> None:
    """A month without a stored period belongs to the first run."""
    assert PREPARED.numbers == {1, 2}
    assert Runs().numbers == {1}


def test_what_runs_accrues_at_once_under_a_run_nobody_had_heard_of() -> None:
    """The next hour may be too late: the run may be the bill by then."""
    flow = a_pipeline()
    flow.take("c1", [*WHOLE[:2], STARTED_POD])
    drained(flow)

    whole(flow.set_pricing_runs(PREPARED, NOON + HOUR))

    assert charged(drained(flow).facts) == {(1, "accruing"), (2, "accruing")}


def test_what_ended_before_the_news_is_charged_under_the_new_run_too() -> None:
    """A collector learns of a run some seconds late; the same answer again charges nothing."""
    flow = a_pipeline()
    flow.take("c1", [*WHOLE[:2], STARTED_POD, ENDED_POD])
    drained(flow)

    whole(flow.set_pricing_runs(PREPARED, NOON + 80 * SECOND))
    assert charged(drained(flow).facts) == {(1, "final"), (2, "final")}

    whole(flow.set_pricing_runs(PREPARED, NOON + 90 * SECOND))
    assert flow.drain(NOON) is None


def test_a_locked_month_is_written_under_its_late_run_only() -> None:
    """No row of a bill that was paid is touched, and no period is opened that the store has."""
    flow = a_pipeline()
    whole(flow.set_pricing_runs(Runs({NOVEMBER: 7}), NOON))
    flow.take("c1", WHOLE)

    facts = drained(flow).facts

    assert charged(facts) == {(7, "final")}
    assert only(Period, facts) == []


def test_months_of_a_period() -> None:
    """Every month that it touches, its end exclusive."""
    months = months_of(date(2026, 10, 31), date(2026, 12, 1))

    assert months == [day_of(date(2026, 10, 1)), NOVEMBER]
    assert month_after(NOVEMBER) == DECEMBER
    assert months_of(date(2026, 12, 5), date(2026, 12, 6)) == [DECEMBER]
