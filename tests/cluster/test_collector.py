"""The collector on a real API server, through a kubeconfig, while Argo is played by a recording."""

from pathlib import Path

from collector.settings.model import ClusterSettings
from tests.cluster.argo_player import RECORDED, ArgoPlayer
from tests.cluster.rights import grant_deployed_roles
from tests.cluster.testbed import ControlPlane
from tests.running import a_service, running

OUTCOMES = {
    "container-set": "succeeded", "daemon-sidecar": "succeeded", "dag-diamond": "succeeded", "evicted": "platform",
    "every-minute-1795353780": "succeeded", "every-minute-1795353840": "succeeded", "exit-handler": "failed",
    "fanout-30": "succeeded", "gpu-1": "succeeded", "gpu-2": "succeeded", "gpu-3": "succeeded", "invalid-ref": "invalid",
    "mutex-1": "succeeded", "mutex-2": "succeeded", "nightly-backtest-pfvdt": "succeeded", "retry-exhausted-oom": "failed",
    "retry-then-ok": "succeeded", "suspend-short": "succeeded", "template-lock": "succeeded", "to-stop": "cancelled",
    "to-terminate": "cancelled",
}  # fmt: skip
"""As recorded: 24 workflows; deadline, image-pull-stuck and unschedulable never end."""


async def test_facts_arrive_from_a_real_api_server(fresh_control_plane: ControlPlane, tmp_path: Path) -> None:
    """Every finished workflow of the recording becomes one row with its outcome, with the deployed rights alone."""
    grant_deployed_roles(fresh_control_plane)
    cluster = ClusterSettings(name="real", kubeconfig=str(fresh_control_plane.restricted_kubeconfig))

    async with running(a_service(tmp_path, cluster, reconcile_hours=0.0005)) as collector:
        await collector.until(lambda: collector.runtime.view().clusters[0].ready)
        await ArgoPlayer(fresh_control_plane, RECORDED / "basics", kwok=False, ends_now=True).play()
        await collector.until(f"SELECT uniqExact(uid) = {len(OUTCOMES)} FROM workflow_run")
        await collector.until("SELECT uniqExact(uid) >= 60 FROM pod_run")
        outcomes = dict(await collector.rows("SELECT name, outcome FROM workflow_run FINAL"))
        sources = await collector.rows("SELECT countIf(latency_source = 'watch') FROM workflow_run FINAL")
        pods = await collector.rows("SELECT workflow_name, count() FROM pod_run FINAL GROUP BY 1 HAVING count() > 20")
        billed = await collector.rows("SELECT countIf(cost > 0 AND currency = 'USD') FROM cost_current")
        # A quiet watch comes as far as a list with its next bookmark, about once a minute.
        await collector.until("SELECT countDistinct(kind) = 2 FROM reconcile", within_s=150)
        reconciled = await collector.rows("SELECT sum(missing), sum(stale), sum(phantom) FROM reconcile")

    assert outcomes == OUTCOMES
    assert sources == [(20,)]  # all but the invalid one, whose work never began
    assert pods == [("fanout-30", 30)]
    assert billed[0][0] > 30
    assert reconciled == [(0, 0, 0)]


async def test_a_collector_goes_on_where_it_stopped(fresh_control_plane: ControlPlane, tmp_path: Path) -> None:
    """What happens while the collector is away is in its tables after its return, without a gap while versions are kept."""
    cluster = ClusterSettings(name="real", kubeconfig=str(fresh_control_plane.kubeconfig))
    chosen = a_service(tmp_path, cluster)
    player = ArgoPlayer(fresh_control_plane, RECORDED / "basics", kwok=False, ends_now=True)

    async with running(chosen) as collector:
        await collector.until(lambda: collector.runtime.view().clusters[0].ready)
        await player.play(limit=150)
    await player.play()
    async with running(chosen) as collector:
        await collector.until(f"SELECT uniqExact(uid) = {len(OUTCOMES)} FROM workflow_run")
        outcomes = dict(await collector.rows("SELECT name, outcome FROM workflow_run FINAL"))
        doubles = await collector.rows("SELECT count() - uniqExact(uid) FROM workflow_run FINAL")
        gaps = await collector.rows(
            "SELECT count() FROM watch_gap WHERE kind IN ('workflows', 'pods') AND cause != 'first start'"
        )

    assert outcomes == OUTCOMES
    assert doubles == [(0,)]
    assert gaps == [(0,)]


async def test_a_break_that_cannot_be_replayed_is_a_row(fresh_control_plane: ControlPlane, tmp_path: Path) -> None:
    """When the server no longer has the version, the gap is recorded and a list repairs the rest."""
    cluster = ClusterSettings(name="real", kubeconfig=str(fresh_control_plane.kubeconfig))
    chosen = a_service(tmp_path, cluster)
    player = ArgoPlayer(fresh_control_plane, RECORDED / "basics", kwok=False, ends_now=True)

    async with running(chosen) as collector:
        await collector.until(lambda: collector.runtime.view().clusters[0].ready)
        await player.play(limit=150)
    await player.play()
    fresh_control_plane.expire_versions()
    async with running(chosen) as collector:
        await collector.until("SELECT count() > 0 FROM watch_gap WHERE kind = 'workflows' AND from_at > 0")
        await collector.until("SELECT count() = 3 FROM workflow_live FINAL")
        live = await collector.rows("SELECT name FROM workflow_live FINAL ORDER BY name")

    assert [name for (name,) in live] == ["deadline", "image-pull-stuck", "unschedulable"]
