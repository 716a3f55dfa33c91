"""Who asks, without a connection; tests/web/test_door.py asks over real ones."""

from collector.access.entrance import NO_TOKEN, OPEN_ENTRANCE, Entrance, token_of
from collector.access.scope import CERTIFIED, OPEN
from collector.access.tokens import LONGEST_TOKEN


def test_an_open_door_asks_for_nothing() -> None:
    """Whatever a request bears: a token for another server is not refused."""
    bearing = [(b"authorization", b"Bearer nonsense")]

    assert OPEN_ENTRANCE.visitor(bearing, "127.0.0.1") == OPEN
    assert Entrance(otherwise=CERTIFIED).visitor([], "10.0.0.1") == CERTIFIED


def test_a_door_without_any_token_lets_nobody_in() -> None:
    """As long as its files are missing."""
    assert Entrance().visitor([(b"authorization", b"Bearer x")], "127.0.0.1") == NO_TOKEN
    assert Entrance().visitor([], "") == NO_TOKEN


def test_bytes_that_are_no_text_are_no_token() -> None:
    """They arrive as they were sent, and nothing fails."""
    assert token_of([(b"authorization", b"Bearer \xff")]) == "\udcff"
    assert token_of([(b"cookie", b"lynceus_token=\xff")]) == "\udcff"
    assert token_of([(b"authorization", b"Bearer " + b"x" * 2 * LONGEST_TOKEN)]) == ""
    assert token_of([(b"authorization", b"")]) == ""
    assert token_of([]) == ""
