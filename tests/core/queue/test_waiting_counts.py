"""Live workflows as they are counted while they change."""

from collector.core.queue.waiting_counts import WaitingCounts
from tests.builders import HOUR, MINUTE, NOON, a_state


def test_queues_count_and_keep_the_oldest() -> None:
    """One row for each namespace, queue, reason and whether work has begun; finished workflows are in none."""
    volume = {"namespace": "b", "queue": "q", "reason": "volume", "reason_since": NOON}
    lock = {"namespace": "a", "queue": "q", "reason": "lock", "picked_up_at": None}
    lives = [
        a_state(**volume),
        a_state(**volume, picked_up_at=None, created_at=NOON + 5),
        a_state(**lock),
        a_state(**lock, created_at=NOON - HOUR),
        a_state(**lock, created_at=NOON - MINUTE),
        a_state(**lock, finished=True),
    ]
    counts = WaitingCounts()
    for number, state in enumerate(lives):
        counts.update(f"w{number}", state)
    found = [(w.cluster, w.namespace, w.reason, w.count, w.since, w.begun) for w in counts.rows("c1")]

    assert found == [
        ("c1", "a", "lock", 3, NOON - HOUR, False),
        ("c1", "b", "volume", 1, NOON + 5, False),
        ("c1", "b", "volume", 1, NOON, True),
    ]
