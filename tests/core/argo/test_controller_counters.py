"""What controllers count by themselves, added up over readings and restarts."""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.argo.controller_counters import ControllerCounted, increase, latest
from collector.core.messages import ControllerCounters

CAUSE, CODE, LIMIT = "OperationPanic", "409", 2**40
KNOWN = {CAUSE: 0, "CronWorkflowSubmissionError": 0, "CronWorkflowSpecError": 0}


def counters(panics: float = 0, started_at: float | None = 1.0, **more: object) -> ControllerCounters:
    return ControllerCounters(started_at=started_at, errors={CAUSE: panics}, **more)  # type: ignore[arg-type]


def counted(before: ControllerCounters | None, now: ControllerCounters) -> ControllerCounted:
    """What a reading that is not empty shows."""
    shown = increase(before, now)
    assert shown
    return shown


def test_a_first_reading_is_no_news() -> None:
    """The controller may have counted for weeks; what can be counted stands at 0 from then on."""
    first = increase(None, counters(5, requests={CODE: 9}, api_wait_s=2.5))

    assert first == ControllerCounted(errors=KNOWN, requests={"429": 0, CODE: 0}, api_wait_s=Decimal(0))


def test_what_was_counted_since_the_reading_before_is_news() -> None:
    """A cause or a code that was not there before counts from 0; a wait is counted where Argo counts it."""
    before = counters(5, requests={CODE: 9}, api_wait_s=2.5)
    now = ControllerCounters(1.0, {CAUSE: 7, "New": 2}, {CODE: 9, "500": 3}, 2.5000014)

    assert increase(before, now) == ControllerCounted(
        errors=KNOWN | {CAUSE: 2, "New": 2}, requests={"429": 0, CODE: 0, "500": 3}, api_wait_s=Decimal("0.000001")
    )
    assert counted(counters(5), counters(6)).api_wait_s is None


@pytest.mark.parametrize(
    ("before", "now", "panics"),
    [
        (counters(5), counters(6, started_at=2.0), 6),
        (counters(5, None), counters(4, None), 4),
        (counters(5, None), counters(6), 1),
        (counters(5, None, requests={CODE: 3}), counters(6, None), 6),
        (counters(5, None, api_wait_s=3.0), counters(6, None, api_wait_s=2.0), 6),
        (counters(5), counters(4), 0),
    ],
)
def test_a_restart_resets_their_counters_and_not_ours(
    before: ControllerCounters, now: ControllerCounters, panics: int
) -> None:
    """Another start is another process; where the start is not known a counter that fell shows it, and only there."""
    assert counted(before, now).errors[CAUSE] == panics


def test_a_standby_counts_nothing_and_the_leader_that_it_becomes_everything() -> None:
    """Its answer is empty, and so may be one of the leader for a moment: that does not mean a restart."""
    empty = ControllerCounters()
    standby = latest(None, empty)
    leader = latest(standby, counters(3))

    assert increase(None, empty) is None
    assert counted(standby, counters(3)).errors[CAUSE] == 3
    assert latest(leader, empty) == leader == counters(3)


@dataclass
class Process:
    """A controller that counts, and is started again with its counters at 0."""

    knows_its_start: bool
    started_at: float = 1.0
    errors: dict[str, int] = field(default_factory=dict)
    wait_us: int = 0

    def read(self) -> ControllerCounters:
        errors = {cause: float(count) for cause, count in self.errors.items()}
        return ControllerCounters(self.started_at if self.knows_its_start else None, errors, errors, self.wait_us / 1e6)


STEPS = st.lists(
    st.tuples(st.sampled_from(["count", "count", "read", "restart"]), st.sampled_from("abc"), st.integers(0, LIMIT)),
    max_size=60,
)


@given(STEPS)
def test_what_is_added_up_is_what_was_counted_between_readings(steps: list[tuple[str, str, int]]) -> None:
    """Whatever happens between them: nothing is counted twice, and only what was not read before a restart is lost."""
    process, before = Process(knows_its_start=True), None
    sums: dict[str, int] = {}
    true: dict[str, int] = {}
    waited, truly_waited = Decimal(0), 0
    unread: dict[str, int] = {}
    unread_us = 0
    for step, cause, amount in [*steps, ("read", "", 0)]:
        if step == "count":
            process.errors[cause] = process.errors.get(cause, 0) + amount
            process.wait_us += amount
            unread[cause] = unread.get(cause, 0) + amount
            unread_us += amount
        elif step == "restart":
            process = Process(True, process.started_at + 1)
            unread, unread_us = {}, 0
        else:
            now = process.read()
            more = counted(before, now)
            if before is not None:
                true = {key: true.get(key, 0) + unread.get(key, 0) for key in {*true, *unread}}
                truly_waited += unread_us
            unread, unread_us = {}, 0
            for key, errors in more.errors.items():
                sums[key] = sums.get(key, 0) + errors
            waited += more.api_wait_s or 0
            before = latest(before, now)

    assert {key: value for key, value in sums.items() if value} == {key: value for key, value in true.items() if value}
    assert abs(waited * 10**6 - truly_waited) <= len(steps)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.none() | st.integers(0, 2)), max_size=30))
def test_a_counter_of_ours_never_falls(readings: list[tuple[int, int, int | None]]) -> None:
    """Whatever another program on that port answers."""
    before = None
    for one, other, started_at in readings:
        now = ControllerCounters(started_at, {"a": one}, {"b": other}, float(other))
        more = counted(before, now)
        assert min([*more.errors.values(), *more.requests.values(), more.api_wait_s or 0]) >= 0
        before = latest(before, now)
