"""What waits for its export between two runs of a collector."""

from pathlib import Path

import pytest

from collector.traces import saved_queue
from collector.traces.feed import AttemptKey, WaitingAttempt
from tests.builders import NOON
from tests.reports.stored import a_run
from tests.traces.test_feed import ENDED, a_feed, dropped, uids

QUEUE = {AttemptKey("c1", "team", NOON, f"w{i}", 1): WaitingAttempt(ENDED, ENDED, 7) for i in range(3)}


def test_what_was_saved_is_taken_once(tmp_path: Path) -> None:
    """The file is gone then: a second start has nothing to take."""
    saved_queue.save(tmp_path, QUEUE)

    assert saved_queue.load(tmp_path) == QUEUE
    assert saved_queue.load(tmp_path) == {}
    saved_queue.save(tmp_path, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[[1]]", b'[[["c"], {}]]'])
def test_a_file_that_cannot_be_read_is_nothing(tmp_path: Path, content: bytes) -> None:
    """It costs a few traces, not the start."""
    (tmp_path / saved_queue.NAME).write_bytes(content)

    assert saved_queue.load(tmp_path) == {}


def test_what_an_earlier_run_left_goes_first() -> None:
    """Within the bound of the queue, which may be smaller now."""
    feed = a_feed(delay_seconds=0, queue=4)
    feed.offer([a_run("new"), a_run("newer")], ENDED)
    feed.put_back(QUEUE)

    assert dropped(feed) == {("queue_full",): 1}
    assert uids(feed, ENDED) == ["w0", "w1", "w2", "new"]
