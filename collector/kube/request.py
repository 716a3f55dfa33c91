"""
A request to an API server and its whole answer, for what is read from time to time and not watched.

Refused credentials are renewed once; the size of a body is limited. The caller interprets the answer.
"""

from collections.abc import Mapping
from typing import Any

import aiohttp

from collector.kube.connection import AddressError, Connection
from collector.kube.credentials import Access

WITHIN = aiohttp.ClientTimeout(total=20, sock_connect=10)

LARGEST = 8 * 2**20
"""A controller's metrics are some hundred kilobytes; another program on that port may send without end."""


class TooLargeError(aiohttp.ClientError):
    """An answer larger than the limit; the message names limit and remedy, the caller adds the cluster."""

    def __init__(self, largest: int) -> None:
        super().__init__(f"the answer is larger than {largest // 2**20} MiB; check what answers at this address")


BROKEN = (aiohttp.ClientError, TimeoutError, OSError, AddressError)
"""Errors of `fetch` if no whole answer arrives."""


async def fetch(
    connection: Connection,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    within: aiohttp.ClientTimeout = WITHIN,
    largest: int = LARGEST,
) -> tuple[int, Mapping[str, str], bytes]:
    """Sends a request; returns status, headers and body. Raises one of BROKEN without a whole answer."""

    async def once(access: Access) -> tuple[int, Mapping[str, str], bytes]:
        async with await connection.request(
            method, access, path, timeout=within, params=params, headers=headers, body=body
        ) as answer:
            return answer.status, answer.headers, await read_whole(answer, largest)

    access = await connection.access()
    answer = await once(access)
    if answer[0] != 401:
        return answer
    await connection.refresh(access)
    return await once(await connection.access())


async def read_whole(answer: aiohttp.ClientResponse, largest: int) -> bytes:
    """
    Reads a body up to a limit; raises TooLargeError.

    The limit counts unpacked bytes: aiohttp unpacks no further than we read, so that a small gzip body which unpacks to
    gigabytes is refused at the limit.
    """
    pieces: list[bytes] = []
    size = 0
    while piece := await answer.content.readany():
        size += len(piece)
        if size > largest:
            raise TooLargeError(largest)
        pieces.append(piece)
    return b"".join(pieces)
