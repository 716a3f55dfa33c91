"""
How long a server's small answers take on a connection that is used again, beside fresh connections.
"""

import asyncio
import statistics
import time

ROUNDS = 15


async def median_seconds(port: int, path: str) -> tuple[float, float]:
    """The median answer times of fresh connections, their opening included, and of one that is used again."""
    fresh = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await _exchange(reader, writer, path)
        fresh.append(time.perf_counter() - began)
        writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reused = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await _exchange(reader, writer, path)
        reused.append(time.perf_counter() - began)
    writer.close()
    return statistics.median(fresh), statistics.median(reused)


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
