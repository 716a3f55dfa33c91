"""
A proxy in front of a store that answers inserts with an error of ClickHouse's while a test wants that.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from tests.store.running import Running


@dataclass
class Door:
    """Which inserts are refused now, and how many were."""

    address: str = ""
    code: int = 0
    """ClickHouse's number; 0: nothing is refused."""
    text: str = ""
    refused: int = 0


@asynccontextmanager
async def refusing(running: Running) -> AsyncIterator[Door]:
    """Runs the proxy during the block."""
    door = Door()
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            if door.code and "insert_deduplication_token" in request.query:
                door.refused += 1
                return web.Response(
                    status=500,
                    text=f"Code: {door.code}. DB::Exception: {door.text}",
                    headers={"X-ClickHouse-Exception-Code": str(door.code)},
                )
            headers = {
                k: v for k, v in request.headers.items() if k not in ("Host", "Content-Length", "Transfer-Encoding")
            }
            url = f"{running.url}{request.path_qs}"
            async with session.request(request.method, url, data=body, headers=headers) as answer:
                headers = {
                    k: v for k, v in answer.headers.items() if k.startswith(("X-", "Content-Type", "Content-Encoding"))
                }
                return web.Response(status=answer.status, body=await answer.read(), headers=headers)

        app = web.Application(client_max_size=1 << 28)
        app.router.add_route("*", "/{any:.*}", pass_on)
        runner = web.AppRunner(app, access_log=None, auto_decompress=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        door.address = f"http://{host}:{port}"
        try:
            yield door
        finally:
            await runner.cleanup()
