"""
Which shard a cluster belongs to: a hash of its name, equal in every process and every release.
"""

from zlib import crc32


def shard_of(cluster: str, of: int) -> int:
    """
    The shard of a cluster, from 0 to `of` - 1: CRC-32 of its name in UTF-8, modulo `of`.

    Python's own hash() of a text differs by process.
    """
    return crc32(cluster.encode()) % of


def lease_name(name: str, shard: int, of: int) -> str:
    """
    The Lease of a shard, like `lynceus-0-of-2`.

    It names the number of shards too: during a change of that number both partitions have holders, so that each cluster is
    watched twice for a moment and always at least once.
    """
    return f"{name}-{shard}-of-{of}"
