"""Slices of long work."""

from collector.core.slices import BATCH, freed, in_batches


def test_the_objects_of_a_slice_are_bounded() -> None:
    """The last batch is smaller; none is empty."""
    assert [len(batch) for batch in in_batches(range(2 * BATCH + 1))] == [BATCH, BATCH, 1]
    assert [*in_batches([])] == []


def test_a_list_is_freed_in_slices() -> None:
    """A slice frees so many objects. A tuple, as a default is, is freed with its holder."""
    objects = [*range(2 * BATCH + 1)]

    assert [len(objects) for _ in freed(objects)] == [BATCH + 1, 1, 0]
    assert [*freed((1, 2))] == []
