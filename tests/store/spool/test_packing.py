"""Packed rows: those of an older release are still read."""

from msgspec.structs import fields

from collector.core.facts.workflows import WorkflowLive, WorkflowRun
from collector.store.spool import packing


def test_rows_of_an_older_release_get_the_defaults_of_newer_columns() -> None:
    """Rows that wait in a spool during an upgrade are still sent; a field that they lack has its default."""
    fields = WorkflowLive.__struct_fields__
    older = list(range(len(fields) - 6))

    (row,) = packing.unpack_piece("workflow_live", packing.encode([older]))

    assert row == [*older, "", "", None, 0, 0, None]


def test_a_column_that_holds_a_map_is_empty_by_default() -> None:
    """Each row gets a new default value, and not the marker for a missing default."""
    known = WorkflowRun.__struct_fields__.index("waited_on")
    (row,) = packing.unpack_piece("workflow_run", packing.encode([list(range(known))]))

    assert row[known:] == [{}, "", "", None, "", 0, {}, 0]


def test_uncompressed_rows_of_an_older_release_mix_with_compressed_rows() -> None:
    """One batch may hold both, in order; compression makes many rows several times smaller."""
    rows = [[f"workflow-{n}", "Succeeded", n] for n in range(200)]
    plain, compressed = packing.encode(rows[:100]), packing.pack_rows(rows[100:])

    bodies = (plain, compressed, packing.pack_rows(rows[:1]))
    assert [row for body in bodies for row in packing.unpack_piece("workflow_live", body)] == [
        row + [field.default for field in fields(WorkflowLive)[3:]] for row in [*rows, rows[0]]
    ]
    assert len(compressed) * 3 < len(packing.encode(rows[100:]))
