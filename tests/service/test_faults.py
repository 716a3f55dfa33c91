"""What goes wrong outside stays where it is: bad clusters beside a good one, and a store that is down at start."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest
import yaml
from aiohttp import web

from collector import connect
from collector.catalog.counters import Counters
from collector.demo.fleet import run_fleet
from collector.service import run
from collector.service.http_server import serving
from collector.service.visitors import Visitors
from collector.settings.model import ClusterSettings, HttpSettings, Settings, StoreSettings, TlsSettings
from tests.ports import free_port
from tests.running import a_service, running
from tests.web.fleet import a_view


@asynccontextmanager
async def good_cluster(folder: Path) -> AsyncIterator[ClusterSettings]:
    """One cluster of the demo fleet."""
    stop, up = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        run_fleet(folder / "fleet", 1, 1, lambda path, names: up.set_result((path, names)), stop)
    )
    path, names = await up
    try:
        yield ClusterSettings(name="good", kubeconfig=str(path), context=names[0])
    finally:
        stop.set()
        await task


@asynccontextmanager
async def answering(status: int, body: str, content_type: str) -> AsyncIterator[str]:
    """A server that says the same to everyone."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type=content_type)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def a_cluster(folder: Path, name: str, server: str) -> ClusterSettings:
    """A cluster with a kubeconfig of its own."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": server}}],
        "users": [{"name": "x", "user": {"token": "s3cret-token"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    }), encoding="utf-8")  # fmt: skip
    return ClusterSettings(name=name, kubeconfig=str(path))


def status(code: int, reason: str) -> str:
    """What an API server says when it refuses."""
    return json.dumps({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason})


async def test_bad_clusters_say_why_and_leave_the_good_one_alone(tmp_path: Path) -> None:
    """401, 403, a login page, no server, a missing file: each is a reason in /readyz, and the good one goes on."""
    async with (
        good_cluster(tmp_path) as good,
        answering(401, status(401, "Unauthorized"), "application/json") as unknown,
        answering(403, status(403, "Forbidden"), "application/json") as forbidden,
        answering(200, "<html>please log in</html>", "text/html") as page,
    ):
        bad = [
            a_cluster(tmp_path, "unauthorized", unknown),
            a_cluster(tmp_path, "forbidden", forbidden),
            a_cluster(tmp_path, "login-page", page),
            a_cluster(tmp_path, "absent", f"http://127.0.0.1:{free_port()}"),
            ClusterSettings(name="no-file", kubeconfig=str(tmp_path / "missing.yaml")),
        ]
        async with running(a_service(tmp_path, good, *bad)) as collector, aiohttp.ClientSession() as session:
            await collector.until(lambda: collector.runtime.view().clusters[0].ready)
            await collector.until(lambda: all(c.detail != "not started" for c in collector.runtime.view().clusters[1:]))
            await collector.until("SELECT count() > 0 FROM pod_run")
            detail = {c.name: c.detail for c in collector.runtime.view().clusters}
            async with session.get(f"{collector.url}/readyz") as answer:
                ready, body = answer.status, await answer.text()
            async with session.get(f"{collector.url}/metrics") as answer:
                metrics = await answer.text()

    assert ready == 503
    assert "401" in detail["unauthorized"]
    assert "403" in detail["forbidden"]
    assert "please log in" in detail["login-page"]
    assert "connect" in detail["absent"].lower()
    assert "missing.yaml" in detail["no-file"]
    assert 'lynceus_cluster_up{cluster="good"} 1.0' in metrics
    assert metrics.count("lynceus_cluster_up{") == 6
    assert metrics.count('"} 1.0\nlynceus_cluster_up') <= 1
    assert "s3cret-token" not in body + metrics


async def test_a_store_that_is_down_at_start_is_waited_for(tmp_path: Path) -> None:
    """Watching begins without the store, the reason is shown, and what was spooled meanwhile arrives once it is up."""
    from collector.store.embedded import child  # noqa: PLC0415 - beside its only use

    port = free_port()
    token = tmp_path / "store.token"
    url = f"http://127.0.0.1:{port}/lynceus"
    store = StoreSettings(url=url, username="lynceus", password_file=str(token), wait_seconds=1)
    async with good_cluster(tmp_path) as good, running(a_service(tmp_path, good, store=store)) as collector:
        await collector.until(lambda: collector.runtime.view().clusters[0].ready)
        await collector.until(lambda: collector.runtime.view().store.spooled_rows > 0)
        before = collector.runtime.view().store
        up = await child.start_child(tmp_path / "late", f"127.0.0.1:{port}", token)
        await collector.until("SELECT count() > 0 FROM pod_run")
        await collector.until(lambda: collector.runtime.view().store.reachable)
        await up.stop()

    assert not before.reachable
    assert before.detail


async def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    """Two collectors cannot share a port: the second says which, and what to do."""
    async with good_cluster(tmp_path) as good:
        first = a_service(tmp_path / "one", good)
        async with running(first):
            second = msgspec.structs.replace(a_service(tmp_path / "two", good), http=first.http)
            with pytest.raises(connect.ExternalError, match=r"http\.listen: .* is taken; choose another port"):
                await run.run(second, Path())


async def test_two_collectors_cannot_share_a_data_directory(tmp_path: Path) -> None:
    """The spool has one owner: the second collector fails with that reason."""
    async with good_cluster(tmp_path) as good:
        first = a_service(tmp_path, good)
        async with running(first) as collector:
            await collector.until(lambda: collector.runtime.storage.inserter is not None)
            second = msgspec.structs.replace(a_service(tmp_path, good), data_dir=first.data_dir)
            with pytest.raises(connect.ExternalError, match="spool"):
                await run.run(second, Path())


async def test_two_names_for_one_cluster_are_refused(tmp_path: Path) -> None:
    """Rows of one cluster under two names would be counted twice: the second name is refused, with the remedy."""
    async with good_cluster(tmp_path) as good:
        twin = msgspec.structs.replace(good, name="twin")
        async with running(a_service(tmp_path, good, twin)) as collector:
            await collector.until(lambda: bool(collector.runtime.pipeline.identities.refused))
            refused = dict(collector.runtime.pipeline.identities.refused)
            await collector.until(
                lambda: any(c.name in refused and c.detail for c in collector.runtime.view().clusters)
            )
            async with aiohttp.ClientSession() as session, session.get(f"{collector.url}/readyz") as answer:
                problems = (await answer.json())["problems"]

    ((name, why),) = refused.items()
    shown = [(p["cause"], p["reason"]) for p in problems if p["cluster"] == name]
    assert why.endswith("remove one of them")
    assert shown == [("cluster_refused", why)]  # and not that its list is late: that list never comes


async def test_a_missing_certificate_is_one_sentence(tmp_path: Path) -> None:
    """A collector never runs on without its pages: the file that cannot be read is named."""
    tls = TlsSettings(cert=str(tmp_path / "none.pem"), key=str(tmp_path / "none.key"))
    chosen = a_service(tmp_path, a_cluster(tmp_path, "any", "http://127.0.0.1:9"))
    chosen = msgspec.structs.replace(chosen, http=msgspec.structs.replace(chosen.http, tls=tls))
    with pytest.raises(connect.ExternalError, match=r"http\.tls\.cert: .*none\.pem: No such file.*give a PEM"):
        await run.run(chosen, Path())


@pytest.mark.parametrize(("host", "is_open"), [("127.0.0.2", False), ("0.0.0.0", True)])
async def test_an_address_that_others_reach_is_named_at_each_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, host: str, is_open: bool
) -> None:
    """Pages ask for no password. On any loopback address the pages answer to their own names only."""
    http = HttpSettings(listen=f"{host}:{free_port()}", open=is_open)
    chosen = Settings(http=http)
    entrance = Visitors(chosen).entrance
    async with serving(chosen, a_view, Counters(), entrance=entrance), aiohttp.ClientSession() as session:
        port = http.listen.rpartition(":")[2]
        for name in (host, "evil.example"):
            there = f"http://{host if not is_open else '127.0.0.1'}:{port}/healthz"
            async with session.get(there, headers={"Host": name}) as answer:
                assert answer.status == (200 if is_open or name == host else 400)

    named = [vars(r)["listen"] for r in caplog.records if "open to everyone" in r.message]
    assert named == ([http.listen] if is_open else [])
