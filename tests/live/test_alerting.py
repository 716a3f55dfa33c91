"""
Incidents of a fleet, through a real Prometheus and a real Alertmanager, until the pager has them.

Windows of minutes are made shorter by the thresholds file that any operator may write; what a page promises in seconds is as
shipped: Prometheus scrapes each 15 s, pages are evaluated each 10 s.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.alertmanager import configuration
from alerts.delivery import Delivery, Receiver, Team, Webhook
from alerts.files import files
from alerts.thresholds import Thresholds, load
from collector.demo.scenario import SimulatedCron, clusters
from generate.folder import write
from tests.live.incidents import QUIET, Fleet, a_cluster, fleet, settings_file
from tests.live.monitoring import Pager, Scrape, alertmanager, ask, pager, prometheus
from tests.ports import free_port
from tests.processes import started

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

SHORTER = """
alerts:
  controller_oom_killed: {window: 1.5, keep: 0.5}
  controller_oom_loop: {window: 0.06, keep: 0.2}
  controller_not_picking_up:
    hold: {overrides: [{cluster: leaderless, value: 0.3, reason: muted by the lost leader}]}
  queue_backlog:
    depth: {overrides: [{cluster: backlog, value: 15, reason: one a second}]}
    age: {overrides: [{cluster: backlog, value: 0.3, reason: some seconds}]}
    hold: {overrides: [{cluster: backlog, value: 0.2, reason: some seconds}]}
    keep: {overrides: [{cluster: backlog, value: 0.2, reason: some seconds}]}
  cron_missed: {window: 1.5}
  collector_absent: {hold: 0.2}
"""
KILLS_APART_S = 60
"""Ten minutes, as short as the window above is shorter than the shipped one."""
Took = tuple[str, tuple[float, ...]]
"""An incident, and the seconds from its events to their pages."""
PROMISED_S = 30
"""From the kubelet's word to the page."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A fleet that is watched, and what its alerts are read by."""

    fleet: Fleet
    pager: Pager
    prometheus: str

    async def fires(self, alert: str, **labels: str) -> Any:
        """Waits until Prometheus itself has the alert firing, whether or not it is sent."""
        wanted = ", ".join(f'{name}="{value}"' for name, value in labels.items())
        query = f'ALERTS{{alertname="{alert}", alertstate="firing", {wanted}}}'
        return await ask(f"{self.prometheus}/api/v1/query?query={query}", lambda a: a["data"]["result"], within_s=180)


def routes(pager: Pager) -> str:
    """The generated configuration, with one receiver for all and tickets that are sent as soon as pages."""
    receiver = Receiver(webhook=(Webhook(url=pager.url),))
    delivery = Delivery(teams={"sre": Team(page=receiver, ticket=receiver)}, watchdog=receiver)
    config = yaml.safe_load(configuration(delivery))
    config["route"] |= {"group_wait": "1s", "group_interval": "5s"}
    for route in config["route"]["routes"][1]["routes"]:
        route["group_interval"] = "5s"
    return yaml.safe_dump(config)


@asynccontextmanager
async def monitoring(
    folder: Path, target: str, thresholds: Thresholds, time_scale: float = 1
) -> AsyncIterator[tuple[Pager, str]]:
    """Prometheus, Alertmanager and the pager."""
    write(folder / "rules", files(thresholds, time_scale=time_scale))
    port, alerts_port = free_port(), free_port()
    scrape = Scrape(targets=[target], every_s=15 if time_scale == 1 else 1, rules=folder / "rules")
    async with pager() as found:
        with ExitStack() as daemons:
            daemons.enter_context(alertmanager(folder, alerts_port, routes(found)))
            daemons.enter_context(prometheus(folder, port, scrape, alerts_port))
            yield found, f"http://127.0.0.1:{port}"


async def all_watched(prometheus_url: str, number: int) -> None:
    """Waits until the collector watches all clusters, as Prometheus sees it."""
    url = f"{prometheus_url}/api/v1/query?query=sum(lynceus_cluster_up)=={number}"
    await ask(url, lambda a: a["data"]["result"], within_s=120)


async def test_each_incident_pages_once_in_time_and_resolves_once(tmp_path: Path, record_property: Any) -> None:
    """A loop of OOM kills, a lost leader, a backlog, a missed cron and a dead collector, all at the same time."""
    (tmp_path / "own.yaml").write_text(SHORTER, encoding="utf-8")
    every_minute = SimulatedCron(namespace="ci", recipe=QUIET)
    incidents = (
        a_cluster("oom-loop", standby=True),
        a_cluster("leaderless"),
        a_cluster("backlog"),
        a_cluster("cron", crons=(every_minute,)),
        a_cluster("quiet", standby=True),
    )
    async with fleet(tmp_path / "fleet", *incidents) as members:
        settings, address = settings_file(tmp_path, members)
        async with monitoring(tmp_path, address, load(tmp_path / "own.yaml")) as (found, url):
            watched = Watched(members, found, url)
            with started("run", "--config", str(settings), log=tmp_path / "log"):
                await all_watched(url, len(incidents))
                took = await asyncio.gather(
                    an_oom_loop(watched),
                    a_lost_leader(watched),
                    a_backlog(watched),
                    a_missed_cron(watched),
                    a_failover(watched),
                )
            dead = await a_dead_collector(watched, settings, tmp_path / "log")
    for incident, seconds in (*took, dead):
        record_property(incident, seconds)
        sys.stdout.write(f"{incident}: {', '.join(f'{one:.1f}' for one in seconds)} s to the page\n")

    assert_nothing_else(found)


async def an_oom_loop(watched: Watched) -> Took:
    """Two kills are one page that is never resolved between them; the third is a loop, which mutes it."""
    kills = []
    for number in range(3):
        kills.append(watched.fleet.fail_over("oom-loop"))
        if number == 0:
            page = await watched.pager.until("ControllerOOMKilled", "firing", within_s=60, cluster="oom-loop")
        await asyncio.sleep(max(0.0, kills[0] + (number + 1) * KILLS_APART_S - time.time()) if number < 2 else 0)
    loop = await watched.pager.until("ControllerOOMLoop", "firing", within_s=60, cluster="oom-loop")
    assert watched.pager.statuses("ControllerOOMKilled", cluster="oom-loop") == ["firing"]
    await watched.pager.until("ControllerOOMLoop", "resolved", within_s=400, cluster="oom-loop")
    await watched.pager.until("ControllerOOMKilled", "resolved", within_s=400, cluster="oom-loop")

    assert page.at - kills[0] <= PROMISED_S
    assert loop.at - kills[2] <= PROMISED_S
    assert watched.pager.statuses("ControllerOOMKilled", cluster="oom-loop") == ["firing", "resolved"]
    return "OOM kill, OOM loop", (page.at - kills[0], loop.at - kills[2])


async def a_lost_leader(watched: Watched) -> Took:
    """It pages after its minute, and mutes that nothing is picked up, which Prometheus has firing meanwhile."""
    began = time.time()
    watched.fleet.load("leaderless").stop_controller(began)
    page = await watched.pager.until("ControllerNoLeader", "firing", within_s=120, cluster="leaderless")
    await watched.fires("ControllerNotPickingUp", cluster="leaderless")
    assert watched.pager.statuses("ControllerNotPickingUp", cluster="leaderless") == []
    watched.fleet.load("leaderless").start_controller(time.time())
    await watched.pager.until("ControllerNoLeader", "resolved", within_s=120, cluster="leaderless")

    return "lost leader (holds for 60 s)", (page.at - began,)


async def a_backlog(watched: Watched) -> Took:
    """A controller that leads and does nothing: its queue is deep and old."""
    began = time.time()
    watched.fleet.load("backlog").hang_controller(75, began)
    page = await watched.pager.until("QueueBacklog", "firing", within_s=120, cluster="backlog")
    await watched.pager.until("QueueBacklog", "resolved", within_s=240, cluster="backlog")

    assert page.labels["queue"]
    return "backlog (15 deep and 18 s old, holds for 12 s)", (page.at - began,)


async def a_missed_cron(watched: Watched) -> Took:
    """The controller is down when one run is due, and no other."""
    due = (time.time() // 60 + 1) * 60
    if due - time.time() < 10:
        due += 60
    await asyncio.sleep(due - time.time() - 5)
    watched.fleet.load("cron").stop_controller(time.time())
    await asyncio.sleep(due - time.time() + 10)
    watched.fleet.load("cron").start_controller(time.time())
    ticket = await watched.pager.until("CronMissed", "firing", within_s=240, cluster="cron")
    await watched.pager.until("CronMissed", "resolved", within_s=240, cluster="cron")

    return "missed cron", (ticket.at - due,)


async def a_failover(watched: Watched) -> Took:
    """Another replica leads within 19 s: the kill pages, and nothing else does."""
    began = watched.fleet.fail_over("quiet")
    page = await watched.pager.until("ControllerOOMKilled", "firing", within_s=60, cluster="quiet")
    await watched.pager.until("ControllerOOMKilled", "resolved", within_s=240, cluster="quiet")

    return "OOM kill with a standby", (page.at - began,)


async def a_dead_collector(watched: Watched, settings: Path, log: Path) -> Took:
    """It was killed a moment ago."""
    began = time.time()
    page = await watched.pager.until("CollectorAbsent", "firing", within_s=120)
    with started("run", "--config", str(settings), log=log):
        await watched.pager.until("CollectorAbsent", "resolved", within_s=120)
        await all_watched(watched.prometheus, 5)

    return "dead collector (holds for 12 s)", (page.at - began,)


def assert_nothing_else(pager: Pager) -> None:
    """Each page was sent once and resolved once, and no other alert paged."""
    pages: dict[tuple[str, str], list[str]] = {}
    for notice in pager.notices:
        if notice.severity == "critical":
            pages.setdefault((notice.name, notice.labels.get("cluster", "")), []).append(notice.status)

    assert pages == {
        ("ControllerOOMKilled", "oom-loop"): ["firing", "resolved"],
        ("ControllerOOMLoop", "oom-loop"): ["firing", "resolved"],
        ("ControllerOOMKilled", "quiet"): ["firing", "resolved"],
        ("ControllerNoLeader", "leaderless"): ["firing", "resolved"],
        ("QueueBacklog", "backlog"): ["firing", "resolved"],
        ("CollectorAbsent", ""): ["firing", "resolved"],
    }, pager.summary()
    assert pager.statuses("CronMissed", cluster="cron") == ["firing", "resolved"], pager.summary()


async def test_a_quiet_hour_and_a_restart_make_no_page(tmp_path: Path) -> None:
    """The demo's load without OOM kills; every window and hold is 20 times shorter, so three minutes are an hour."""
    quiet = (replace(cluster, controller_dies=False) for cluster in clusters(3))
    async with fleet(tmp_path / "fleet", *quiet) as members:
        settings, address = settings_file(tmp_path, members)
        async with monitoring(tmp_path, address, load(), time_scale=20) as (found, url):
            for _ in range(2):
                with started("run", "--config", str(settings), log=tmp_path / "log"):
                    await all_watched(url, 3)
                    await asyncio.sleep(90)

    pages = [notice for notice in found.notices if notice.severity == "critical"]
    assert pages == [], found.summary()
    assert "firing" in found.statuses("Watchdog")
