"""How old the loaded prices are: when their sources were read, and until when they are valid."""

from pathlib import Path
from typing import Any

import pytest

from collector.core.live_view import PriceBook
from collector.prices import book
from collector.prices.freshness import price_books
from tests.builders import at
from tests.prices.written import NOV, books, own, row, text

RATE = {"pair": "CNY/USD", "rate": "0.14", "from": "2026-01-01", "source": "test"}
FEE = {"id": "slb", "amount": "1", "from": "2026-01-01", "source": "test"}


def age(folder: Path, *rows: dict[str, Any], **more: Any) -> PriceBook:
    """The age of a book with these prices."""
    (only,) = price_books(books(folder, text(*rows, **more)), NOV)
    return only


def test_each_file_has_its_own_age(tmp_path: Path) -> None:
    """A user's own file as well as the book that it extends, under the names that charges cite."""
    loaded = books(tmp_path, text(row(read="2026-11-20")), own(row(read="2026-10-01", to="2027-01-01")))

    assert price_books(loaded, NOV) == [
        PriceBook("own@1", at("2026-10-01"), at("2027-01-01")),
        PriceBook("mine@1", at("2026-11-20"), None),
    ]


def test_the_oldest_row_that_is_in_use_counts(tmp_path: Path) -> None:
    """Neither one that has ended, nor one that begins later."""
    ended, later = row(read="2024-01-01", to="2026-11-01"), row(read="2025-01-01", **{"from": "2027-01-01"})
    used = [
        row(read="2026-11-20", to="2027-01-01", **{"from": "2026-11-01"}),
        row(read="2026-11-10", region="cn-beijing"),
    ]

    assert age(tmp_path, ended, later, *used).read_at == at("2026-11-10")


def test_rows_that_do_not_say_when_their_source_was_read_have_no_age(tmp_path: Path) -> None:
    """Unknown is not fresh."""
    assert age(tmp_path, row()).read_at is None
    assert age(tmp_path, row(), fees=[{**FEE, "read": "2026-11-01"}]).read_at == at("2026-11-01")


@pytest.mark.parametrize(
    ("ends", "more", "until"),
    [
        (["2027-01-01"], {}, "2027-01-01"),
        (["2026-12-01", "2027-01-01"], {}, "2027-01-01"),
        (["2026-12-01", None], {}, None),
        ([None], {}, None),
        (["2027-01-01"], {"exchange": [{**RATE, "to": "2026-12-01"}]}, "2026-12-01"),
        (["2026-12-01"], {"exchange": [{**RATE, "to": "2027-01-01"}]}, "2026-12-01"),
        ([None], {"exchange": [{**RATE, "to": "2026-12-01"}]}, "2026-12-01"),
        ([None], {"exchange": [{**RATE, "to": "2026-12-01"}, {**RATE, "from": "2026-12-01"}]}, None),
        ([None], {"fees": [{**FEE, "to": "2026-12-01"}]}, None),
    ],
)
def test_a_book_is_valid_until_its_last_row_ends(
    tmp_path: Path, ends: list[str | None], more: dict[str, Any], until: str | None
) -> None:
    """The prices, or the exchange rates of a pair; a fee may end for good."""
    rows = [row(to=end, region=f"cn-{i}") for i, end in enumerate(ends)]

    assert age(tmp_path, *rows, **more).valid_until == (None if until is None else at(until))


def test_every_shipped_book_has_the_days_on_which_its_sources_were_read() -> None:
    """Else old shipped prices would go unnoticed."""
    ages = price_books(book.load(book.shipped_ids(), Path()), NOV)

    assert [age.name.partition("@")[0] for age in ages if age.read_at is None] == []
