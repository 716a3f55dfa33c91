"""
What a replica says of itself: which shards it watches, and which replicas watch the others.
"""

from collector.core.live_view import ReplicaHealth
from collector.language.language import ENGLISH, Language


def replica_text(replica: ReplicaHealth | None, language: Language = ENGLISH) -> str:
    """One sentence; empty: nothing is known of replicas."""
    if replica is None:
        return ""
    if replica.alone:
        return language.text("single: it watches every cluster, because {why}", why=language.text(replica.detail))
    of = len(replica.shards)
    own = [str(shard.shard) for shard in replica.shards if shard.held]
    watched = language.text("watches shard {shards} of {number}", shards=language.text(", ").join(own), number=of)
    others = [
        language.text("shard {shard} is held by {holder}", shard=shard.shard, holder=shard.holder)
        if shard.holder
        else language.text("shard {shard} is free", shard=shard.shard)
        for shard in replica.shards
        if not shard.held
    ]
    return language.text("; ").join([watched if own else language.text("standby"), *others])


def is_partial(replica: ReplicaHealth | None) -> bool:
    """Whether other replicas watch clusters that this one does not."""
    return replica is not None and not all(shard.held for shard in replica.shards)
