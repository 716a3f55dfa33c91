"""What a collector resumes from: the positions and states of one cluster that is added to it."""

from msgspec.structs import replace

from collector.core.messages import Checkpoint, Commit
from collector.store.spool.spool import Spool
from tests.store.spool.spooled import NOW, a_cursor


def test_one_cluster_is_loaded_while_others_are_written(spool: Spool) -> None:
    """A cluster that is added to a running collector finds its own positions and states, and a damaged one is noticed."""
    for name in ("c", "d"):
        upsert = Checkpoint(cluster=name, kind="pods", uid="p", state=name.encode())
        spool.commit(Commit(at=NOW, cursors=[replace(a_cursor("8"), cluster=name)], upserts=[upsert]))

    loaded = spool.load_cluster("d")
    assert [cursor.cluster for cursor in loaded.cursors] == ["d"]
    assert (loaded.checkpoints, loaded.damaged) == ([("d", "pods", "p", b"d")], frozenset())
    assert spool.load_cluster("never").cursors == []
    spool._connection.execute("UPDATE checkpoint SET state = x'00' WHERE cluster = 'd'")
    damaged = spool.load_cluster("d")
    assert (damaged.cursors, damaged.checkpoints, damaged.damaged) == ([], [], frozenset({"d"}))
    assert [cursor.cluster for cursor in spool.load().cursors] == ["c"]
