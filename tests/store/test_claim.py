"""Claims on jobs that one collector should do, on the real engine."""

import pytest

from collector.store.claim import acquire_claim
from collector.store.clickhouse import Store
from tests.store.running import Running

NOW = 1_800_000_000_000


@pytest.fixture
def store(writer: Store) -> Store:
    writer.command("TRUNCATE TABLE lynceus.claim")
    return writer


def test_one_of_two_holds_a_job_until_it_is_silent(store: Store, running: Running) -> None:
    """A holder that renews in time keeps the job; otherwise the next collector gets it."""
    other = running.writer()

    assert acquire_claim(store, "job", "a", NOW, 60)
    assert not acquire_claim(other, "job", "b", NOW + 1, 60)
    assert acquire_claim(store, "job", "a", NOW + 59_000, 60)
    assert not acquire_claim(other, "job", "b", NOW + 61_000, 60)
    assert acquire_claim(other, "job", "b", NOW + 119_000, 60)
    assert not acquire_claim(store, "job", "a", NOW + 119_001, 60)
    other.close()


def test_jobs_are_claimed_each_by_itself(store: Store) -> None:
    """Two collectors may hold different jobs."""
    assert acquire_claim(store, "one", "a", NOW, 60)
    assert acquire_claim(store, "two", "b", NOW, 60)


def test_a_clock_that_goes_back_keeps_its_claims(store: Store) -> None:
    """A claim made by a clock that is ahead is replaced once it has ended, whatever its version."""
    assert acquire_claim(store, "job", "a", NOW, 60)
    assert acquire_claim(store, "job", "a", NOW - 30_000, 60)
    assert acquire_claim(store, "job", "b", NOW + 30_000, 60)


def test_of_two_that_claim_at_once_one_is_left(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both may succeed once; of their next requests one is refused."""
    ask = store.query_rows
    between: list[object] = []

    def with_another_in_between(*question: object) -> list[tuple[object, ...]]:
        answer = ask(*question)  # type: ignore[arg-type]
        if not between:
            between.append(1)
            between.append(acquire_claim(store, "job", "b", NOW, 60))
        return answer

    monkeypatch.setattr(store, "query_rows", with_another_in_between)

    assert acquire_claim(store, "job", "a", NOW, 60)
    assert between == [1, True]
    assert [acquire_claim(store, "job", name, NOW + 1, 60) for name in ("b", "a")].count(True) == 1
