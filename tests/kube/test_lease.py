"""The rules of a Lease: never two holders, always one soon, and a clean end hands it over at once."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, cycle, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.kube.lease import (
    DEADLINE_S,
    LEASE_S,
    LONGEST_LEASE_S,
    LONGEST_YIELD_S,
    LOOK_S,
    RENEW_S,
    ReadLease,
    Rest,
    ShardLease,
    Standing,
    WriteLease,
)
from tests.examples import examples

TIMEOUT_S = 2.0


class Server:
    """An API server's one Lease, with optimistic concurrency."""

    def __init__(self) -> None:
        self.lease: ShardLease | None = None
        self._versions = count(1)

    def write(self, lease: ShardLease) -> ShardLease | None:
        """None: refused, the Lease has another version."""
        if (self.lease.version if self.lease else "") != lease.version:
            return None
        self.lease = replace(lease, version=str(next(self._versions)))
        return self.lease


def settle(standing: Standing, server: Server, now: float, others_held: int = 0) -> ReadLease | WriteLease | Rest:
    """Does what is to be done at one instant; returns the wait that follows."""
    for _ in range(5):
        step = standing.next(now, others_held)
        match step:
            case Rest():
                return step
            case ReadLease():
                standing.saw(server.lease, now)
            case WriteLease(lease):
                written = server.write(lease)
                if written:
                    standing.wrote(written, now)
                else:
                    standing.conflicted()
    return step


def run(standing: Standing, server: Server, until: float, begin: float = 0.0, others_held: int = 0) -> float:
    """Lets time pass until the Lease is held, or until an instant; returns when."""
    now = begin
    while now < until and not standing.holds(now):
        step = settle(standing, server, now, others_held)
        if not standing.holds(now):
            now += step.seconds if isinstance(step, Rest) else LOOK_S
    return now


def test_the_first_replica_creates_the_lease_and_renews_it() -> None:
    """It is held at once, renewed every two seconds, and one holder is one transition."""
    server, a = Server(), Standing("a")
    assert settle(a, server, 0) == Rest(RENEW_S)
    assert a.holds(0)
    assert server.lease == ShardLease("a", "1", LEASE_S, 0)
    settle(a, server, RENEW_S)
    assert server.lease == ShardLease("a", "2", LEASE_S, 0)
    assert a.holds(RENEW_S + DEADLINE_S - 0.001)
    assert not a.holds(RENEW_S + DEADLINE_S)


def test_a_standby_takes_over_when_the_lease_has_expired() -> None:
    """Counted from when it first saw the last renewal; nothing in the Lease's own times matters."""
    server, a, b = Server(), Standing("a"), Standing("b")
    settle(a, server, 0)
    settle(b, server, 0.9)
    assert b.holder == "a"
    assert run(b, server, 30, begin=0.9) == pytest.approx(0.9 + LEASE_S)
    assert server.lease is not None
    assert (server.lease.holder, server.lease.transitions) == ("b", 1)
    assert (a.has_had_holders, b.has_had_holders) == (False, True)


def test_after_a_clean_end_the_next_look_takes_over() -> None:
    """A released Lease has no holder."""
    server, a, b = Server(), Standing("a"), Standing("b")
    settle(a, server, 0)
    settle(b, server, 0.5)
    written = server.write(a.release(1.0) or ShardLease("not written"))
    assert written == ShardLease("", "2", LEASE_S, 0)
    assert not a.holds(1.0)
    assert run(b, server, 30, begin=1.0) <= 1.0 + LOOK_S


def test_who_does_not_hold_a_lease_releases_none() -> None:
    """A standby that ends, and a holder whose time is over, write nothing: the Lease may be another's."""
    server, a, b = Server(), Standing("a"), Standing("b")
    settle(a, server, 0)
    settle(b, server, 0)
    assert b.release(1) is None
    assert a.release(DEADLINE_S) is None


def test_a_holder_that_cannot_renew_stops_before_anyone_may_follow() -> None:
    """Requests fail for longer than the deadline; when they succeed again, the same replica goes on."""
    server, a = Server(), Standing("a")
    settle(a, server, 0)
    now = RENEW_S
    while now < 20:
        assert isinstance(a.next(now, 0), WriteLease)
        a.failed(now)
        now += LOOK_S
    assert not a.holds(DEADLINE_S)
    settle(a, server, now)
    assert a.holds(now)
    assert server.lease is not None
    assert server.lease.transitions == 0


def test_a_zombie_finds_out_and_takes_nothing_back() -> None:
    """Stopped for a minute, it does not hold the Lease when it wakes, before any request; its write is refused."""
    server, a, b = Server(), Standing("a"), Standing("b")
    settle(a, server, 0)
    run(b, server, 30, begin=0.5)
    settle(b, server, 59)
    assert not a.holds(60)
    settle(a, server, 60)
    assert a.holder == "b"
    assert not a.holds(60)


def test_replicas_that_start_together_share() -> None:
    """Of four Leases each takes two, whichever asks first."""
    servers = [Server() for _ in range(4)]
    replicas = {name: [Standing(name) for _ in servers] for name in "ab"}
    for now in (0.0, 0.01, 1.0, 1.01, 2.0, 2.01):
        for name in "ab" if now % 1 else "ba":
            order = range(4) if name == "a" else reversed(range(4))
            for i in order:
                held = sum(s.holds(now) for j, s in enumerate(replicas[name]) if j != i)
                settle(replicas[name][i], servers[i], now, held)
    assert [sum(s.holds(2.02) for s in standings) for standings in replicas.values()] == [2, 2]


def test_one_replica_alone_takes_everything() -> None:
    """However many it holds already, after a few seconds."""
    server, a = Server(), Standing("a")
    assert run(a, server, 60, others_held=20) == pytest.approx(LONGEST_YIELD_S, abs=0.01)


def test_a_deleted_lease_is_made_again_by_its_holder() -> None:
    """Its own other Leases make it no more polite: it still watches."""
    server, a = Server(), Standing("a")
    settle(a, server, 0)
    server.lease = None
    a.conflicted()
    settle(a, server, RENEW_S, others_held=3)
    assert server.lease == ShardLease("a", "2", LEASE_S, 0)


def test_a_write_without_an_answer_counts_from_the_next_write() -> None:
    """The Lease says that we hold it, which proves nothing about when; we write again."""
    server, a = Server(), Standing("a")
    a.saw(None, 0)
    step = a.next(0, 0)
    assert isinstance(step, WriteLease)
    server.write(step.lease)
    a.failed(2)
    assert not a.holds(2)
    assert isinstance(settle(a, server, 3), Rest)
    assert a.holds(3)


@pytest.mark.parametrize(("written", "waited"), [(0, 1), (-5, 1), (20, 20), (10**9, LONGEST_LEASE_S)])
def test_another_release_may_promise_another_duration(written: int, waited: int) -> None:
    """The holder's own word counts, within reason."""
    server, b = Server(), Standing("b")
    server.write(ShardLease("a", duration_s=written))
    assert run(b, server, 200) == pytest.approx(waited)


# Two replicas in true time, each with a clock of its own.


@dataclass
class Replica:
    """A replica with a clock that runs at its own rate from its own begin, and the spans in which it believed to hold."""

    standing: Standing
    begin: float
    rate: float
    spans: list[tuple[float, float]] = field(default_factory=list)

    def clock(self, at: float) -> float:
        return self.begin + self.rate * at

    def until(self, at: float) -> float:
        """True time at which what is held now ends."""
        low, high = at, at + 2 * DEADLINE_S
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if self.standing.holds(self.clock(middle)) else (low, middle)
        return low


@dataclass(frozen=True)
class Trouble:
    """What befalls one replica for some seconds: its requests are lost, or only their answers, or its process is stopped."""

    who: str
    begin: float
    seconds: float
    what: str


troubles = st.builds(
    Trouble,
    who=st.sampled_from("abc"),
    begin=st.floats(0, 60),
    seconds=st.floats(1, 20),
    what=st.sampled_from(["request", "answer", "stop"]),
)
delays = st.lists(st.floats(0, 1.5), min_size=1, max_size=9)
rates = st.floats(0.9, 1.1)


class History:
    """Replicas in true time. A request that was given up may still arrive at the server."""

    def __init__(self, replicas: list[Replica], troubles: list[Trouble], delays: list[float]) -> None:
        self._server, self._order = Server(), count()
        self._troubles, self._delays = troubles, cycle(delays)
        self._events: list[tuple[float, int, Callable[[float], object]]] = []
        for replica in replicas:
            self._at(0.0, partial(self._step, replica))

    def run(self, end: float) -> None:
        while self._events[0][0] < end:
            at, _, what = heapq.heappop(self._events)
            what(at)

    def _at(self, at: float, what: Callable[[float], object]) -> None:
        heapq.heappush(self._events, (at + 1e-6, next(self._order), what))

    def _trouble(self, replica: Replica, at: float, what: str) -> Trouble | None:
        own = (t for t in self._troubles if t.who == replica.standing.identity and t.what == what)
        return next((t for t in own if t.begin <= at < t.begin + t.seconds), None)

    def _awake(self, replica: Replica, at: float) -> float:
        stop = self._trouble(replica, at, "stop")
        return stop.begin + stop.seconds if stop else at

    def _step(self, replica: Replica, at: float) -> None:
        step = replica.standing.next(replica.clock(at), 0)
        if isinstance(step, Rest):
            self._at(self._awake(replica, at + step.seconds / replica.rate), partial(self._step, replica))
            return
        there, back = next(self._delays), next(self._delays)
        answers: list[ShardLease | None] = []
        is_lost = self._trouble(replica, at, "request")
        if not is_lost:
            self._at(at + there, lambda _: answers.append(self._reach(step)))
        is_late = is_lost or self._trouble(replica, at, "answer") or there + back > TIMEOUT_S
        back_at = self._awake(replica, at + (TIMEOUT_S if is_late else there + back))
        self._at(back_at, partial(self._answer, replica, step, replica.clock(at), None if is_late else answers))

    def _reach(self, step: ReadLease | WriteLease) -> ShardLease | None:
        return self._server.write(step.lease) if isinstance(step, WriteLease) else self._server.lease

    def _answer(
        self,
        replica: Replica,
        step: ReadLease | WriteLease,
        sent_at: float,
        got: list[ShardLease | None] | None,
        at: float,
    ) -> None:
        standing, now = replica.standing, replica.clock(at)
        if got is None:
            standing.failed(now)
        elif isinstance(step, ReadLease):
            standing.saw(got[0], now)
        elif got[0] is None:
            standing.conflicted()
        else:
            standing.wrote(got[0], sent_at)
            if standing.holds(now):
                replica.spans.append((at, replica.until(at)))
        self._step(replica, at)


@settings(max_examples=examples(300), deadline=None)
@given(
    st.lists(rates, min_size=3, max_size=3),
    st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3),
    st.lists(troubles, max_size=12),
    delays,
)
def test_no_two_replicas_hold_a_lease_at_one_instant(
    clock_rates: list[float], begins: list[float], troubles: list[Trouble], delays: list[float]
) -> None:
    """Whatever is lost, late or stopped, and whatever the clocks say: spans of belief never overlap."""
    replicas = [
        Replica(Standing(name), begin, rate) for name, begin, rate in zip("abc", begins, clock_rates, strict=True)
    ]
    History(replicas, troubles, delays).run(100)
    spans = sorted((begin, end, replica.standing.identity) for replica in replicas for begin, end in replica.spans)
    for (_, end, before), (begin, _, after) in pairwise(spans):
        assert before == after or begin >= end


@settings(max_examples=examples(150), deadline=None)
@given(rates, rates, st.lists(troubles, max_size=12))
def test_soon_after_the_trouble_one_holds_it(one: float, other: float, troubles: list[Trouble]) -> None:
    """The last trouble is over after 80 s at most; a Lease's duration and two looks later a replica holds the Lease."""
    replicas = [Replica(Standing("a"), 0.0, one), Replica(Standing("b"), 5.0, other)]
    soon = 80 + (LEASE_S + 2 * LOOK_S + 2 * TIMEOUT_S) / 0.9
    History(replicas, troubles, [0.01]).run(soon)
    assert max((end for replica in replicas for _, end in replica.spans), default=0.0) > soon
