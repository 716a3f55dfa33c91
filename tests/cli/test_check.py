"""`lynceus check --role`: the rights of a cluster, for kubectl."""

from pathlib import Path

import pytest
import yaml

from collector.cli.check import role_of
from collector.connect import ExternalError
from collector.settings.model import ClusterSettings, Settings, SettingsError
from collector.watch.preflight import WHO_AM_I
from tests.watch.server import ApiServer, body, kubeconfig


def settings_for(folder: Path, url: str) -> Settings:
    address = kubeconfig(folder, url, user={"token": "t"})
    cluster = ClusterSettings(
        name="prod", kubeconfig=str(address.kubeconfig), controller_namespace="argo-prod", allow_insecure=True
    )
    return Settings(clusters=(cluster,))


async def test_the_role_is_for_the_identity_of_the_collector(tmp_path: Path) -> None:
    """A token of another account than the shipped one gets the rights, and the controller's namespace is the cluster's."""
    async with ApiServer().serving() as server:
        server.otherwise[WHO_AM_I] = body(
            b'{"status":{"userInfo":{"username":"system:serviceaccount:monitoring:lynx"}}}', 201
        )
        documents = list(yaml.safe_load_all(await role_of(settings_for(tmp_path, server.url), "prod")))

    subjects = [document["subjects"] for document in documents if "subjects" in document]
    assert subjects == [[{"kind": "ServiceAccount", "name": "lynx", "namespace": "monitoring"}]] * 2
    assert documents[2]["metadata"]["namespace"] == "argo-prod"


async def test_a_cluster_that_is_unknown_or_away_is_an_error(tmp_path: Path) -> None:
    """It names the clusters there are; nothing is printed that kubectl would apply."""
    async with ApiServer().serving() as server:
        settings = settings_for(tmp_path, server.url)
    with pytest.raises(SettingsError, match="--role staging: no such cluster; choose one of prod"):
        await role_of(settings, "staging")
    with pytest.raises(ExternalError, match=r"--role prod: .*; `lynceus check` says more"):
        await role_of(settings, "prod")
