"""
One question to an API server and its whole answer, for what is asked now and then and not watched.

Credentials that are refused are renewed once; a body has an end. What an answer means is the asker's.
"""

from collections.abc import Mapping
from typing import Any

import aiohttp

from collector.kube.connection import AddressError, Connection
from collector.kube.credentials import Access

WITHIN = aiohttp.ClientTimeout(total=20, sock_connect=10)

LARGEST = 8 * 2**20
"""The metrics of a controller are some hundred kilobytes; whatever else listens on that port may never end."""


class TooLargeError(aiohttp.ClientError):
    """An answer that goes on beyond all reason."""


BROKEN = (aiohttp.ClientError, TimeoutError, OSError, AddressError)
"""What `fetch` raises when no whole answer comes."""


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
    """Status, headers and body; raises one of BROKEN when there is no answer, or no end to it."""

    async def once(access: Access) -> tuple[int, Mapping[str, str], bytes]:
        async with await connection.request(
            method, access, path, timeout=within, params=params, headers=headers, body=body
        ) as answer:
            return answer.status, answer.headers, await _whole(answer, largest)

    access = await connection.access()
    answer = await once(access)
    if answer[0] != 401:
        return answer
    await connection.refresh(access)
    return await once(await connection.access())


async def _whole(answer: aiohttp.ClientResponse, largest: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await answer.content.readany():
        size += len(piece)
        if size > largest:
            raise TooLargeError(f"the answer is larger than {largest // 2**20} MiB")
        pieces.append(piece)
    return b"".join(pieces)
