"""
A collector that runs inside a test's loop, and conditions to wait for instead of time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from collector import connect
from collector.service import run
from collector.service.runtime import Runtime
from collector.settings.model import ClusterSettings, EmbeddedSettings, HttpSettings, Settings
from collector.store.clickhouse import StoreError
from collector.store.worker import Worker
from tests.ports import free_port


def a_service(folder: Path, *clusters: ClusterSettings, **changes: Any) -> Settings:
    """Settings of a collector that meets no other: own ports, own data."""
    return msgspec.structs.replace(
        Settings(
            clusters=clusters,
            data_dir=str(folder / "data"),
            http=HttpSettings(listen=f"127.0.0.1:{free_port()}"),
            embedded=EmbeddedSettings(listen=f"127.0.0.1:{free_port()}"),
        ),
        **changes,
    )


class Running:
    """A running collector and its tables."""

    def __init__(self, runtime: Runtime, worker: Worker, token: str) -> None:
        self.runtime = runtime
        self._worker = worker
        url = f"http://default:{token}@{runtime.settings.embedded.listen}/lynceus" if token else ""
        self._store = connect.reading_store(runtime.settings, url)

    @property
    def url(self) -> str:
        return f"http://{self.runtime.settings.http.listen}"

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return await self._worker.run(self._store.query_rows, sql)

    async def until(self, what: Callable[[], bool] | str, within_s: float = 60) -> None:
        """Wait for a condition: a callable, or a query whose first value must be true; an error counts as not yet."""
        try:
            async with asyncio.timeout(within_s):
                while not await self._holds(what):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"not within {within_s:g} s: {what}; {self.runtime.view().clusters}") from None

    async def _holds(self, what: Callable[[], bool] | str) -> bool:
        if callable(what):
            return what()
        try:
            return bool((await self.rows(what))[0][0])
        except StoreError:
            return False


@asynccontextmanager
async def running(chosen: Settings, file: Path | None = None, token: str = "") -> AsyncIterator[Running]:
    """A collector for as long as the block lasts; ends it as Ctrl-C would. The token is for its embedded store."""
    stop, up = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run.run(chosen, Path(), stop=stop, ready=up.set_result, file=file))
    await asyncio.wait([task, up], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    worker = Worker("test")
    try:
        yield Running(up.result(), worker, token)
    finally:
        worker.close()
        stop.set()
        await task
