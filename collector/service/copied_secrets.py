"""
Copies of Argo CD's cluster secrets for the time that the collector runs: discovery reads them as mounted ones.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from collector.connect import ExternalError
from collector.core.live_view import SourceProblem
from collector.desired import own_cluster
from collector.kube.address import AddressError, ClusterAddress
from collector.kube.cluster_secrets import LOOK_S, SecretsError, list_secrets, write_secrets
from collector.kube.connection import Connection
from collector.kube.credentials import private_folder
from collector.service.tasks import background_task, every
from collector.settings.model import DiscoverySettings, Settings

NEEDS = "docs/operate/argocd.md names the right that it needs"
REMEDY = f"{NEEDS}; until then the clusters stay as they are"


class CopiedSecrets:
    """A private folder that is equal to the labelled secrets of a namespace of the collector's own cluster."""

    def __init__(self, hub: ClusterAddress) -> None:
        self._hub = hub
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.problems: list[SourceProblem] = []
        """Why the folder may be out of date; empty: it was equal at the last look."""

    @property
    def folder(self) -> Path | None:
        """Where the copies are; None: nothing was listed yet."""
        return Path(self._folder.name) if self._folder else None

    @asynccontextmanager
    async def following(self, discovery: Callable[[], DiscoverySettings]) -> AsyncIterator[None]:
        """Keeps the folder equal for as long as the block lasts, then removes it; the settings may change meanwhile."""
        try:
            async with background_task(self._follow_forever(discovery), "copied secrets"):
                yield
        finally:
            self.close()

    async def _follow_forever(self, discovery: Callable[[], DiscoverySettings]) -> None:
        async with Connection(self._hub) as hub:

            async def look() -> None:
                await self.copy(hub, discovery())

            await every(LOOK_S, look, first_s=0)

    async def copy(self, hub: Connection, discovery: DiscoverySettings) -> None:
        """One look. A list that fails removes nothing: all clusters would end with it."""
        namespace = discovery.argocd_namespace
        if not namespace:
            self.problems = []
            self.close()
            return
        try:
            secrets = await list_secrets(hub, namespace, discovery.argocd_selector)
            if self._folder is None:
                self._folder = private_folder()
            await asyncio.to_thread(write_secrets, Path(self._folder.name), secrets)
        except (SecretsError, AddressError, OSError) as error:
            self.problems = [SourceProblem((f"namespace {namespace}",), str(error), REMEDY)]
        else:
            self.problems = []

    def close(self) -> None:
        """Removes the folder."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


@asynccontextmanager
async def copied_once(settings: Settings) -> AsyncIterator[CopiedSecrets]:
    """The secrets as they are now, for as long as the block lasts."""
    copied = CopiedSecrets(own_cluster())
    try:
        await _copy_now(copied, settings)
        yield copied
    finally:
        copied.close()


@contextmanager
def copied_for_command(settings: Settings) -> Iterator[Path | None]:
    """The folder of the same, None if no namespace is set. ExternalError if it cannot be listed: clusters would be missing."""
    copied = CopiedSecrets(own_cluster())
    try:
        asyncio.run(_copy_now(copied, settings))
        if copied.problems:
            raise ExternalError(f"discovery.argocd_namespace: {copied.problems[0].reason}; {NEEDS}")
        yield copied.folder
    finally:
        copied.close()


async def _copy_now(copied: CopiedSecrets, settings: Settings) -> None:
    if settings.discovery.argocd_namespace:
        async with Connection(own_cluster()) as hub:
            await copied.copy(hub, settings.discovery)
