"""
Labelled secrets of a namespace become the files that discovery reads.
"""

import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector.kube import discovery
from collector.kube.cluster_secrets import MOST, Secret, SecretMeta, SecretsError, list_secrets, write_secrets
from collector.kube.connection import ClusterAddress, Connection
from collector.settings.model import DiscoverySettings
from tests.kube.hub import Hub
from tests.watch.server import kubeconfig

SELECTOR = DiscoverySettings().argocd_selector


@asynccontextmanager
async def connected(hub: Hub, folder: Path) -> AsyncIterator[Connection]:
    """A connection to a hub that is served."""
    async with Connection(ClusterAddress("hub", kubeconfig(folder, hub.url).kubeconfig)) as connection:
        yield connection


async def test_a_folder_follows_the_secrets_of_a_namespace(tmp_path: Path) -> None:
    """A new secret is a cluster, a changed one is written again, one that is gone is removed; other files stay."""
    folder, hub = tmp_path / "clusters", Hub()
    async with hub.serving(), connected(hub, tmp_path) as connection:
        hub.add("prod")
        hub.add("elsewhere", namespace="other")
        assert write_secrets(folder, await list_secrets(connection, "argocd", SELECTOR))
        assert not write_secrets(folder, await list_secrets(connection, "argocd", SELECTOR))
        (folder / "notes.txt").write_text("kept")
        found = discovery.argocd_secrets(folder)
        [mode] = [stat.S_IMODE(file.stat().st_mode) for file in folder.glob("*.json")]

        hub.secrets.clear()
        hub.add("test")
        assert write_secrets(folder, await list_secrets(connection, "argocd", SELECTOR))

    assert [cluster.address.name for cluster in found.clusters] == ["prod"]
    assert mode == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(path.name for path in folder.iterdir()) == ["cluster-test.json", "notes.txt"]


@pytest.mark.parametrize(
    ("status", "items", "expected"),
    [(403, 0, "grant its ServiceAccount"), (500, 0, "answered with 500"), (200, MOST, "narrow the selector")],
)
async def test_what_is_no_whole_list_changes_nothing(tmp_path: Path, status: int, items: int, expected: str) -> None:
    """A refusal must not look like an empty namespace: all clusters would be removed."""
    hub = Hub()
    hub.status = status
    async with hub.serving(), connected(hub, tmp_path) as connection:
        for number in range(items):
            hub.add(f"c{number}")
        with pytest.raises(SecretsError, match=expected):
            await list_secrets(connection, "argocd", SELECTOR)


def test_a_secret_is_not_shown() -> None:
    """Its repr reaches logs by accident."""
    secret = Secret(SecretMeta("a"), {"config": "c2VjcmV0", "name": "not base64!"})

    assert repr(secret) == "Secret"
    assert (secret.value("config"), secret.value("name"), secret.value("server")) == ("secret", "", "")
