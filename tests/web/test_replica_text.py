"""What a replica says of itself fits in one sentence."""

import pytest

from collector.core.live_view import ReplicaHealth, ShardHolder
from collector.web.replica_text import is_partial, replica_text

ALONE = ReplicaHealth("a", "outside", "it runs outside a cluster", [ShardHolder(0, True, "")])


@pytest.mark.parametrize(
    ("replica", "text", "partial"),
    [
        (None, "", False),
        (ALONE, "single: it watches every cluster, because it runs outside a cluster", False),
        (ReplicaHealth("a", "", "", [ShardHolder(0, True, "a")]), "watches shard 0 of 1", False),
        (ReplicaHealth("a", "", "", [ShardHolder(0, False, "b")]), "standby; shard 0 is held by b", True),
        (ReplicaHealth("a", "", "", [ShardHolder(0, False, "")]), "standby; shard 0 is free", True),
        (
            ReplicaHealth(
                "a", "", "", [ShardHolder(0, True, "a"), ShardHolder(1, False, "b"), ShardHolder(2, True, "a")]
            ),
            "watches shard 0, 2 of 3; shard 1 is held by b",
            True,
        ),
    ],
)
def test_a_replica_names_its_shards(replica: ReplicaHealth | None, text: str, partial: bool) -> None:
    """And who watches the rest."""
    assert replica_text(replica) == text
    assert is_partial(replica) == partial
