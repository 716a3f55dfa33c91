"""Today's money: read seldom, shown by department, and never guessed."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from collector.core.live_view import HourlyCost
from collector.web.api_money import DepartmentMoney
from collector.web.money import Money, MoneyToday, Spent, UnknownMoney, money_now
from tests.web.fleet import NOW, SECOND, some_money


def spent(department: str, cost: str | None, currency: str = "USD", **changes: object) -> Spent:
    """What a department spent."""
    amount = None if cost is None else Decimal(cost)
    values = {"department": department, "currency": currency, "cost": amount, "accruing": False, **changes}
    return Spent(**values)  # type: ignore[arg-type]


def departments(*rows: Spent) -> list[tuple[str, str | None, float | None]]:
    """Name, cost and share of every line that is shown."""
    shown: tuple[DepartmentMoney, ...] = money_now(Money(day="2026-11-22", at=NOW, spent=rows), NOW).departments
    return [(d.department, d.cost, d.share) for d in shown]


def counting(answers: list[Money | Exception]) -> tuple[list[int], Callable[[], Awaitable[Money]]]:
    """A store that gives these answers in turn and counts the reads."""
    reads: list[int] = []

    async def read() -> Money:
        reads.append(1)
        answer = answers[min(len(reads), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return reads, read


async def test_many_pages_ask_the_store_once() -> None:
    """However many pages are open, and even at the same moment, the store is read once in a few seconds."""
    reads, read = counting([some_money()])
    today = MoneyToday(read)

    answers = await asyncio.gather(*(today.latest() for _ in range(50)))

    assert len(reads) == 1
    assert all(answer == some_money() for answer in answers)


async def test_old_money_is_read_again() -> None:
    """An old answer could be that of the day before."""
    reads, read = counting([some_money()])
    today = MoneyToday(read, keep_s=0)

    await today.latest()
    await today.latest()

    assert len(reads) == 2


async def test_a_store_that_fails_gives_its_reason_and_is_left_alone_a_while() -> None:
    """The first line of its error is shown, long ones cut; a store in trouble is not read at every poll."""
    reads, read = counting([ConnectionError("connection refused by clickhouse:8123\nmore\n")])
    today = MoneyToday(read)

    answer = await today.latest()
    await today.latest()

    assert answer == UnknownMoney(
        "the store could not be read: {why}", {"why": "connection refused by clickhouse:8123"}
    )
    assert len(reads) == 1


async def test_an_error_without_words_is_named() -> None:
    """An empty reason would not help a reader."""
    _, read = counting([ValueError()])

    assert await MoneyToday(read).latest() == UnknownMoney("the store could not be read: {why}", {"why": "ValueError"})


async def test_a_store_that_hangs_does_not_hang_the_page() -> None:
    """After a few seconds the answer is `unknown`."""

    async def never() -> Money:
        await asyncio.Event().wait()
        raise AssertionError

    answer = await MoneyToday(never, patience_s=0.01).latest()

    assert answer == UnknownMoney("the store did not answer within {seconds} s", {"seconds": "0.01"})


async def test_money_recovers() -> None:
    """A failure is not remembered longer than an answer."""
    _, read = counting([ConnectionError("down"), some_money()])
    today = MoneyToday(read, keep_s=0)

    assert isinstance(await today.latest(), UnknownMoney)
    assert await today.latest() == some_money()


def test_unknown_money_has_no_figures() -> None:
    """Without an answer of the store, nothing is shown that could be read as 0."""
    shown = money_now(UnknownMoney("down"), NOW)

    assert (shown.known, shown.detail, shown.totals, shown.departments) == (False, "down", (), ())


def test_what_runs_now_is_known_without_the_store() -> None:
    """Exact, as text; pods without a price are beside it."""
    burning = [
        HourlyCost(
            cluster="a", product="x", currency="USD", per_hour=Decimal("0.069264000000000000"), pods=1, unpriced_pods=0
        ),
        HourlyCost(cluster="b", product="x", currency="USD", per_hour=None, pods=2, unpriced_pods=2),
    ]

    [hourly] = money_now(UnknownMoney("down"), NOW, burning).running

    assert (hourly.currency, hourly.per_hour, hourly.pods, hourly.unpriced_pods) == ("USD", "0.069264", 3, 2)


def test_departments_come_dearest_first_with_exact_amounts() -> None:
    """Every digit of the ledger is in the text; trailing zeros are not."""
    rows = departments(spent("b", "1.500000000000000000"), spent("a", "12345678901234567890.123456789012345678"))

    assert [(name, cost) for name, cost, _ in rows] == [
        ("a", "12345678901234567890.123456789012345678"),
        ("b", "1.5"),
        ("unallocated", "0"),
    ]


def test_shares_are_of_the_currencys_own_total() -> None:
    """Currencies are never added to each other."""
    rows = departments(spent("a", "3"), spent("unallocated", "1"), spent("a", "7", "CNY"))

    assert rows == [("a", "7", 1.0), ("unallocated", "0", 0.0), ("a", "3", 0.75), ("unallocated", "1", 0.25)]


def test_rows_of_one_department_are_one_line() -> None:
    """The store may separate accruing and final charges; the page has one line for each department."""
    money = Money(day="d", at=NOW, spent=(spent("a", "1"), spent("a", "2", accruing=True, unpriced_pods=4)))

    shown = money_now(money, NOW).departments[0]

    assert (shown.cost, shown.accruing, shown.unpriced_pods) == ("3", True, 4)


def test_what_could_not_be_priced_is_unknown_not_nothing() -> None:
    """A department none of whose pods has a price has no amount, and neither has a total of such departments."""
    rows = departments(spent("a", "3"), spent("b", None, unpriced_pods=2))
    alone = money_now(Money(day="d", at=NOW, spent=(spent("b", None),)), NOW)

    assert rows == [("a", "3", 1.0), ("unallocated", "0", 0.0), ("b", None, None)]
    assert [(total.currency, total.cost) for total in alone.totals] == [("USD", None)]
    assert [d.department for d in alone.departments] == ["b"]


@pytest.mark.parametrize("amounts", [("0", "0"), ("5", "-5")])
def test_a_total_of_nothing_has_no_shares(amounts: tuple[str, str]) -> None:
    """A correction may take a day back to 0; nothing is divided by it."""
    rows = departments(spent("a", amounts[0]), spent("unallocated", amounts[1]))

    assert [share for _, _, share in rows] == [None, None]


def test_money_has_an_age() -> None:
    """The answer is kept for seconds, and its age is shown."""
    assert money_now(some_money(), NOW + SECOND).age_ms == 2 * SECOND
