"""One process at a time changes months, by a claim in the store."""

import os
import socket
import subprocess
import threading

import pytest

from collector.billing import exclusive
from collector.billing.exclusive import MONTHS, claim_months
from collector.billing.runs import RepricingError
from collector.clock import now_ms
from collector.store.claim import acquire_claim, current_claim
from collector.store.clickhouse import Store
from tests.store.running import Running


def test_one_has_it_until_it_runs_out(store: Store) -> None:
    """The holder can renew a claim; another process gets it only after it expired."""
    assert acquire_claim(store, "job", "a", 1_000, 60)
    assert acquire_claim(store, "job", "a", 2_000, 60)
    assert not acquire_claim(store, "job", "b", 61_999, 60)
    assert acquire_claim(store, "job", "b", 62_000, 60)
    assert not acquire_claim(store, "job", "a", 62_001, 60)


def test_the_error_names_the_holder_and_the_end_of_the_claim(store: Store) -> None:
    """And what to do."""
    assert acquire_claim(store, MONTHS, "process 7 on elsewhere", 3_999_999_940_000, 60)

    with (
        pytest.raises(
            RepricingError, match=r"process 7 on elsewhere is changing months .* until 2096-10-02 07:06:40 UTC; wait"
        ),
        claim_months(store, store, now_ms),
    ):
        pass


def test_a_claim_is_released_at_the_end_even_after_a_failure(store: Store, engine: Running) -> None:
    """The next one need not wait."""
    renewing = engine.writer()
    for _ in range(2):
        with pytest.raises(KeyError), claim_months(store, renewing, now_ms):
            raise KeyError
    renewing.close()


def test_a_claim_is_renewed_while_the_work_lasts(
    store: Store, engine: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the work takes."""
    monkeypatch.setattr(exclusive, "RENEW_S", 0.01)
    renewing, renewed = engine.writer(), threading.Event()
    versions = iter(range(1_000, 10**9))

    def now() -> int:
        if (at := next(versions)) > 1_010:
            renewed.set()
        return at

    with claim_months(store, renewing, now):
        assert renewed.wait(20)
    found = current_claim(store, MONTHS)
    renewing.close()

    assert found is not None
    assert found.until > 1_010


@pytest.mark.parametrize(("holder", "free"), [
    ("process {gone} on {here}", True), ("process {me} on {here}", False), ("process 1 on {here}", False),
    ("process {gone} on elsewhere", False), ("process x on {here}", False), ("somebody", False),
])  # fmt: skip
def test_a_process_of_this_machine_that_has_ended_holds_nothing(store: Store, holder: str, free: bool) -> None:
    """One that may run, here or elsewhere, does until its claim runs out."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    name = holder.format(gone=ended.pid, me=os.getppid(), here=socket.gethostname())
    assert acquire_claim(store, MONTHS, name, now_ms(), 60)

    try:
        with claim_months(store, store, now_ms):
            had = True
    except RepricingError:
        had = False

    assert had == free
