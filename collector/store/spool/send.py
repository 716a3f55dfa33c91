"""
Sends what a damaged spool holds to the store, for a file that was set aside. A row that the store has already is replaced by
itself, since each row has a key and a version.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from collector.catalog.tables import TABLE_NAMED
from collector.core.model import Fact, Instant
from collector.store.clickhouse import Store
from collector.store.spool import packing, salvage
from collector.store.spool.batches import unpacked
from collector.store.spool.file import SpoolDamagedError, written_at
from collector.store.spool.lost import facts_of
from collector.store.spool.salvage import Salvage


def send_salvaged(file: Path, store: Store | None, clusters: Iterable[str], now: Instant) -> Salvage:
    """
    Sends the readable rows of a damaged spool, and gaps of these clusters for what cannot be read; to no store only counts.

    Raises SpoolDamagedError if nothing can be read, SpoolBusyError while a collector uses the file, and StoreError.
    """
    until, result = written_at(file) or now, Salvage()
    with salvage.opened(file) as source:
        if source is None:
            raise SpoolDamagedError(f"{file}: nothing in it can be read; it is not a spool, or its tables are gone")
        for piece in salvage.read_pieces(source, result, until):
            rows = unpacked(piece)
            if store is not None and rows and piece.table in TABLE_NAMED:
                store.insert(TABLE_NAMED[piece.table], rows, packing.hash_rows(piece.table, [piece.body]))
    if store is not None:
        _send_facts(store, [fact for lost in result.lost for fact in facts_of(lost, clusters, salvage.WHY)], now)
    return result


def _send_facts(store: Store, facts: Sequence[Fact], now: Instant) -> None:
    for table, _, body in packing.pack_facts(facts, now):
        store.insert(TABLE_NAMED[table], packing.unpack_piece(table, body), packing.hash_rows(table, [body]))
