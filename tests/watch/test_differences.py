"""The law of reconciliation: a complete watch never differs from a list, an incomplete one does."""

from typing import NamedTuple

from hypothesis import assume, given
from hypothesis import strategies as st

from collector.watch.differences import Differences, differences


class Event(NamedTuple):
    version: int
    what: str
    uid: str


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events of a few objects: each is created, changed and deleted in this order, or not at all."""
    events: list[Event] = []
    living: list[str] = []
    version = created = 0
    for choice in draw(st.lists(st.integers(0, 2**16), min_size=1, max_size=40)):
        version += 1 + choice % 3
        if choice % 4 == 0 or not living:
            created += 1
            uid = f"u{created}"
            living.append(uid)
            events.append(Event(version, "added", uid))
        else:
            uid = living[choice % len(living)]
            events.append(Event(version, "deleted" if choice % 4 == 3 else "modified", uid))
            if choice % 4 == 3:
                living.remove(uid)
    return events


def played(events: list[Event], until: int) -> dict[str, int]:
    """Versions by uid of the existing objects."""
    there: dict[str, int] = {}
    for event in events:
        if event.version <= until:
            if event.what == "deleted":
                there.pop(event.uid, None)
            else:
                there[event.uid] = event.version
    return there


def compared(reported: list[Event], true: list[Event], begun: int, listed_at: int, now: int) -> Differences:
    """A list at one version, requested when the watch was at `begun` and compared when the watch was at `now`."""
    departed = {event.uid for event in reported if event.what == "deleted" and begun < event.version <= now}
    return differences(played(true, listed_at), listed_at, played(reported, now), departed)


MOMENTS = st.tuples(*[st.integers(0, 130)] * 3).map(sorted)


@given(histories(), MOMENTS)
def test_a_complete_watch_never_differs(events: list[Event], moments: list[int]) -> None:
    """The list may be at any point among the events."""
    begun, listed_at, now = moments

    assert compared(events, events, begun, listed_at, now) == Differences()


@given(histories(), MOMENTS, st.integers(0, 1000))
def test_what_a_watch_left_out_is_one_difference(events: list[Event], moments: list[int], choose: int) -> None:
    """The missed event is the last one of an object, reflected by the list and not repaired by a later event."""
    begun, listed_at, now = moments
    last = {event.uid: event for event in events if event.version <= now}
    candidates = [event for event in last.values() if event.version <= listed_at]
    assume(candidates)
    dropped = candidates[choose % len(candidates)]
    found = compared([event for event in events if event != dropped], events, begun, listed_at, now)
    kind = {"added": "missing", "modified": "stale", "deleted": "phantom"}[dropped.what]

    assert found == Differences(**{kind: frozenset({dropped.uid})})
