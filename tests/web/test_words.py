"""Figures that every language writes alike: never 0 for what is not known."""

from collector.web import words
from tests.builders import NOON


def test_counts_sizes_and_instants() -> None:
    """As people write them."""
    assert [words.count(n) for n in (None, 0, 1234567)] == ["–", "0", "1,234,567"]
    assert [words.average(n) for n in (None, 0, 1.25, 12.6)] == ["–", "0", "1.2", "13"]
    assert [words.bytes_of(size) for size in (10, 1536, 3 * 1024**5)] == ["10 B", "1.5 KiB", "3072 TiB"]
    assert (words.clock(None), words.clock(NOON), words.iso(NOON)) == (
        "–",
        "2026-11-22 12:00:00",
        "2026-11-22T12:00:00Z",
    )
