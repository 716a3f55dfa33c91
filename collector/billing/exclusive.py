"""
Allows one process at a time to change months: reprice, lock, unlock or reconcile.

The claim in the store (store/claim.py) saves work and prevents conflicts; correctness does not depend on it, because
reprice.activate checks the months again. A claim expires by itself; the claim of a process of this machine that has
ended is free at once.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from collector.billing.runs import RepricingError
from collector.core.model import Instant
from collector.store.claim import acquire_claim, current_claim
from collector.store.clickhouse import Store, StoreError

MONTHS = "months"
"""The claim on changing what months cost."""
FOR_S = 120
"""After this time without a renewal the claim expires."""
RENEW_S = 30.0
SETTLE_S = 0.2
"""Between claiming and checking: two processes that claim at the same instant have both written by then."""


@contextmanager
def claim_months(store: Store, renewing: Store, now: Callable[[], Instant]) -> Iterator[None]:
    """Claims the months for the block, or raises RepricingError with the holder; `renewing` is a connection of its own."""
    holder = f"process {os.getpid()} on {socket.gethostname()}"
    _claim(store, holder, now)
    ended = threading.Event()
    renewer = threading.Thread(target=_renew, args=(renewing, holder, now, ended), daemon=True)
    renewer.start()
    try:
        yield
    finally:
        ended.set()
        renewer.join()
        with contextlib.suppress(StoreError):
            acquire_claim(store, MONTHS, holder, now(), 0)


def _claim(store: Store, holder: str, now: Callable[[], Instant]) -> None:
    current = current_claim(store, MONTHS)
    at = now() if current is None or not _has_ended(current.holder) else max(now(), current.until)
    if acquire_claim(store, MONTHS, holder, at, FOR_S):
        time.sleep(SETTLE_S)
        if acquire_claim(store, MONTHS, holder, at, FOR_S):
            return
    current = current_claim(store, MONTHS)
    other, until = (current.holder, current.until) if current else ("another process", at)
    raise RepricingError(
        f"{other} is changing months and holds the claim until {datetime.fromtimestamp(until / 1000, UTC):%F %T} UTC; "
        "wait for it to end: if it was killed, the claim expires then"
    )


def _has_ended(holder: str) -> bool:
    """Returns whether the holder is a process of this machine that has ended."""
    words = holder.split()
    if len(words) != 4 or words[3] != socket.gethostname() or not words[1].isdigit():
        return False
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _renew(store: Store, holder: str, now: Callable[[], Instant], ended: threading.Event) -> None:
    while not ended.wait(RENEW_S):
        with contextlib.suppress(StoreError):
            acquire_claim(store, MONTHS, holder, now(), FOR_S)
