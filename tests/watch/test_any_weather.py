"""
Whatever mix of faults, cuts, repetitions and lists: in the end the collector knows the truth, and saw nothing twice.

Hypothesis plays the network and the servers behind it; the model in truth.py is the judge.
"""

from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from collector.catalog.counters import Counters
from collector.core.facts.watches import WatchGap
from collector.core.messages import Observation, Outcome, Position
from collector.watch.api_errors import Cause
from collector.watch.protocol import Watch
from collector.watch.requests import Pause, Refresh, Request, Step
from tests.examples import examples
from tests.watch.steps import JSON, NOON, SECOND, WORKFLOWS, Stored, event, refusal, status
from tests.watch.truth import Truth

BAD_LINES = (
    b"not json at all\n",
    b'{"type":"ADDED","object":{"metadata":{"uid":"bad"}}}\n',
    b'{"type":"ADDED","object":[]}\n',
    b'{"type":"SYNC","object":{"metadata":{"uid":"bad","resourceVersion":"1"}}}\n',
    event("ERROR", status(500, "InternalError")),
    event("ERROR", status(410, "Expired")),
    event("ERROR", status(504, "Timeout", "Too large resource version: 9, current: 1")),
    event("ERROR", status(500, "StorageReadError")),
    b"\n",
)
REFUSALS = (
    (401, refusal(401)),
    (403, refusal(403, "Forbidden")),
    (404, refusal(404)),
    (400, refusal(400)),
    (410, refusal(410, "Expired")),
    (429, b"Too many requests"),
    (500, refusal(500)),
    (504, refusal(504, "Timeout", "Too large resource version: 9, current: 1")),
    (200, b"<html>"),
    (200, b'{"kind":"Status"}'),
)


ENDS: tuple[Cause, ...] = ("closed", "idle", "deadline", "back_pressure", "cut")


class Weather(RuleBasedStateMachine):
    """One watch, one server, and everything between them."""

    def __init__(self) -> None:
        super().__init__()
        self.truth = Truth()
        self.now = NOON
        self.emitted: list[Outcome] = []
        self.known: dict[str, int] = {}
        self.pending = b""
        """Bytes that are sent and not yet received."""
        self.sent = 0
        """The version up to which the open stream was sent events."""
        self.watch = self._a_watch(None)

    def _a_watch(self, resume: Stored | None) -> Watch:
        return Watch("prod", WORKFLOWS, dice=Random(1), counters=Counters(), resume=resume, resumed_at=self.now)

    def _take(self, outcomes: list[Outcome]) -> None:
        self.emitted += outcomes
        for outcome in outcomes:
            if isinstance(outcome, Observation):
                if outcome.change in ("deleted", "vanished"):
                    self.known.pop(outcome.uid, None)
                else:
                    self.known[outcome.uid] = outcome.version
        if not self.watch.streaming:
            self.pending = b""

    # The cluster lives.

    @initialize(objects=st.integers(0, 8), fair=st.booleans())
    def begin(self, objects: int, fair: bool) -> None:
        """Some clusters already have a history, and half of the runs begin without failures."""
        for _ in range(objects):
            self.truth.create()
        if fair:
            self._settle()

    @rule(changes=st.lists(st.tuples(st.sampled_from("cmmd"), st.integers(0, 99)), min_size=1, max_size=6))
    def live(self, changes: list[tuple[str, int]]) -> None:
        """Objects are created, changed and deleted."""
        for what, choose in changes:
            if what == "c" or not self.truth.objects:
                self.truth.create()
                continue
            uid = sorted(self.truth.objects)[choose % len(self.truth.objects)]
            self.truth.delete(uid) if what == "d" else self.truth.modify(uid)

    @rule()
    def compact(self) -> None:
        self.truth.compact()

    # The conversation.

    @precondition(lambda self: not self.watch.streaming)
    @rule(steps=st.integers(1, 6))
    def serve(self, steps: int = 1) -> None:
        """The next steps succeed."""
        for _ in range(steps):
            if not self.watch.streaming:
                self._serve(self.watch.step())

    def _serve(self, step: Step) -> None:
        if isinstance(step, Pause):
            self.now += int(step.seconds * SECOND)
        elif isinstance(step, Request) and step.verb == "watch":
            assert self.watch.opened(200, JSON, self.now)
            self.sent = int(step.params["resourceVersion"])
            self.pending = b""
        elif isinstance(step, Request):
            code, body = self.truth.answer(step)
            self._take(self.watch.answered(code, JSON, body, self.now))

    @precondition(lambda self: not self.watch.streaming)
    @rule(refusal=st.sampled_from(REFUSALS))
    def refuse(self, refusal: tuple[int, bytes]) -> None:
        """The next step is refused, if it is a request."""
        step = self.watch.step()
        if isinstance(step, Request):
            code, body = refusal
            headers = {"Content-Type": "text/html"} if body.startswith(b"<") else JSON
            if not (step.verb == "watch" and self.watch.opened(code, headers, self.now)):
                self._take(self.watch.answered(code, headers, body, self.now))
            else:
                self.sent = int(step.params["resourceVersion"])
                self.pending = body

    @precondition(lambda self: not self.watch.streaming)
    @rule()
    def no_answer(self) -> None:
        step = self.watch.step()
        if isinstance(step, Request):
            self._take(self.watch.broke("connection", "reset", self.now))

    @precondition(lambda self: self.watch.streaming)
    @rule(well=st.booleans())
    def fence(self, well: bool) -> None:
        step = self.watch.side_request()
        if isinstance(step, Request):
            code, body = self.truth.answer(step) if well else (500, b"")
            self._take(self.watch.side_request_answered(code, JSON, body, self.now))

    @precondition(lambda self: self.watch.streaming)
    @rule(mark=st.booleans())
    def send(self, mark: bool) -> None:
        """The server sends its new events."""
        self.pending += b"".join(self.truth.lines(self.sent)) + (self.truth.bookmark() if mark else b"")
        self.sent = self.truth.version

    @precondition(lambda self: self.watch.streaming)
    @rule(back=st.integers(0, 40))
    def send_again(self, back: int) -> None:
        """The server sends events again that it sent before."""
        lines = [line for line in self.truth.lines(max(self.sent - back, self.truth.oldest)) if b"ERROR" not in line]
        if self.sent == self.truth.version:
            self.pending += b"".join(lines)

    @precondition(lambda self: self.watch.streaming)
    @rule(line=st.sampled_from(BAD_LINES))
    def spoil(self, line: bytes) -> None:
        self.pending += line

    @precondition(lambda self: self.watch.streaming)
    @rule()
    def flow(self) -> None:
        """All new events arrive."""
        self.send(mark=False)
        self.deliver(100)

    @precondition(lambda self: self.pending)
    @rule(share=st.integers(1, 100))
    def deliver(self, share: int) -> None:
        """A part of the sent bytes arrives, cut at any byte."""
        cut = max(1, len(self.pending) * share // 100)
        piece, self.pending = self.pending[:cut], self.pending[cut:]
        self._take(self.watch.feed(piece, self.now))

    @precondition(lambda self: self.watch.streaming)
    @rule(cause=st.sampled_from(ENDS), after_s=st.integers(0, 300))
    def end(self, cause: Cause, after_s: int) -> None:
        """The stream ends, and bytes that were not received are lost."""
        self.now += after_s * SECOND
        self._take(self.watch.broke("cut", "", self.now) if cause == "cut" else self.watch.ended(cause, self.now))

    @rule()
    def restart(self) -> None:
        """The collector is killed and resumes from the last position emitted."""
        positions = [emitted for emitted in self.emitted if isinstance(emitted, Position)]
        if positions:
            # Outcomes up to the position are durable; a half-read list behind it is not.
            last = max(i for i, emitted in enumerate(self.emitted) if isinstance(emitted, Position))
            self.emitted = self.emitted[: last + 1]
            emitted, self.emitted, self.known = self.emitted, [], {}
            self._take(emitted)
            self.watch = self._a_watch(Stored(positions[-1].resource_version, positions[-1].epoch, dict(self.known)))
            self.pending = b""

    @precondition(lambda self: len(self.truth.history) > 12)
    @rule(back=st.integers(1, 5))
    def restore(self, back: int) -> None:
        """etcd is restored; before the next write, all requests succeed once."""
        entries = self.truth.history
        self.truth.restore(entries[max(0, len(entries) - 1 - back)][0])
        if self.watch.streaming:
            self._take(self.watch.broke("cut", "", self.now))
        self._settle()

    # Judgement.

    @invariant()
    def nothing_is_seen_twice(self) -> None:
        observed = [
            (o.uid, o.version, o.change in ("deleted", "vanished")) for o in self.emitted if isinstance(o, Observation)
        ]
        assert len(observed) == len(set(observed))

    @invariant()
    def positions_only_grow(self) -> None:
        emitted = [(p.epoch, int(p.resource_version)) for p in self.emitted if isinstance(p, Position)]
        assert emitted == sorted(emitted)

    def _settle(self) -> None:
        """Everything works for a while."""
        for _ in range(200):
            while not self.watch.streaming:
                self.serve()
            while isinstance(step := self.watch.side_request(), Pause):
                pass
            if step is not None:
                self._take(self.watch.side_request_answered(*self._well(step), self.now))
            if not self.watch.streaming:
                continue
            self.send(mark=True)
            self._take(self.watch.feed(self.pending, self.now))
            self.pending = b""
            if self.watch.streaming and self.watch.synced:
                return
        raise AssertionError("it never settles")

    def _well(self, step: Request) -> tuple[int, dict[str, str], bytes]:
        code, body = self.truth.answer(step)
        return code, JSON, body

    def teardown(self) -> None:
        if self.watch.streaming:
            self._take(self.watch.broke("cut", "", self.now))
        self._settle()
        epoch = self.watch._ledger.epoch

        assert {uid: version >> 8 & (1 << 48) - 1 for uid, version in self.known.items()} == self.truth.objects
        assert self.known == self.watch._ledger.known
        if epoch == 0 and not any(isinstance(o, WatchGap) for o in self.emitted):
            self._nothing_was_missed()

    def _nothing_was_missed(self) -> None:
        """Without a gap row each change since the first list has been observed."""
        first = next(int(o.resource_version) for o in self.emitted if isinstance(o, Position))
        observed = {(o.version >> 8, o.uid) for o in self.emitted if isinstance(o, Observation)}
        missed = [(at, uid) for at, _, uid in self.truth.history if at > first and (at, uid) not in observed]
        assert missed == []


def test_in_any_weather_the_truth_is_known_and_nothing_seen_twice() -> None:
    """Final state equals the server's, each change is seen at most once, and without a gap row exactly once."""
    run_state_machine_as_test(
        Weather,
        settings=settings(
            max_examples=examples(200),
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


def test_a_refresh_is_a_step_of_its_own() -> None:
    """The shell renews credentials between two requests, never while one is open."""
    watch = Weather().watch
    assert isinstance(watch.step(), Request)
    watch.answered(401, JSON, refusal(401), NOON)

    assert isinstance(watch.step(), Refresh)
