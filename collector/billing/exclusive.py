"""
Whoever changes months says so in the store, so that two that reprice or lock at once are kept apart.

A claim (store/claim.py) saves work and a quarrel; that nothing goes wrong without it is for others to see to (reprice.turn
looks again).
A claim runs out by itself; one of a process of this machine that has ended is free at once.
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
from collector.store.claim import acquire_claim, whose
from collector.store.clickhouse import Store, StoreError

MONTHS = "months"
"""The claim on changing what months cost."""
FOR_S = 120
RENEW_S = 30.0
SETTLE_S = 0.2
"""Between asking and asking again: two that began in the same instant have both written by then."""


@contextmanager
def claim_months(store: Store, renewing: Store, now: Callable[[], Instant]) -> Iterator[None]:
    """Change months with nobody else at it; RepricingError names who is. `renewing` is a connection of its own."""
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
    there = whose(store, MONTHS)
    at = now() if there is None or not _has_ended(there.holder) else max(now(), there.until)
    if acquire_claim(store, MONTHS, holder, at, FOR_S):
        time.sleep(SETTLE_S)
        if acquire_claim(store, MONTHS, holder, at, FOR_S):
            return
    there = whose(store, MONTHS)
    who, until = (there.holder, there.until) if there else ("another process", at)
    raise RepricingError(
        f"{who} is at work on months, and has claimed them until {datetime.fromtimestamp(until / 1000, UTC):%F %T} UTC; "
        "wait for it to end: one that was killed lets go then"
    )


def _has_ended(holder: str) -> bool:
    """Whether it was a process of this machine that is no more."""
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
