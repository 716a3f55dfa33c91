"""
The protocol of watching one kind of one cluster: the next request, and the meaning of each answer. All rules are here.

No sockets, no clock and no random source of its own: the instant and the dice are arguments, so each rule is tested without
I/O. Never raises on what a server sends, never lists because a server asked for fewer requests, and records every gap.

Reaction by cause; api_errors.py derives the cause from an answer. "List" is a full list that records a gap. Before each
retry is a pause with backoff, at least as long as the server asked for; after a cause in OUTAGE the server's return ends it.

| cause | answer | reaction during a watch | during a list |
|---|---|---|---|
| gone | 410; ERROR event Expired or Gone | list | first page again |
| too_large, corrupt | 5xx: version ahead of the server; unreadable object in etcd | list | same page again |
| went_back | an older version than before: etcd was restored | new epoch, list | new epoch, first page again |
| rejected | other 4xx | resume; list at the 5th failure at one version | first page again |
| stream_error | ERROR event with another code | resume; list at the 5th failure at one version | |
| garbled | a line that is not JSON | resume; list at the 3rd failure at one version, set the line aside | |
| list_loop | a continue token twice | | first page again |
| unauthorized, tls | 401; TLS fails | new credentials at once, once; then resume | then same page again |
| forbidden | 403 | resume, at the 4th time after 60 s, an optional kind after 600 s; `refused` | same page again |
| missing | 404 | resume, an optional kind after 600 s; `absent` | same page again |
| throttled, server, unusable | 429; other 5xx; not an API server's answer | resume | same page again |
| connection, deadline, credentials | no answer | resume | same page again |
| oversized | a page above the limits of pages.py | | same page with fewer objects, at once; a single object: after a pause |
| cut, short | the stream breaks off; it ends at once | resume | |
| closed, idle, deadline | the stream ends; it is silent; it lasts too long | resume without a pause | |
| back_pressure | the pipeline is full | resume when it has room | |
| no_position | objects vanished without a known position | only as the cause of a gap | |
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Protocol, assert_never, get_args

from collector.catalog.counters import Counters
from collector.catalog.metrics import WATCH_RESTARTS
from collector.core.live_view import WatchHealth, WatchState
from collector.core.messages import Outcome
from collector.core.model import Instant
from collector.watch.api_errors import Cause, Trouble, is_json, trouble_of
from collector.watch.backoff import Backoff
from collector.watch.fence import Fence
from collector.watch.frames import Frames
from collector.watch.kinds import Resource
from collector.watch.ledger import Ledger
from collector.watch.pages import Listed, Pages, version_number
from collector.watch.reactions import OUTAGE, RENEWED, restarts_list
from collector.watch.requests import Listing, Pause, Refresh, Request, Step, watch_request

WATCH_S = (300, 600)
"""Bounds of a watch's random server-side timeout: the watches of a fleet must not end together."""

SHORT_MS = 5_000
"""A stream that ends sooner without progress is a failure; otherwise it would be opened again at once, for ever."""

REFUSED_S = 60.0
"""Pause after a missing right. A person grants the right; more requests only fill the audit log."""

REFUSED_TRIES = 3
"""A watch that had the right asks again so often before: a server that starts knows no roles yet, and refuses everybody."""

ABSENT_S = 600.0
"""Pause of an optional kind that is not served or not granted, perhaps for good."""

OVERSIZED_REMEDY = (
    "a single object was asked for: delete it, or look for a proxy that answers; the cluster's other kinds go on"
)

SAME_VERSION_TRIES = 5
GARBLED_TRIES = 3


class ResumePoint(Protocol):
    """Where an earlier process stopped: the position, and the versions of the objects that existed there."""

    @property
    def resource_version(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def known(self) -> dict[str, int]: ...


class Watch:
    """
    One watch. The caller asks for a `step`, takes it, hands in the answer, passes on the outcomes, and asks again.
    """

    def __init__(
        self,
        cluster: str,
        resource: Resource,
        *,
        dice: Random,
        counters: Counters,
        resume: ResumePoint | None = None,
        resumed_at: Instant | None = None,
        gap: tuple[Instant, str] | None = None,
        watch_s: tuple[int, int] = WATCH_S,
    ) -> None:
        self.cluster, self.resource = cluster, resource
        self.streaming = False
        """Whether the caller should go on reading the open stream."""
        self.synced = False
        self.listings = 0
        """Number of completed lists."""
        self._state: WatchState = "starting"
        self._detail = ""
        self._dice, self._counters, self._watch_s = dice, counters, watch_s
        self._frames, self._pages, self._backoff = Frames(), Pages(resource.kind), Backoff(dice)
        self._ledger = Ledger(cluster, resource, counters)
        self._fence = Fence(resource, self._ledger, self._pages, dice)
        self._listing: Listing | None = Listing(resource)
        self._pause: Pause | None = None
        self._refresh = self._refreshed = False
        self._gap = gap
        """A gap that the next list ends: its begin and its cause."""
        self._last_event_at: Instant | None = None
        self._complete_until = resumed_at
        """Nothing before this instant was missed; a gap begins at this instant."""
        self._opened_at = self._opened_position = 0
        self._tries_here = self._garbled_here = 0
        for cause in get_args(Cause):
            counters.initialise(WATCH_RESTARTS, cluster=cluster, kind=resource.kind, cause=cause)
        if resume:
            self._resume(resume)

    def _resume(self, resume: ResumePoint) -> None:
        number = version_number(resume.resource_version)
        self._ledger.restore(number, resume.epoch, resume.known)
        if number:
            self._listing = None

    @property
    def ledger(self) -> Ledger:
        """The observed versions, for a comparison with a list."""
        return self._ledger

    @property
    def is_listing(self) -> bool:
        """Whether a list is running or due."""
        return self._listing is not None

    def health(self) -> WatchHealth:
        """The watch's health now."""
        return WatchHealth(
            cluster=self.cluster,
            kind=self.resource.kind,
            state=self._state,
            detail=self._detail,
            synced=self.synced,
            last_event_at=self._last_event_at,
            objects=len(self._ledger.known),
            needed=self.resource.needed,
        )

    @property
    def settled(self) -> bool:
        """Whether later kinds may start: the watch has synced, or a person must grant or install something first."""
        optional = self._state == "retrying" and not self.resource.needed
        return self.synced or optional or self._state in ("refused", "absent")

    def step(self) -> Step:
        """The next step while no stream is open."""
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

    # Whole answers.

    def answered(self, status: int, headers: Mapping[str, str], body: bytes, now: Instant) -> list[Outcome]:
        """Takes the whole answer to a list, or to a watch that `opened` did not accept."""
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
        if trouble := listing.take(page.token, size, len(page.objects)):
            return trouble
        if not self._ledger.observe_page(page, now, out):
            self._ledger.new_epoch()
            return Trouble("went_back", "an object is older than at its last sight: etcd was restored")
        self._mark_healthy("listing", now)
        if listing.done:
            self._complete_list(now, out)
        return None

    def _complete_list(self, now: Instant, out: list[Outcome]) -> None:
        """Ends the list; a gap that it ends is emitted before the objects that vanished in the gap."""
        at = len(out)
        unknown = self._ledger.end_list(now, out)
        if unknown and not self._gap:
            # Objects were known, but not the position to go on from.
            self._gap = (self._complete_until or now, "no_position")
        # No fact comes from a kind that is not whole, so a gap of such a kind leaves no fact incomplete.
        if self._gap and self.resource.whole:
            # The wall clock may have been set back; a gap must not end before it begins.
            since, cause = min(self._gap[0], now), self._gap[1]
            out.insert(at, self._ledger.gap_row(since, now, cause, unknown))
        self._gap = self._listing = None
        self._complete_until = now
        self.listings += 1
        self.synced = True

    def _mark_healthy(self, state: WatchState, now: Instant) -> None:
        self._state, self._detail = state, ""
        self._refreshed = False
        self._last_event_at = now
        self._backoff.healthy(now)

    # The stream.

    def opened(self, status: int, headers: Mapping[str, str], now: Instant) -> bool:
        """Takes the head of the answer to a watch; False: read the body and hand it to `answered`."""
        if status != 200 or not is_json(headers):
            return False
        self._mark_healthy("watching", now)
        self._opened_at, self._opened_position = now, self._ledger.position
        self._fence.reset()
        self.streaming = True
        return True

    def feed(self, chunk: bytes, now: Instant) -> list[Outcome]:
        """Takes bytes of the stream, split at any byte."""
        return self.feed_pieces(((chunk, now),))

    def feed_pieces(self, pieces: Sequence[tuple[bytes, Instant]]) -> list[Outcome]:
        """Takes several pieces at once, each with the instant of its arrival."""
        out: list[Outcome] = []
        if not self.streaming:
            return out
        ledger = self._ledger
        before, trouble, now = ledger.position, None, pieces[-1][1]
        for chunk, arrived_at in pieces:
            block, oversized = self._frames.take(chunk)
            trouble = ledger.observe_lines(block, arrived_at, out) if block else None
            if oversized:
                out += [ledger.quarantine_row("oversized", {}, size, arrived_at) for size in oversized]
            if block:
                self._last_event_at = arrived_at
            if trouble:
                break
        if ledger.position != before:
            self._tries_here = self._garbled_here = 0
            self._complete_until = now
            out.append(ledger.position_message())
        if trouble:
            self._handle(trouble, now, out)
        return out

    def ended(self, cause: Cause, now: Instant) -> list[Outcome]:
        """Takes the end of the stream, whichever side ended it. Half a line is dropped; the server sends it again."""
        out: list[Outcome] = []
        if cause == "back_pressure":
            self._close(cause)
            self._state, self._detail = (
                "retrying",
                "paused until the pipeline has caught up; then resumes at the same position",
            )
        elif now - self._opened_at < SHORT_MS and self._ledger.position == self._opened_position:
            self._handle(Trouble("short", f"the stream ends at once without an event ({cause})"), now, out)
        else:
            self._close(cause)
        return out

    def broke(self, cause: Cause, detail: str, now: Instant) -> list[Outcome]:
        """Takes the failure of a request: no answer arrived, or the answer broke off."""
        out: list[Outcome] = []
        self._handle(Trouble(cause, detail), now, out)
        return out

    # The request beside the stream.

    def side_request(self) -> Request | Pause | None:
        """The next request beside the open stream; None when no more is needed."""
        return self._fence.step() if self.streaming else None

    def side_request_answered(
        self, status: int, headers: Mapping[str, str], body: bytes, now: Instant
    ) -> list[Outcome]:
        """Takes the answer to `side_request`; may end the stream."""
        out: list[Outcome] = []
        trouble = self._fence.answered(status, headers, body, now)
        if trouble:
            self._ledger.new_epoch()
            self._handle(trouble, now, out)
        elif self._fence.known and not self.synced:
            # A resumed watch does not list: the restored objects existed at this position.
            self.synced = True
            out.append(self._ledger.synced_message())
        return out

    def side_request_broke(self, cause: Cause, detail: str, now: Instant) -> None:
        """Takes the failure of `side_request`."""
        self._fence.broke(Trouble(cause, detail), now)

    # Trouble.

    def returned(self) -> None:
        """The server is back after an outage: what failed meanwhile says nothing of the next try."""
        self._backoff.forget()

    def _close(self, cause: Cause) -> None:
        self.streaming = False
        self._frames.clear()
        self._counters.add(WATCH_RESTARTS, cluster=self.cluster, kind=self.resource.kind, cause=cause)

    def _handle(self, trouble: Trouble, now: Instant, out: list[Outcome]) -> None:
        """Ends the request and decides how to go on: new credentials, a pause, a new list."""
        self._close(trouble.cause)
        self._state, self._detail = "retrying", trouble.detail
        if trouble.cause in RENEWED and not self._refreshed:
            self._refresh = self._refreshed = True
            return
        if trouble.cause == "oversized" and self._listing is not None:
            if self._listing.shrink():
                return
            self._detail = f"cluster {self.cluster}: {trouble.detail}; {OVERSIZED_REMEDY}"
        if trouble.cause in {"forbidden", "missing"}:
            self._name_missing_right(trouble)
        wait_s = self._backoff.delay_s(now, self._min_wait_s(trouble))
        is_outage = trouble.cause in OUTAGE and not trouble.retry_after_s
        self._pause = Pause(wait_s, trouble.cause, self._detail, ends_on_return=is_outage)
        if self._listing is not None:
            if restarts_list(trouble.cause):
                self._begin_list()
        elif self._gives_up_version(trouble.cause):
            self._relist(trouble, now, out)

    def _name_missing_right(self, trouble: Trouble) -> None:
        """Names a missing right or kind exactly: verb, resource, cluster."""
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
        """The shortest pause before the next request."""
        if trouble.cause in ("forbidden", "missing") and not self.resource.needed:
            return ABSENT_S
        if trouble.cause != "forbidden" or (self.synced and self._backoff.failures < REFUSED_TRIES):
            return trouble.retry_after_s
        return REFUSED_S

    def _gives_up_version(self, cause: Cause) -> bool:
        """Whether a watch can no longer resume from its version after this cause."""
        match cause:
            case "gone" | "too_large" | "corrupt" | "went_back":
                return True
            case "stream_error" | "rejected":
                self._tries_here += 1
                return self._tries_here >= SAME_VERSION_TRIES
            case "garbled":
                self._garbled_here += 1
                return self._garbled_here >= GARBLED_TRIES
            case "unauthorized" | "forbidden" | "missing" | "throttled" | "server" | "unusable":
                return False
            case "connection" | "tls" | "deadline" | "credentials" | "cut" | "short" | "oversized":
                return False
            case "closed" | "idle" | "back_pressure" | "list_loop" | "no_position":
                return False
        assert_never(cause)

    def _relist(self, trouble: Trouble, now: Instant, out: list[Outcome]) -> None:
        """Starts a full list. The gap begins where everything was last known, and is emitted when the list is complete."""
        if trouble.cause == "garbled":
            out.append(self._ledger.quarantine_row("not_json", {}, 0, now))
        self._gap = (now if self._complete_until is None else self._complete_until, trouble.cause)
        self._tries_here = self._garbled_here = 0
        self._begin_list()

    def _begin_list(self) -> None:
        self._ledger.begin_list()
        self._listing = Listing(self.resource)
