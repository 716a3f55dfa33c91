"""
How to watch one kind of one cluster: what to ask next, and what each answer means. All rules of list and watch are here.

No sockets, no clock, no dice of its own: the instant is an argument, so are the dice, so each rule is tested without I/O.
Never raises on what a server sends, never lists because it was asked to slow down, and no break goes untold: a gap is a row.
"""

from collections.abc import Mapping
from random import Random
from typing import Protocol

from collector.catalog.counters import Counters
from collector.catalog.metrics import WATCH_RESTARTS
from collector.core.live_view import WatchHealth
from collector.core.messages import Outcome
from collector.core.model import Instant
from collector.watch.api_errors import Cause, Trouble, is_json, trouble_of
from collector.watch.backoff import Backoff
from collector.watch.fence import Fence
from collector.watch.frames import Frames
from collector.watch.kinds import Resource
from collector.watch.ledger import Ledger
from collector.watch.pages import Listed, Pages, version_number
from collector.watch.requests import Listing, Pause, Refresh, Request, Step, watch_request

WATCH_S = (300, 600)
"""A server-side end within these bounds, at random: a fleet's watches must not end together."""

SHORT_MS = 5_000
"""A stream that ended sooner and moved nothing forward is a failure, else it would be opened again at once for ever."""

REFUSED_S = 60.0
"""A missing right is granted by a person; asking more often only fills the audit log."""

ABSENT_S = 600.0
"""A kind that nothing depends on, and that is not served or not granted, may stay away for good."""

SAME_VERSION_TRIES = 5
GARBLED_TRIES = 3


class Resume(Protocol):
    """Where an earlier process stopped: the position and the versions of what existed there."""

    @property
    def resource_version(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def known(self) -> dict[str, int]: ...


class Watch:
    """One watch: ask `step`, do it, hand in what came, pass on the outcomes, ask again."""

    def __init__(
        self,
        cluster: str,
        resource: Resource,
        *,
        dice: Random,
        counters: Counters,
        resume: Resume | None = None,
        resumed_at: Instant | None = None,
        gap: tuple[Instant, str] | None = None,
        watch_s: tuple[int, int] = WATCH_S,
    ) -> None:
        self.cluster, self.resource = cluster, resource
        self.streaming = False
        """Whether the open stream is to be read on."""
        self.synced = False
        self.listings = 0
        """How many lists were completed."""
        self._state, self._detail = "starting", ""
        self._dice, self._counters, self._watch_s = dice, counters, watch_s
        self._frames, self._pages, self._backoff = Frames(), Pages(resource.kind), Backoff(dice)
        self._ledger = Ledger(cluster, resource, counters)
        self._fence = Fence(resource, self._ledger, self._pages, dice)
        self._listing: Listing | None = Listing(resource)
        self._pause: Pause | None = None
        self._refresh = self._refreshed = False
        self._gap = gap
        """A break that the next list bridges: since when, and why."""
        self._last_event_at: Instant | None = None
        self._complete_until = resumed_at
        """Nothing before this instant was missed; a gap begins here."""
        self._opened_at = self._opened_position = 0
        self._tries_here = self._garbled_here = 0
        if resume:
            self._resume(resume)

    def _resume(self, resume: Resume) -> None:
        number = version_number(resume.resource_version)
        self._ledger.restore(number, resume.epoch, resume.known)
        if number:
            self._listing = None

    @property
    def ledger(self) -> Ledger:
        """What was observed, for whoever compares it with a list."""
        return self._ledger

    @property
    def is_listing(self) -> bool:
        """Whether a list is under way or due."""
        return self._listing is not None

    def health(self) -> WatchHealth:
        """How this watch does now."""
        known = len(self._ledger.known)
        return WatchHealth(
            self.cluster,
            self.resource.kind,
            self._state,
            self._detail,
            self.synced,
            self._last_event_at,
            known,
            self.resource.needed,
        )

    @property
    def settled(self) -> bool:
        """Whether waiting for this watch is over: it has synced, or somebody must grant or install something first."""
        waits_for_nobody = self._state == "retrying" and not self.resource.needed
        return self.synced or waits_for_nobody or self._state in ("refused", "absent")

    def step(self) -> Step:
        """What to do next, when no stream is open."""
        if self._refresh:
            self._refresh = False
            return Refresh()
        if self._pause is not None:
            pause, self._pause = self._pause, None
            self._refreshed = False
            return pause
        if self._state == "starting":
            self._state = "listing" if self._listing else "watching"
        if self._listing is not None:
            return self._listing.request()
        return watch_request(self.resource, self._ledger.resource_version, self._dice.randint(*self._watch_s))

    # Answers with an end.

    def answered(self, status: int, headers: Mapping[str, str], body: bytes, now: Instant) -> list[Outcome]:
        """Take the whole answer to a list, or to a watch that `opened` did not accept."""
        out: list[Outcome] = []
        if status != 200 or self._listing is None:
            self._handle(trouble_of(status, headers, body, now), now, out)
            return out
        page = self._pages.decode(status, headers, body)
        trouble = self._take_page(self._listing, page, len(body), now, out)
        if trouble:
            self._handle(trouble, now, out)
        return out

    def _take_page(
        self, listing: Listing, page: Listed | Trouble, size: int, now: Instant, out: list[Outcome]
    ) -> Trouble | None:
        if isinstance(page, Trouble):
            return page
        if trouble := listing.take(page.token, size):
            return trouble
        if not self._ledger.observe_page(page, now, out):
            self._ledger.new_epoch()
            return Trouble("went_back", "an object is older than it was before: this etcd was restored")
        self._mark_healthy("listing", now)
        if listing.done:
            self._complete_list(now, out)
        return None

    def _complete_list(self, now: Instant, out: list[Outcome]) -> None:
        """The list is complete; the gap it bridges, if any, is told before what vanished in it."""
        at = len(out)
        unknown = self._ledger.end_list(now, out)
        if unknown and not self._gap:
            # Something was known and yet there was no position to go on from.
            self._gap = (self._complete_until or now, "no_position")
        # A kind that is not whole makes no fact, so that missing some of it leaves no fact incomplete.
        if self._gap and self.resource.whole:
            # A wall clock that was set back must not turn the gap round.
            since, cause = min(self._gap[0], now), self._gap[1]
            out.insert(at, self._ledger.gap_row(since, now, cause, unknown))
        self._gap = self._listing = None
        self._complete_until = now
        self.listings += 1
        self.synced = True

    def _mark_healthy(self, state: str, now: Instant) -> None:
        self._state, self._detail = state, ""
        self._refreshed = False
        self._last_event_at = now
        self._backoff.healthy(now)

    # The stream.

    def opened(self, status: int, headers: Mapping[str, str], now: Instant) -> bool:
        """Take the head of the answer to a watch; False: read its body and hand it to `answered`."""
        if status != 200 or not is_json(headers):
            return False
        self._mark_healthy("watching", now)
        self._opened_at, self._opened_position = now, self._ledger.position
        self._fence.reset()
        self.streaming = True
        return True

    def feed(self, chunk: bytes, now: Instant) -> list[Outcome]:
        """Take bytes of the stream, cut anywhere."""
        out: list[Outcome] = []
        if not self.streaming:
            return out
        ledger = self._ledger
        before = ledger.position
        block, oversized = self._frames.take(chunk)
        trouble = ledger.observe_lines(block, now, out) if block else None
        if oversized:
            out += [ledger.quarantine_row("oversized", {}, size, now) for size in oversized]
        if block:
            self._last_event_at = now
        if ledger.position != before:
            self._tries_here = self._garbled_here = 0
            self._complete_until = now
            out.append(ledger.position_message())
        if trouble:
            self._handle(trouble, now, out)
        return out

    def ended(self, cause: Cause, now: Instant) -> list[Outcome]:
        """The stream came to its end, or we ended it; half a line at its end is dropped and comes again."""
        out: list[Outcome] = []
        if cause == "back_pressure":
            self._close(cause)
            self._state, self._detail = "retrying", "stopped until the pipeline has caught up; resumes where it was"
        elif now - self._opened_at < SHORT_MS and self._ledger.position == self._opened_position:
            self._handle(Trouble("short", f"the stream ends at once and says nothing ({cause})"), now, out)
        else:
            self._close(cause)
        return out

    def broke(self, cause: Cause, detail: str, now: Instant) -> list[Outcome]:
        """No answer came, or it broke off."""
        out: list[Outcome] = []
        self._handle(Trouble(cause, detail), now, out)
        return out

    # Beside the stream.

    def side_request(self) -> Request | Pause | None:
        """What to do beside the open stream; None when there is nothing more."""
        return self._fence.step() if self.streaming else None

    def side_request_answered(
        self, status: int, headers: Mapping[str, str], body: bytes, now: Instant
    ) -> list[Outcome]:
        """Take the answer to what `beside` asked; may end the stream."""
        out: list[Outcome] = []
        trouble = self._fence.answered(status, headers, body, now)
        if trouble:
            self._ledger.new_epoch()
            self._handle(trouble, now, out)
        elif self._fence.known and not self.synced:
            # A resumed watch lists nothing: what it was told to know existed at this position.
            self.synced = True
            out.append(self._ledger.synced_message())
        return out

    def side_request_broke(self, cause: Cause, detail: str, now: Instant) -> None:
        """No answer came to what `beside` asked."""
        self._fence.broke(Trouble(cause, detail), now)

    # Trouble.

    def _close(self, cause: Cause) -> None:
        self.streaming = False
        self._frames.clear()
        self._counters.add(WATCH_RESTARTS, cluster=self.cluster, kind=self.resource.kind, cause=cause)

    def _handle(self, trouble: Trouble, now: Instant, out: list[Outcome]) -> None:
        """End what is under way and decide how to go on: refresh, wait, list again."""
        self._close(trouble.cause)
        self._state, self._detail = "retrying", trouble.detail
        if trouble.cause == "unauthorized" and not self._refreshed:
            self._refresh = self._refreshed = True
            return
        if trouble.cause in ("forbidden", "missing"):
            self._name_missing_right(trouble)
        wait_s = self._backoff.delay_s(now, self._min_wait_s(trouble))
        self._pause = Pause(wait_s, trouble.cause, self._detail)
        if self._listing is not None:
            if trouble.cause in ("gone", "rejected", "list_loop", "went_back"):
                self._begin_list()
        elif self._gives_up_version(trouble.cause):
            self._relist(trouble, now, out)

    def _name_missing_right(self, trouble: Trouble) -> None:
        """A right or a kind that is not there is named exactly: verb, resource, cluster."""
        verb, name = "watch" if self._listing is None else "list", self.resource.full_name
        if trouble.cause == "forbidden":
            self._state = "refused"
            lacks = f"no right to {verb} {name} in cluster {self.cluster}"
        else:
            self._state = self._state if self.resource.needed else "absent"
            lacks = f"cluster {self.cluster} does not serve {name}"
        without = "" if self.resource.needed else f"; without it: no {self.resource.feeds}"
        self._detail = f"{lacks}; {trouble.detail}{without}"

    def _min_wait_s(self, trouble: Trouble) -> float:
        """How long to wait at least before asking again."""
        if trouble.cause in ("forbidden", "missing") and not self.resource.needed:
            return ABSENT_S
        return REFUSED_S if trouble.cause == "forbidden" else trouble.retry_after_s

    def _gives_up_version(self, cause: Cause) -> bool:
        """Whether the resume version is of no more use after this."""
        if cause in ("gone", "too_large", "corrupt", "went_back"):
            return True
        if cause in ("stream_error", "rejected"):
            self._tries_here += 1
            return self._tries_here >= SAME_VERSION_TRIES
        if cause == "garbled":
            self._garbled_here += 1
            return self._garbled_here >= GARBLED_TRIES
        return False

    def _relist(self, trouble: Trouble, now: Instant, out: list[Outcome]) -> None:
        """List in full; the gap begins where we last knew all, and is told when the list is complete."""
        if trouble.cause == "garbled":
            out.append(self._ledger.quarantine_row("not_json", {}, 0, now))
        self._gap = (now if self._complete_until is None else self._complete_until, trouble.cause)
        self._tries_here = self._garbled_here = 0
        self._begin_list()

    def _begin_list(self) -> None:
        self._ledger.begin_list()
        self._listing = Listing(self.resource)
