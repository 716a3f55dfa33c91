"""
What a replica says of itself: which shards it watches, and which replicas watch the others.
"""

from collector.core.live_view import ReplicaHealth


def replica_text(replica: ReplicaHealth | None) -> str:
    """One sentence; empty: nothing is known of replicas."""
    if replica is None:
        return ""
    if replica.alone:
        return f"single: it watches every cluster, because {replica.detail}"
    of = len(replica.shards)
    own = [str(shard.shard) for shard in replica.shards if shard.held]
    first = f"watches shard {', '.join(own)} of {of}" if own else "standby"
    others = [
        f"shard {shard.shard} is held by {shard.holder}" if shard.holder else f"shard {shard.shard} is free"
        for shard in replica.shards
        if not shard.held
    ]
    return "; ".join([first, *others])


def is_partial(replica: ReplicaHealth | None) -> bool:
    """Whether other replicas watch clusters that this one does not."""
    return replica is not None and not all(shard.held for shard in replica.shards)
