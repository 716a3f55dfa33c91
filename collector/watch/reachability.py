"""
Whether a cluster's API server answers: asked by one small request at a time, for all watches of the cluster.

A server that is down is asked by this prober, and not by each watch. As soon as it is ready, all watches open again within
SPREAD_S. Also while streams are open the server is asked now and then: a peer that has vanished sends neither
data nor an end. A quiet cluster answers, a half-open one does not.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Literal

import aiohttp

from collector.kube.connection import AddressError, Connection
from collector.kube.request import TooLargeError, read_whole
from collector.watch.backoff import LONGEST_S

READY = "/readyz"
"""Kubernetes lets every authenticated user read it. A refusal is an answer too."""

ASK_EVERY_S = 15.0
ANSWER_S = 10.0
"""For an answer while streams are open: two questions without an answer end them, 40 s after the last answer."""
SILENT = 2
"""Questions without an answer after which the server counts as down."""

RETURN_EVERY_S = (0.5, 1.5)
"""Bounds of the random pause between two questions to a server that is down."""
RETURN_ANSWER_S = 3.0
SPREAD_S = 1.5
"""The watches of a cluster open again within this time: a fleet must not overwhelm the server that has returned."""

LARGEST_ANSWER = 64 * 2**10
APART_S = 0.2
"""Between two questions at least."""

Answer = Literal["ready", "failing", "silent", "unknown"]
"""`unknown`: no request could be made. The fault is ours, and open streams are not affected."""


class Reachability:
    """What is known of one API server, and who waits for it."""

    def __init__(
        self,
        connection: Connection,
        dice: Random,
        *,
        ask_every_s: float = ASK_EVERY_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self.is_down = False
        """Whether watches should wait for the server's return instead of trying by themselves."""
        self.received_at = 0.0
        """When bytes of a stream arrived last, by the loop's clock: a server that sends is not silent."""
        self._connection, self._dice = connection, dice
        self._ask_every_s, self._answer_s = ask_every_s, answer_s
        self._has_failed = asyncio.Event()
        self._returned = asyncio.Event()
        """Set at the next return; each return has one of its own."""
        self._open: dict[Callable[[], object], None] = {}

    @contextmanager
    def open_stream(self, end: Callable[[], object]) -> Iterator[None]:
        """Counts a stream as open for as long as the block lasts; calls `end` if its server falls silent."""
        self._open[end] = None
        try:
            yield
        finally:
            del self._open[end]

    async def wait(self, seconds: float) -> bool:
        """
        Waits for so long, or until a server that was down is ready again; returns whether it is.

        While the server is down, the wait is longer. A watch still tries once in LONGEST_S: the server may answer the prober
        in another way than the watches.
        """
        self._has_failed.set()
        clock, returned = asyncio.get_running_loop().time, self._returned
        began = clock()
        for limit_s in (seconds, LONGEST_S * self._dice.uniform(1.0, 1.3)):
            with suppress(TimeoutError):
                async with asyncio.timeout_at(began + limit_s):
                    await returned.wait()
            if returned.is_set():
                await asyncio.sleep(self._dice.uniform(0.0, SPREAD_S))
                return True
            if not self.is_down:
                return False
        return False

    async def ask_forever(self) -> None:
        """Asks until cancelled: seldom while all is well, at once when a request has failed, often while the server is down."""
        clock, unanswered, silent_since = asyncio.get_running_loop().time, 0, 0.0
        while True:
            has_failed = await self._pause(is_urgent=0 < unanswered < SILENT)
            silent_since = silent_since if unanswered else clock()
            answer = await self._ask()
            unanswered = unanswered + 1 if answer == "silent" else 0
            if answer == "ready" and self.is_down:
                self._return()
            elif answer == "failing" and has_failed:
                self.is_down = True
            elif unanswered >= SILENT and self.received_at < silent_since:
                self._fall_silent()

    async def _pause(self, *, is_urgent: bool) -> bool:
        """Waits until the next question is due; returns whether a request has failed meanwhile."""
        self._has_failed.clear()
        await asyncio.sleep(APART_S)
        if self.is_down:
            await asyncio.sleep(self._dice.uniform(*RETURN_EVERY_S) - APART_S)
        elif not is_urgent:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._ask_every_s * self._dice.uniform(0.8, 1.0)):
                    await self._has_failed.wait()
        return self._has_failed.is_set()

    async def _ask(self) -> Answer:
        within_s = RETURN_ANSWER_S if self.is_down else self._answer_s
        try:
            access = await self._connection.access()
        except AddressError:
            return "unknown"
        try:
            timeout = aiohttp.ClientTimeout(total=within_s)
            async with await self._connection.request("GET", access, READY, timeout=timeout) as answer:
                with suppress(TooLargeError):
                    await read_whole(answer, LARGEST_ANSWER)
        except aiohttp.ClientSSLError:
            # The server or its authority has a new certificate: it answers, and only our files are older.
            with suppress(AddressError):
                await self._connection.refresh(access)
            return "unknown"
        except (aiohttp.ClientError, TimeoutError, OSError):
            return "silent"
        return "failing" if answer.status >= 500 else "ready"

    def _fall_silent(self) -> None:
        self.is_down = True
        for end in list(self._open):
            end()

    def _return(self) -> None:
        self.is_down = False
        returned, self._returned = self._returned, asyncio.Event()
        returned.set()
