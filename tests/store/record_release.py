"""
Records what this release writes, for the next one: an empty spool, rows as they stand in it, and the same rows in a store.

Run it in a checkout of the release, with its code; it needs nothing but the packages of requirements-dev.lock:

    cd CHECKOUT-OF-THE-RELEASE && python THIS-CHECKOUT/tests/store/record_release.py OUT.json RELEASE

tests/store/spool/test_upgrade.py reads the newest of these files.
"""

import json
import sqlite3
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path.cwd()))

from collector.catalog.tables import TABLE_OF
from collector.core.model import Fact
from collector.store.schema.migrate import load, migrate
from collector.store.spool.packing import encode, unpack_rows
from collector.store.spool.spool import open_spool
from tests.store.filling import insert_facts, recorded_facts
from tests.store.running import ask, start

ROWS_OF_A_TABLE = 12
AT = 1_796_000_000_000


def some_facts() -> list[Fact]:
    """A few rows of each table, as the release makes them from recorded events."""
    by_kind: dict[type[Fact], list[Fact]] = defaultdict(list)
    for fact in recorded_facts():
        by_kind[type(fact)].append(fact)
    return [fact for facts in by_kind.values() for fact in facts[:ROWS_OF_A_TABLE]]


def empty_spool(folder: Path) -> dict[str, Any]:
    """SQL that makes the release's spool, and the number of its schema."""
    file = folder / "spool.sqlite"
    open_spool(file, 1 << 30, AT).close()
    with sqlite3.connect(file) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return {"schema": version, "sql": "\n".join(connection.iterdump())}


def spooled(facts: list[Fact]) -> dict[str, list[Any]]:
    """The rows of each table as the spool packs them."""
    rows: dict[str, list[Any]] = defaultdict(list)
    for fact in facts:
        rows[TABLE_OF[type(fact)].name] += unpack_rows(encode([fact]))
    return rows


def stored(folder: Path, facts: list[Fact]) -> dict[str, list[str]]:
    """The rows of each table in a store of the release: a line with the columns' names, then a line for each row."""
    running = start(folder)
    store = running.writer()
    migrate(store)
    insert_facts(store, facts, "record")
    lines = {}
    for table in {TABLE_OF[type(fact)].name for fact in facts}:
        reply = ask(running, f"SELECT * FROM lynceus.{table} FINAL FORMAT JSONCompactEachRowWithNames")
        lines[table] = reply.text.splitlines()
    store.close()
    running.stop()
    return lines


def main(out: Path, release: str) -> None:
    """Writes one file."""
    facts = some_facts()
    with tempfile.TemporaryDirectory() as folder:
        recorded = {
            "release": release,
            "migrations": len(load()),
            "spool": empty_spool(Path(folder)),
            "spooled": spooled(facts),
            "stored": stored(Path(folder), facts),
        }
    out.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
