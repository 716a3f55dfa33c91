"""What a book states of its sources: when each was read, and which other one confirms a price."""

from decimal import Decimal
from pathlib import Path

import pytest

from collector.prices import book_yaml, checks
from collector.prices.book_yaml import BookError
from tests.prices.written import NOV, books, eci, row, text

FEE = {"id": "f", "amount": "1", "currency": "USD", "from": "2024-01-01", "source": "test"}


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (text(row()), "prices[0].read: is missing; write the day on which the source was read"),
        (text(row(confidence="low")), "prices[0].read: is missing"),
        (text(row(read="2026-11-01")), "prices[0].confirmed: is missing; name the independent source"),
        (text(row(read="2026-11-01", confidence="low"), fees=[FEE]), "fees[0].read: is missing"),
    ],
)
def test_a_shipped_book_states_when_it_was_read_and_what_confirms_it(content: bytes, remedy: str) -> None:
    """A file of yours needs neither; what no other source confirms is marked."""
    parsed = book_yaml.parse(content, "mine.yaml")
    checks.check(parsed, "mine.yaml")

    with pytest.raises(BookError) as error:
        checks.check_evidence(parsed, "mine.yaml")
    assert remedy in str(error.value)


def test_a_price_that_another_source_confirms_passes() -> None:
    """Or one that is marked."""
    sources = {"test": "a page", "other": "a list"}
    rows = (row(read="2026-11-01", confirmed="other"), row(read="2026-11-01", confidence="low", region="r"))

    checks.check_evidence(book_yaml.parse(text(*rows, sources=sources), "mine.yaml"), "mine.yaml")


def test_rates_name_the_oldest_day_on_which_a_source_was_read(tmp_path: Path) -> None:
    """A row without one does not hide it; a file of yours needs none."""
    storage = row(vcpu=None, memory=None, ephemeral="0.1", read="2026-02-01")
    flat = row(vcpu=None, memory=None, flat="0.1")
    found = books(tmp_path, text(row(read="2026-10-09"), storage, flat))

    assert found.look_up(eci(), NOV).read == "2026-10-09"
    assert found.look_up(eci(ephemeral_gib=Decimal(1)), NOV).read == "2026-02-01"
    assert books(tmp_path, text()).look_up(eci(), NOV).read == ""


def test_a_row_of_low_confidence_makes_its_charges_low_too(tmp_path: Path) -> None:
    """The price is an estimate, and the rule of the charge says so."""
    rates = books(tmp_path, text(row(confidence="low"))).look_up(eci(), NOV)

    assert (rates.confidence, rates.rule) == ("low", "*/general-purpose/on_demand; unconfirmed")
