"""
The collector gets tokens that can only read; Argo CD's tokens stay with Argo CD.
"""

import base64
import json
from pathlib import Path

import pytest

from collector.core.units import HOUR_MS
from collector.kube import credentials
from collector.kube.reader_tokens import HANDED, Handover, hand_tokens
from tests.kube.hub import ADMIN, Hub
from tests.kube.test_cluster_secrets import connected

NOW = 1_790_000_000_000
TARGET = "lynceus-clusters"


def a_token(begin: int = NOW, life_ms: int = 24 * HOUR_MS) -> str:
    """A JWT as an API server makes it; its signature is not checked here."""
    claims = {"iat": begin // 1000, "exp": (begin + life_ms) // 1000}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


async def a_round(hub: Hub, folder: Path, now: int = NOW) -> list[str]:
    """What one round expected."""
    handover = Handover(source="argocd", target=TARGET, selector="region=cn-hangzhou", plugins=())
    async with connected(hub, folder) as connection:
        return [line async for line in hand_tokens(connection, handover, now)]


async def test_each_cluster_gets_a_token_of_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its address and labels, without Argo CD's token, and not as a cluster of Argo CD; nothing is left of a round."""
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr(credentials, "MEMORY", tmp_path / "memory")
    hub = Hub()
    async with hub.serving():
        hub.add("prod", tlsClientConfig={"insecure": False, "certData": "Y2VydA==", "keyData": "a2V5"})
        hub.tokens = [a_token()]
        lines = await a_round(hub, tmp_path)

    secret = hub.secrets[TARGET, "cluster-prod"]
    assert lines == ["cluster prod: a token of its reader was handed over"]
    assert hub.config(TARGET, "cluster-prod")["bearerToken"] == a_token()
    assert secret["metadata"]["labels"] == {"region": "cn-hangzhou", HANDED: "cluster"}
    assert ADMIN not in base64.b64decode(secret["data"]["config"]).decode()
    assert [*(tmp_path / "memory").iterdir()] == []
    assert "a2V5" not in base64.b64decode(secret["data"]["config"]).decode()


async def test_a_token_is_replaced_at_half_of_its_life(tmp_path: Path) -> None:
    """Not before, so that a round costs nothing; and at once when the cluster's address has changed."""
    hub = Hub()
    async with hub.serving():
        hub.add("prod")
        hub.tokens = [a_token(NOW + 14 * HOUR_MS), a_token(NOW + 13 * HOUR_MS), a_token()]
        await a_round(hub, tmp_path)
        assert await a_round(hub, tmp_path, NOW + 11 * HOUR_MS) == []
        assert len(await a_round(hub, tmp_path, NOW + 13 * HOUR_MS)) == 1
        hub.add("prod", proxyUrl="")
        assert await a_round(hub, tmp_path, NOW + 13 * HOUR_MS) == []
        hub.add("prod", tlsClientConfig={"serverName": "prod.example"})
        await a_round(hub, tmp_path, NOW + 13 * HOUR_MS)

    assert hub.token_requests == 3
    assert hub.config(TARGET, "cluster-prod")["tlsClientConfig"]["serverName"] == "prod.example"


async def test_a_cluster_that_is_gone_loses_its_secret(tmp_path: Path) -> None:
    """Else the collector would go on watching it."""
    hub = Hub()
    async with hub.serving():
        hub.add("prod")
        hub.tokens = [a_token()]
        await a_round(hub, tmp_path)
        del hub.secrets["argocd", "cluster-prod"]
        lines = await a_round(hub, tmp_path)

    assert lines == ["secret cluster-prod: removed, Argo CD no longer has the cluster"]
    assert hub.secrets == {}


async def test_one_cluster_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """A cluster without the reader, one that does not answer and one that is malformed are named."""
    hub, away = Hub(), Hub()
    async with away.serving():
        pass
    async with hub.serving():
        hub.add("prod")
        hub.add("bare")
        hub.secrets["argocd", "cluster-bad"] = {
            "metadata": {"name": "cluster-bad", "labels": {"region": "cn-hangzhou"}}
        }
        away.add("away")
        hub.secrets |= away.secrets
        hub.tokens = [a_token()]
        lines = await a_round(hub, tmp_path)

    assert sum("was handed over" in line for line in lines) == 1
    assert sum("apply deploy/reader there" in line for line in lines) == 1
    assert sum(line.startswith("cluster away: does not answer") for line in lines) == 1
    assert sum(line.startswith("secret cluster-bad: is not an Argo CD cluster secret") for line in lines) == 1
