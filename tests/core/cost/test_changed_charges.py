"""What must hold of charges that are told again and again: the rows that stay are those that one telling would leave."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from collector.core.cost import changed_charges
from collector.core.cost import charge as billing
from collector.core.cost.changed_charges import WrittenCharges
from collector.core.cost.charge import Prices
from collector.core.cost.meters import Rate, Rates
from collector.core.cost.payer import Payer
from collector.core.facts.bills import PodCost, PodRun
from collector.core.model import Instant
from tests.builders import DAY, HOUR, MINUTE, NOON, a_payer, version
from tests.core.cost.charged import Fixed, eci, pod, shipped

ONE_RUN = (1,)


class Teller:
    """A pod that is charged now and then, and the rows that its store keeps."""

    def __init__(self, run: PodRun, life: Payer | None, books: Prices, zone: str) -> None:
        self.run, self.life, self.books, self.zone = run, life, books, ZoneInfo(zone)
        self.told: WrittenCharges | None = None
        self.runs: tuple[int, ...] = ONE_RUN
        self.rows: dict[int, PodCost] = {}

    def charges(self, until: Instant, told: WrittenCharges | None) -> list[PodCost]:
        return billing.charges(self.run, self.life, self.books, self.zone, until, written=told)

    def tell(self, until: Instant) -> list[int]:
        """The days that were told; each above the row before, and with marks none for nothing."""
        marked = bool(self.told and self.told.marks)
        new, self.told = changed_charges.changed_charges(
            self.charges(until, self.told), lambda day: self.runs, self.told
        )
        for charge in new:
            before = self.rows.get(charge.day)
            assert before is None or charge.version > before.version
            assert before is None or not marked or repr(said(charge)) != repr(said(before))  # 0 may be 0E-18
            self.rows[charge.day] = charge
        return [charge.day for charge in new]


def said(charge: PodCost) -> PodCost:
    """A row without its version."""
    return msgspec.structs.replace(charge, version=0)


def a_teller(zone: str = "UTC", **changes: Any) -> Teller:
    """A pod that runs since noon."""
    return Teller(pod(**{"finished_at": None, "pricing": eci("2.0-4.0Gi"), **changes}), a_payer(), shipped(), zone)


def restarted(told: WrittenCharges | None) -> WrittenCharges | None:
    """What a checkpoint keeps."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(told), type=WrittenCharges | None)


def of_the_release_before(told: WrittenCharges | None) -> WrittenCharges | None:
    """What a checkpoint keeps that knew no marks."""
    fields = [told.version, told.first_day, told.last_day] if told else None
    return msgspec.msgpack.decode(msgspec.msgpack.encode(fields), type=WrittenCharges | None)


def test_of_a_long_pod_only_today_is_told_each_hour_and_yesterday_once_more() -> None:
    """Whatever is told has the rollup of its day built anew: 20 days each hour would be 20 rollups."""
    teller = a_teller()
    teller.tell(NOON + 19 * DAY)
    today = NOON // DAY + 19

    assert [teller.tell(NOON + 19 * DAY + hour * HOUR) for hour in (1, 11, 13, 14)] == [
        [today], [today], [today, today + 1], [today + 1],
    ]  # fmt: skip
    assert teller.tell(NOON + 19 * DAY + 14 * HOUR) == []


def test_the_end_tells_every_day() -> None:
    """None of them accrues any more."""
    teller = a_teller()
    teller.tell(NOON + 3 * DAY)
    teller.run = msgspec.structs.replace(teller.run, finished_at=NOON + 3 * DAY + HOUR, version=version(500))

    assert len(teller.tell(NOON + 3 * DAY + HOUR)) == 4
    assert {row.status for row in teller.rows.values()} == {"final"}


def test_a_class_that_turns_out_otherwise_tells_every_day() -> None:
    """It stands on each row; a newer sight of the workflow that changes nothing is told nowhere."""
    teller = a_teller()
    teller.tell(NOON + 3 * DAY)

    teller.life = a_payer(version=version(500))
    assert teller.tell(NOON + 3 * DAY) == []
    teller.life = a_payer(version=version(600), finished=True, outcome="failed")
    assert len(teller.tell(NOON + 3 * DAY)) == 4


def test_days_under_a_run_that_is_new_are_told_again() -> None:
    """Under the new run nothing stands yet; the same news again tells nothing."""
    teller = a_teller()
    teller.tell(NOON + 3 * DAY)
    teller.runs, teller.rows = (1, 2), {}

    assert len(teller.tell(NOON + 3 * DAY)) == 4
    assert teller.tell(NOON + 3 * DAY) == []


def test_a_checkpoint_of_the_release_before_tells_all_days_once() -> None:
    """It kept no marks; its version and days are taken up."""
    teller = a_teller()
    teller.tell(NOON + 3 * DAY)
    teller.told = of_the_release_before(teller.told)

    assert len(teller.tell(NOON + 3 * DAY)) == 4
    assert teller.tell(NOON + 3 * DAY) == []


# The law.


def book(price: str, change: Instant | None = None) -> Prices:
    """Two meters whose parts leave a remainder at each midnight, and perhaps a price that changes."""
    both = [
        Rate("vcpu", "vCPU-Hours", Decimal(price), 3600, Decimal(1)),
        Rate("memory", "GiB-Hours", Decimal("0.1"), 3600),
    ]
    first = Rates("b", "r", "CNY", tuple(both), rounding=Decimal("0.01"))
    later = msgspec.structs.replace(first, rule="r2", rates=tuple(both[:1]))
    return Fixed(msgspec.structs.replace(first, until=change), later) if change else Fixed(first)


BOOKS = st.sampled_from(
    [
        book("0.0312"),
        book("0.0000007"),
        book("0.1", NOON + 30 * HOUR),
        book("0"),
        Fixed(Rates("b", "", "CNY", missing="x")),
    ]
)
INSTANTS = st.integers(0, 8 * 24 * 60).map(lambda minutes: NOON - DAY + minutes * MINUTE + 1234)
LIVES = st.sampled_from([
    None, a_payer(), a_payer(attempt=2, version=version(7000)), a_payer(department="chassis", template="t"),
    a_payer(finished=True, outcome="failed"), a_payer(finished=True, outcome="cancelled", version=version(8000)),
])  # fmt: skip
RUN_CHANGES = st.one_of(
    st.fixed_dictionaries({"main_started_at": INSTANTS}),
    st.fixed_dictionaries({"instance_created_at": INSTANTS}),
    st.fixed_dictionaries({"pricing": st.sampled_from([eci("2.0-4.0Gi"), eci("ecs.c6.large"), eci("8-16Gi")])}),
    st.fixed_dictionaries({"finished_at": INSTANTS}),
    st.fixed_dictionaries({"reason": st.sampled_from(["", "SpotReclaimed"])}),
)


def sees(changes: dict[str, Any]) -> Callable[[Teller], None]:
    """Newer evidence."""

    def step(teller: Teller) -> None:
        teller.run = msgspec.structs.replace(teller.run, **changes, version=teller.run.version + 256)

    return step


def sets(name: str, value: Any) -> Callable[[Teller], None]:
    """Another workflow, another book, or what a start finds of the marks."""
    return lambda teller: setattr(teller, name, value(teller.told) if name == "told" else value)


STEPS = st.one_of(
    RUN_CHANGES.map(sees),
    LIVES.map(lambda life: sets("life", life)),
    BOOKS.map(lambda books: sets("books", books)),
    st.sampled_from([restarted, of_the_release_before]).map(lambda kept: sets("told", kept)),
    st.just(lambda teller: None),
)


@given(
    st.lists(st.tuples(st.integers(1, 40), STEPS), max_size=12),
    st.sampled_from(["UTC", "Asia/Shanghai", "Europe/Berlin", "America/St_Johns"]),
    BOOKS,
    st.booleans(),
    INSTANTS,
)
def test_the_rows_that_stay_are_those_of_one_telling_at_the_end(
    steps: list[tuple[int, Callable[[Teller], None]]], zone: str, books: Prices, started: bool, end: Instant
) -> None:
    """Digit for digit, whatever was told before, and under rising versions; a day that is none any more says nothing."""
    first = pod(finished_at=None, main_started_at=NOON + MINUTE if started else None, pricing=eci("2.0-4.0Gi"))
    teller, now = Teller(first, None, books, zone), NOON
    for hours, step in steps:
        now += hours * HOUR
        step(teller)
        teller.tell(now)
    sees({"finished_at": end})(teller)
    teller.tell(max(now, end))
    once = {charge.day: said(charge) for charge in teller.charges(max(now, end), None)}

    assert {day: said(row) for day, row in teller.rows.items() if day in once} == once
    assert all(not (row.billed_seconds or row.cost) for day, row in teller.rows.items() if day not in once)


@given(INSTANTS, INSTANTS)
def test_a_mark_tells_rows_apart(a: Instant, b: Instant) -> None:
    """By what they say alone."""
    one, other = (a_teller().charges(NOON + DAY + at % DAY, None)[0] for at in (a, b))
    again = changed_charges.changed_charges(
        [other], lambda day: ONE_RUN, changed_charges.changed_charges([one], lambda day: ONE_RUN, None)[1]
    )[0]

    assert bool(again) == (repr(said(one)) != repr(said(other)))
