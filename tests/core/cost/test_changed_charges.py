"""Law of repeated charges: the final rows equal the rows of a single write at the end."""

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


class ChargedPod:
    """A pod that is charged at intervals, and the rows that its store keeps."""

    def __init__(self, run: PodRun, payer: Payer | None, books: Prices, zone: str) -> None:
        self.run, self.payer, self.books, self.zone = run, payer, books, ZoneInfo(zone)
        self.written: WrittenCharges | None = None
        self.runs: tuple[int, ...] = ONE_RUN
        self.rows: dict[int, PodCost] = {}

    def charges(self, until: Instant, written: WrittenCharges | None) -> list[PodCost]:
        return billing.charges(self.run, self.payer, self.books, self.zone, until, written=written)

    def write(self, until: Instant) -> list[int]:
        """Days that were written: each with a higher version, and, with marks, only if the row changed."""
        marked = bool(self.written and self.written.marks)
        new, self.written = changed_charges.changed_charges(
            self.charges(until, self.written), lambda day: self.runs, self.written
        )
        for charge in new:
            before = self.rows.get(charge.day)
            assert before is None or charge.version > before.version
            assert (
                before is None or not marked or repr(without_version(charge)) != repr(without_version(before))
            )  # 0 may be 0E-18
            self.rows[charge.day] = charge
        return [charge.day for charge in new]


def without_version(charge: PodCost) -> PodCost:
    """A row without its version."""
    return msgspec.structs.replace(charge, version=0)


def a_charged_pod(zone: str = "UTC", **changes: Any) -> ChargedPod:
    """A pod that runs since noon."""
    return ChargedPod(pod(**{"finished_at": None, "pricing": eci("2.0-4.0Gi"), **changes}), a_payer(), shipped(), zone)


def restarted(written: WrittenCharges | None) -> WrittenCharges | None:
    """What a checkpoint keeps."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(written), type=WrittenCharges | None)


def of_the_release_before(written: WrittenCharges | None) -> WrittenCharges | None:
    """What a checkpoint keeps that knew no marks."""
    fields = [written.version, written.first_day, written.last_day] if written else None
    return msgspec.msgpack.decode(msgspec.msgpack.encode(fields), type=WrittenCharges | None)


def test_of_a_long_pod_only_today_is_written_each_hour_and_yesterday_once_more() -> None:
    """Each written row rebuilds the rollup of its day: 20 days each hour would be 20 rollups."""
    charged = a_charged_pod()
    charged.write(NOON + 19 * DAY)
    today = NOON // DAY + 19

    assert [charged.write(NOON + 19 * DAY + hour * HOUR) for hour in (1, 11, 13, 14)] == [
        [today],
        [today],
        [today, today + 1],
        [today + 1],
    ]
    assert charged.write(NOON + 19 * DAY + 14 * HOUR) == []


def test_the_end_writes_every_day() -> None:
    """None of them accrues any more."""
    charged = a_charged_pod()
    charged.write(NOON + 3 * DAY)
    charged.run = msgspec.structs.replace(charged.run, finished_at=NOON + 3 * DAY + HOUR, version=version(500))

    assert len(charged.write(NOON + 3 * DAY + HOUR)) == 4
    assert {row.status for row in charged.rows.values()} == {"final"}


def test_a_changed_class_writes_every_day() -> None:
    """Each row has the class; a newer observation of the workflow without a change writes nothing."""
    charged = a_charged_pod()
    charged.write(NOON + 3 * DAY)

    charged.payer = a_payer(version=version(500))
    assert charged.write(NOON + 3 * DAY) == []
    charged.payer = a_payer(version=version(600), finished=True, outcome="failed")
    assert len(charged.write(NOON + 3 * DAY)) == 4


def test_days_are_written_again_under_a_new_run() -> None:
    """The new run has no rows yet; a second write without changes emits nothing."""
    charged = a_charged_pod()
    charged.write(NOON + 3 * DAY)
    charged.runs, charged.rows = (1, 2), {}

    assert len(charged.write(NOON + 3 * DAY)) == 4
    assert charged.write(NOON + 3 * DAY) == []


def test_a_checkpoint_of_the_release_before_writes_all_days_once() -> None:
    """It has no marks; its version and days are used."""
    charged = a_charged_pod()
    charged.write(NOON + 3 * DAY)
    charged.written = of_the_release_before(charged.written)

    assert len(charged.write(NOON + 3 * DAY)) == 4
    assert charged.write(NOON + 3 * DAY) == []


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
LIVES = st.sampled_from(
    [
        None,
        a_payer(),
        a_payer(attempt=2, version=version(7000)),
        a_payer(department="chassis", template="t"),
        a_payer(finished=True, outcome="failed"),
        a_payer(finished=True, outcome="cancelled", version=version(8000)),
    ]
)
RUN_CHANGES = st.one_of(
    st.fixed_dictionaries({"main_started_at": INSTANTS}),
    st.fixed_dictionaries({"instance_created_at": INSTANTS}),
    st.fixed_dictionaries({"pricing": st.sampled_from([eci("2.0-4.0Gi"), eci("ecs.c6.large"), eci("8-16Gi")])}),
    st.fixed_dictionaries({"finished_at": INSTANTS}),
    st.fixed_dictionaries({"reason": st.sampled_from(["", "SpotReclaimed"])}),
)


def sees(changes: dict[str, Any]) -> Callable[[ChargedPod], None]:
    """Newer evidence."""

    def step(charged: ChargedPod) -> None:
        charged.run = msgspec.structs.replace(charged.run, **changes, version=charged.run.version + 256)

    return step


def sets(name: str, value: Any) -> Callable[[ChargedPod], None]:
    """Another payer, another book, or the marks after a restart."""
    return lambda charged: setattr(charged, name, value(charged.written) if name == "written" else value)


STEPS = st.one_of(
    RUN_CHANGES.map(sees),
    LIVES.map(lambda payer: sets("payer", payer)),
    BOOKS.map(lambda books: sets("books", books)),
    st.sampled_from([restarted, of_the_release_before]).map(lambda restore: sets("written", restore)),
    st.just(lambda charged: None),
)


@given(
    st.lists(st.tuples(st.integers(1, 40), STEPS), max_size=12),
    st.sampled_from(["UTC", "Asia/Shanghai", "Europe/Berlin", "America/St_Johns"]),
    BOOKS,
    st.booleans(),
    INSTANTS,
)
def test_the_final_rows_equal_those_of_one_write_at_the_end(
    steps: list[tuple[int, Callable[[ChargedPod], None]]], zone: str, books: Prices, started: bool, end: Instant
) -> None:
    """Exactly, whatever was written before, and with rising versions; a day without seconds has no amount."""
    first = pod(finished_at=None, main_started_at=NOON + MINUTE if started else None, pricing=eci("2.0-4.0Gi"))
    charged, now = ChargedPod(first, None, books, zone), NOON
    for hours, step in steps:
        now += hours * HOUR
        step(charged)
        charged.write(now)
    sees({"finished_at": end})(charged)
    charged.write(max(now, end))
    once = {charge.day: without_version(charge) for charge in charged.charges(max(now, end), None)}

    assert {day: without_version(row) for day, row in charged.rows.items() if day in once} == once
    assert all(not (row.billed_seconds or row.cost) for day, row in charged.rows.items() if day not in once)


@given(INSTANTS, INSTANTS)
def test_different_rows_have_different_marks(a: Instant, b: Instant) -> None:
    """A mark depends only on the content of a row."""
    one, other = (a_charged_pod().charges(NOON + DAY + at % DAY, None)[0] for at in (a, b))
    again = changed_charges.changed_charges(
        [other], lambda day: ONE_RUN, changed_charges.changed_charges([one], lambda day: ONE_RUN, None)[1]
    )[0]

    assert bool(again) == (repr(without_version(one)) != repr(without_version(other)))
