"""How far messages are, in the real store: of each step one collector writes the row."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from collector.catalog.rollups import DELIVERY
from collector.delivery.records import BY_HAND, DeliveryRecord, advance, current, last_sent, latest
from collector.store.clickhouse import Store
from tests.builders import NOON
from tests.store.running import Running


def a_record(period: str = "") -> DeliveryRecord:
    """A message that nothing was done for; with a period of its own, since the store remembers each."""
    return DeliveryRecord(name="month", department="maps", period=period or secrets.token_hex(8), due=NOON)


def test_of_many_that_write_the_same_step_at_once_one_does(engine: Running) -> None:
    """20 messages, each claimed by 8 in the same instant: one has each, and the others know that they have it not."""
    stores = [engine.writer() for _ in range(8)]
    for store in stores:
        store.ping()
    try:
        with ThreadPoolExecutor(len(stores)) as threads:
            for _ in range(20):
                record, together = a_record(), Barrier(len(stores))

                def claim(number: int, record: DeliveryRecord = record, together: Barrier = together) -> bool:
                    together.wait()
                    return advance(stores[number], record, state="claimed", holder=str(number)) is not None

                won = list(threads.map(claim, range(len(stores))))
                stored = current(stores[0], record.name, record.department, record.period)

                assert won.count(True) == 1
                assert stored is not None
                assert stored.holder == str(won.index(True))
    finally:
        for store in stores:
            store.close()


def test_who_was_overtaken_writes_no_further_step(store: Store) -> None:
    """A collector that was stopped for long continues from the row that it read then."""
    old = advance(store, a_record(), state="claimed", holder="stopped")
    assert old is not None
    new = advance(store, old, state="claimed", holder="other")
    assert new is not None

    assert advance(store, old, state="sending", holder="stopped") is None
    assert current(store, old.name, old.department, old.period) == new


def test_a_token_without_a_row_stops_nobody(store: Store) -> None:
    """The store may be killed between the two: the next version is written instead, by one collector as ever."""
    record = a_record()
    columns = [getattr(record, column.name) for column in DELIVERY.stored]
    store.insert(DELIVERY, [columns], f"delivery month\0maps\0{record.period}\x001")
    store.command("ALTER TABLE lynceus.delivery DELETE WHERE 1 SETTINGS mutations_sync = 2")

    claimed = advance(store, record, state="claimed", holder="a")

    assert claimed is not None
    assert claimed.version == 2
    assert advance(store, record, state="claimed", holder="b") is None


def test_the_newest_are_listed_first_and_what_is_sent_by_hand_is_no_period(store: Store) -> None:
    """A command's message must not look like the scheduled one."""
    for period, at in (
        ("2026-11-01 09:00", NOON),
        ("2026-12-01 09:00", NOON + 2),
        (f"{BY_HAND} x", NOON + 3),
        ("", NOON),
    ):
        state = "sent" if period else "known"
        assert advance(store, a_record(period), period=period, state=state, at=at) is not None

    assert [record.period for record in latest(store, 2)] == [f"{BY_HAND} x", "2026-12-01 09:00"]
    assert last_sent(store) == {("month", "maps"): NOON + 2}
