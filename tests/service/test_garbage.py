"""Python's search for reference cycles leaves out what lives long."""

import gc

from collector.service.garbage import COLLECT_AFTER, leave_out_present, short_searches


def test_searches_leave_out_what_exists_as_long_as_a_collector_runs() -> None:
    """Containers that are made later, too, once they are named; afterwards all is as before."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with short_searches():
        inside, left_out = gc.get_threshold()[0], gc.get_freeze_count()
        later = [[number] for number in range(1000)]
        leave_out_present()
        more = gc.get_freeze_count()

    assert inside == COLLECT_AFTER
    assert left_out > frozen
    assert more - left_out >= len(later)
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)
