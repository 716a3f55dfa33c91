"""
Asks the store every second whether it answers at all.

An insert waits a minute for its acknowledgement, and rightly so; a store that hangs must not count as up for so long.
"""

import asyncio
from collections.abc import Callable

import aiohttp

EVERY_S = 1.0
WITHIN_S = 4.0
MISSED = 2
"""Pings without an answer, one after the other, after which the store hangs: one may be our own late look."""


async def ping_forever(url: Callable[[], str], on_answer: Callable[[str], None]) -> None:
    """
    Calls `on_answer` after each ping: with the reason why the store hangs, or "" if it does not.

    `url` is the address of the store's open connection; "" while there is none. Only silence counts: that a store is not
    there, or answers something else, is found by the inserts at once.
    """
    missed = 0
    timeout = aiohttp.ClientTimeout(total=WITHIN_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
        while True:
            address = url()
            missed = missed + 1 if address and await _is_silent(session, address) else 0
            on_answer(f"{address} does not answer a ping within {WITHIN_S:g} s" if missed >= MISSED else "")
            await asyncio.sleep(EVERY_S)


async def _is_silent(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/ping", allow_redirects=False):
            return False
    except TimeoutError:
        return True
    except (aiohttp.ClientError, OSError, ValueError):
        return False
