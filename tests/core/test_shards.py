"""A cluster's shard follows from its name alone."""

from collector.core.shards import lease_name, shard_of


def test_the_shard_of_a_name_never_changes() -> None:
    """Golden values: another hash would move clusters between replicas of two releases."""
    assert [shard_of(name, 4) for name in ("prod-a", "prod-b", "staging", "北京")] == [1, 3, 1, 1]
    assert shard_of("prod-a", 1) == 0


def test_shards_are_about_equal() -> None:
    """Of 400 clusters each of four shards gets its quarter, within a third."""
    shards = [shard_of(f"cluster-{i}", 4) for i in range(400)]
    assert all(67 <= shards.count(shard) <= 133 for shard in range(4))


def test_the_leases_of_two_partitions_have_no_name_in_common() -> None:
    """While the number of shards changes, both partitions are watched."""
    names = [lease_name("lynceus", shard, of) for of in (1, 2, 3) for shard in range(of)]
    assert len(set(names)) == len(names)
    assert names[0] == "lynceus-0-of-1"
