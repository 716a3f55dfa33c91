"""Clusters of a namespace's labelled secrets come and go while the collector runs."""

import asyncio
from pathlib import Path

import pytest

from collector.cli.check_clusters import find_clusters
from collector.connect import ExternalError
from collector.desired import NOT_LISTED, desired
from collector.service import copied_secrets, fleet
from collector.service.copied_secrets import CopiedSecrets, copied_for_command, copied_once
from collector.settings.model import ClusterSettings, DiscoverySettings, Settings, StoreSettings
from tests.kube.hub import Hub
from tests.kube.test_cluster_secrets import connected
from tests.ports import free_port
from tests.running import a_service, running
from tests.watch.server import kubeconfig

OF_ARGOCD = DiscoverySettings(argocd_namespace="argocd")


@pytest.fixture
async def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub that the current context names once it is served."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "current"))
    return Hub()


def make_current(hub: Hub, folder: Path) -> None:
    """Makes the hub the current context."""
    made = kubeconfig(folder, hub.url).kubeconfig
    assert made is not None
    (folder / "current").write_bytes(made.read_bytes())


async def test_a_cluster_of_a_secret_is_watched_while_the_secret_is_there(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a restart; and no copy is left at the end."""
    monkeypatch.setattr(fleet, "LOOK_S", 0.1)
    monkeypatch.setattr(copied_secrets, "LOOK_S", 0.1)
    away = StoreSettings(url=f"http://127.0.0.1:{free_port()}")
    async with hub.serving():
        make_current(hub, tmp_path)
        async with running(a_service(tmp_path, discovery=OF_ARGOCD, store=away)) as collector:
            clusters = collector.runtime.pipeline.clusters
            hub.add("prod")
            await collector.until(lambda: set(clusters) == {"prod"})
            copies = collector.runtime.copied_secrets.folder
            hub.secrets.clear()
            await collector.until(lambda: not clusters)

    assert copies is not None
    assert not await asyncio.to_thread(copies.exists)


async def test_a_list_that_fails_removes_no_cluster(hub: Hub, tmp_path: Path) -> None:
    """The problem names namespace and remedy; with the next good list it is gone."""
    copied = CopiedSecrets(kubeconfig(tmp_path, "http://unused"))
    async with hub.serving(), connected(hub, tmp_path) as connection:
        assert desired(Settings(discovery=OF_ARGOCD), copied.folder).problems == [NOT_LISTED]
        hub.add("prod")
        await copied.copy(connection, OF_ARGOCD)
        hub.status = 403
        await copied.copy(connection, OF_ARGOCD)
        [problem] = copied.problems
        found = desired(Settings(discovery=OF_ARGOCD), copied.folder)
        hub.status = 200
        await copied.copy(connection, OF_ARGOCD)
        after, folder = copied.problems, copied.folder
        await copied.copy(connection, DiscoverySettings())

    assert [*found.clusters] == ["prod"]
    assert problem.places == ("namespace argocd",)
    assert "grant its ServiceAccount a Role" in problem.reason
    assert after == []
    assert (folder is not None, copied.folder) == (True, None)


async def test_a_check_lists_them_too(hub: Hub, tmp_path: Path) -> None:
    """`lynceus check` shows what a collector would watch, without one that runs."""
    settings = Settings(discovery=OF_ARGOCD)
    async with hub.serving():
        make_current(hub, tmp_path)
        hub.add("prod")
        async with copied_once(settings) as copied:
            known, rows = find_clusters(settings, copied)

    assert [each.address.name for each in known] == ["prod"]
    assert [row.ok for row in rows] == [True]


async def test_a_command_gets_the_folder_or_one_sentence(hub: Hub, tmp_path: Path) -> None:
    """A month must not be priced without the clusters whose secrets cannot be listed; nothing is left at the end."""

    def names(settings: Settings) -> set[str]:
        with copied_for_command(settings) as folder:
            return set(desired(settings, folder).clusters)

    listed = (ClusterSettings(name="own", kubeconfig="k"),)
    async with hub.serving():
        make_current(hub, tmp_path)
        hub.add("prod")
        found = await asyncio.to_thread(names, Settings(clusters=listed, discovery=OF_ARGOCD))
        without = await asyncio.to_thread(names, Settings(clusters=listed))
        hub.status = 403
        with pytest.raises(ExternalError, match=r"argocd_namespace: .*403.*docs/operate/argocd\.md"):
            await asyncio.to_thread(names, Settings(discovery=OF_ARGOCD))

    assert (found, without) == ({"own", "prod"}, {"own"})
