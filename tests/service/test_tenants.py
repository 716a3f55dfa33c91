"""
Three departments on one cluster, one namespace and one queue, behind the real door and on the real engine.

Every text of a department has its mark. No byte of another's mark may be in an answer, whatever is asked for; what belongs
to another is answered as what does not exist.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from msgspec.structs import replace

from collector.access.tokens import TokenEntry, hash_of, make_token, write_tokens
from collector.billing.rows import write_facts
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.access_health import AccessHealth
from collector.core.cost.billing_days import day_of
from collector.core.cost.unusual_cost import UnusualCost
from collector.core.facts.workflows import QueueSample, WorkflowLive, WorkflowRun
from collector.core.live_view import (
    Clock,
    DepartmentCost,
    LiveView,
    RemovedCluster,
    SourceProblem,
)
from collector.core.model import Fact
from collector.service.http_server import serving
from collector.service.visitors import Visitors
from collector.settings.access import AccessSettings
from collector.settings.model import HttpSettings, Settings
from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from tests.builders import HOUR, MINUTE, SECOND, a_pod_run, version
from tests.ports import free_port
from tests.reports.stored import a_live_row, a_run, a_step_run
from tests.store.focus_facts import a_charge
from tests.store.running import start
from tests.web.fleet import a_cluster, a_controller, a_cron, a_flow, a_lock, a_store, a_stuck, some_slots, waiting

TENANTS = ("maps", "autonomy", "finance")
MARKS = {name: f"zq{name}" for name in TENANTS}
FOREIGN = "zqlive"
"""The mark of everything in the live view: nothing there is known to be of one department."""
BEGAN = now_ms() - HOUR
TOKENS = {name: make_token() for name in TENANTS}
PAGE = {"accept": "text/html"}


def rows_of(name: str, another: str) -> list[Fact]:
    """A workflow that failed, one that waits for a lock of another department, and what they cost."""
    mark, uid = MARKS[name], f"{MARKS[name]}-uid"
    texts = {"project": f"{mark}-project", "creator": f"{mark}-creator", "department": name}
    run = a_run(
        uid,
        created_at=BEGAN,
        first_seen_at=BEGAN,
        picked_up_at=BEGAN + SECOND,
        started_at=BEGAN,
        finished_at=BEGAN + MINUTE,
        name=f"zq-shared-{mark}",
        labels={"note": f"{mark}-label"},
        message=f"{mark}-message",
        service_account=f"{mark}-account",
        outcome="failed",
        reason="error",
        **texts,
    )
    own = {"template": f"{mark}-template", "queue": f"{mark}-queue"}
    alone = replace(run, uid=f"{mark}-alone", name=f"{mark}-alone", outcome="succeeded", **own)
    return [run, alone, *parts_of(mark, run, texts), a_waiting_row(name, MARKS[another]), *samples_of(mark)]


def parts_of(mark: str, run: WorkflowRun, texts: Mapping[str, str]) -> list[Fact]:
    """A step, its pod and what the pod cost."""
    uid = run.uid
    step = a_step_run(
        f"{mark}-node",
        workflow=uid,
        workflow_created_at=BEGAN,
        started_at=BEGAN,
        finished_at=BEGAN + MINUTE,
        pod_uid=f"{mark}-pod",
        message=f"{mark}-step",
        critical=True,
        critical_ms=5,
    )
    pod = a_pod_run(uid=f"{mark}-pod", name=f"{mark}-pod", created_at=BEGAN, workflow_uid=uid, workflow_name=run.name)
    cost = a_charge(
        pod.uid,
        cluster="c1",
        created_at=BEGAN,
        workflow_uid=uid,
        workflow_name=run.name,
        template="train",
        step=f"{mark}-step",
        day=day_of(datetime.now(ZoneInfo(Settings().billing_timezone)).date()),
        **texts,
    )
    return [step, pod, cost]


def a_waiting_row(name: str, another: str) -> WorkflowLive:
    """A workflow that waits for a lock that another department holds."""
    mark = MARKS[name]
    return replace(
        a_live_row(f"{mark}-live", "lock", "team/Mutex/gpu"),
        created_at=BEGAN,
        first_seen_at=BEGAN,
        waiting_since=BEGAN,
        name=f"zq-shared-{mark}-live",
        department=name,
        waiting_words=f"held by team/{another}-holder",
    )


def samples_of(mark: str) -> list[Fact]:
    """Depths of its own queue, and of the one that all share."""
    sample = QueueSample(
        cluster="c1",
        namespace="team",
        queue=f"{mark}-queue",
        version=version(100),
        at=BEGAN,
        reason="throttled",
        depth=7,
        oldest_age_ms=0,
    )
    return [sample, replace(sample, queue="nightly")]


def a_marked_view() -> LiveView:
    """A live view with a mark in every name but the cluster's."""
    place = ("c1", f"{FOREIGN}-ns", f"{FOREIGN}-queue")
    at = now_ms()
    return LiveView(
        at=at,
        clusters=[a_cluster("c1", detail=f"{FOREIGN}-detail")],
        access=AccessHealth(problems=(f"{FOREIGN}-file",)),
        queues=[waiting(place, "throttled", 9, HOUR), waiting(("c1", "team", "nightly"), "lock", 75319753, HOUR)],
        store=a_store(detail=f"{FOREIGN}-store"),
        flows=[a_flow(place, 9, 3, 1)],
        slots=[
            some_slots(cluster="c1", namespace=f"{FOREIGN}-ns"),
            some_slots(cluster="c1", namespace="team", limit=86753097),
        ],
        locks=[a_lock(cluster="c1", name="team/Mutex/gpu", holders=(f"{FOREIGN}/holder",))],
        stuck=[a_stuck(name=f"{FOREIGN}-stuck")],
        crons=[a_cron(cluster="c1", name=f"{FOREIGN}-cron")],
        controllers=[a_controller("c1", pod=f"{FOREIGN}-pod")],
        clocks=[Clock("cluster", f"{FOREIGN}-cluster", 7_200_000)],
        departments=[DepartmentCost(f"{FOREIGN}-department", "USD", Decimal(5))],
        unusual=[UnusualCost(f"{FOREIGN}-department", "USD", 1, Decimal(5))],
        removed=[RemovedCluster(f"{FOREIGN}-removed", at)],
        source_problems=[SourceProblem((f"{FOREIGN}-place",), f"{FOREIGN}-reason", f"{FOREIGN}-remedy")],
    )


def fill(writer: Store) -> None:
    """Makes the tables, with the rows of all three."""
    migrate(writer)
    for name, another in zip(TENANTS, (*TENANTS[1:], TENANTS[0]), strict=True):
        for row in rows_of(name, another):
            write_facts(writer, [row])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a collector whose store holds the rows of all three."""
    data = tmp_path_factory.mktemp("tenants")
    store = start(data)
    writer = store.writer()
    fill(writer)
    writer.close()
    yield data
    assert store.stop() == 0


@asynccontextmanager
async def pages(folder: Path) -> AsyncIterator[str]:
    """The server that reads this store."""
    entries = [TokenEntry(name, hash_of(token), departments=(name,)) for name, token in TOKENS.items()]
    (folder / "tokens.yaml").write_bytes(write_tokens([*entries, TokenEntry("all", hash_of("all"), scope="all")]))
    address = f"127.0.0.1:{free_port()}"
    settings = Settings(
        data_dir=str(folder),
        http=HttpSettings(listen=address),
        access=AccessSettings(token_files=(str(folder / "tokens.yaml"),)),
    )
    async with serving(settings, a_marked_view, Counters(), entrance=Visitors(settings).entrance):
        yield f"http://{address}"


async def answer_of(session: aiohttp.ClientSession, address: str, token: str) -> tuple[int, str]:
    """Status, headers and body of an answer."""
    headers = PAGE | {"authorization": f"Bearer {token}"}
    async with session.get(address, headers=headers, allow_redirects=False) as answer:
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in ("date", "content-length")}
        return answer.status, f"{kept}\n{await answer.text()}"


def addresses(mark: str) -> list[str]:
    """Every page and answer about something with this mark."""
    uids = [f"{mark}-{kind}" for kind in ("uid", "live", "alone", "pod", "node")]
    return [
        *(f"{api}/workflows/{uid}" for api in ("", "/api/v1") for uid in uids),
        *(f"/workflows/{mark}-uid?attempt={attempt}&rows=1" for attempt in (1, 2)),
        *(f"/workflows?name={name}" for name in (mark, f"{mark}-alone", f"{mark}-live", f"zq-shared-{mark}-live")),
        f"/workflows?name={mark}-alone&cluster=c1&namespace=team",
        *(f"{api}/queues/c1/team/{mark}-queue?period=7d" for api in ("", "/api/v1")),
        f"/queues/c1/{mark}-ns/{mark}-queue",
        *(f"{api}/templates/{mark}-template?period=90d" for api in ("", "/api/v1")),
        f"/templates/{mark}-template?cluster=c1&namespace=team",
        *(f"/api/v1/reports/steps?workflow={mark}-{kind}" for kind in ("uid", "alone", "live")),
        f"/api/v1/reports/cost?by=template&where=template={mark}-template",
    ]


SHARED = (
    "/",
    "/api/v1/live",
    "/readyz",
    "/metrics",
    "/nowhere",
    "/workflows",
    "/workflows?name=z",
    "/workflows?name=zq-shared",
    "/workflows?name=zq-shared&cluster=c1&namespace=team",
    "/workflows?name=zq-shared&cluster=c2",
    "/workflows/x?attempt=nonsense",
    "/queues/c1/team/nightly?period=1h",
    "/api/v1/queues/c1/team/nightly?period=7d",
    "/queues/c1/team/nightly?period=nonsense",
    "/templates/train",
    "/templates/train?period=24h&cluster=c1&namespace=team",
    "/api/v1/templates/train?period=90d",
    "/reports",
    *(
        f"/api/v1/reports/{report}"
        for report in (
            "cost",
            "cost?by=department,project,creator,workflow,step&format=csv",
            "comparison?by=department,template",
            "units?unit=km&by=template,creator",
            "queue?by=department,template,creator",
            "queue?by=department&where=department=finance",
            "success?by=department,queue",
            "steps?workflow=zq-shared",
            "savings?node_type=x&node_size=2-4Gi&node_price=1",
            "months",
            "bill?month=2026-11",
            "bill",
        )
    ),
)
"""What all three may ask for."""


@pytest.mark.parametrize("name", TENANTS)
async def test_no_byte_of_another_department_is_answered(folder: Path, name: str) -> None:
    """On pages, in the API, in redirects, errors and headers; and the own rows are there."""
    own, others = MARKS[name], {FOREIGN, *MARKS.values()} - {MARKS[name]}
    found = 0
    async with pages(folder) as at, aiohttp.ClientSession() as session:
        for path in (*SHARED, *addresses(own)):
            status, text = await answer_of(session, at + path, TOKENS[name])
            assert status < 500 or path == "/readyz", (path, text)
            assert not [mark for mark in others if mark in text], path
            assert "75319753" not in text, path
            assert "86753097" not in text, path
            found += own in text

    assert found > 20


@pytest.mark.parametrize("name", TENANTS)
async def test_what_belongs_to_another_is_answered_as_what_does_not_exist(folder: Path, name: str) -> None:
    """The same status and text; only the words of the request differ."""
    other = next(one for one in TENANTS if one != name)
    async with pages(folder) as at, aiohttp.ClientSession() as session:
        for mark in (MARKS[other], FOREIGN):
            for path, unknown in zip(addresses(mark), addresses("zqnone"), strict=True):
                theirs = await answer_of(session, at + path, TOKENS[name])
                nothing = await answer_of(session, at + unknown, TOKENS[name])
                assert (theirs[0], theirs[1].replace(mark, "zqnone")) == nothing, path


async def test_figures_are_of_the_own_rows(folder: Path) -> None:
    """Totals, shares and counts: others cannot be found by subtraction."""
    async with pages(folder) as at, aiohttp.ClientSession() as session:

        async def read(path: str, token: str) -> dict[str, object]:
            async with session.get(f"{at}/api/v1/{path}", headers={"authorization": f"Bearer {token}"}) as answer:
                found: dict[str, object] = await answer.json()
                return found

        live, everything = await read("live", TOKENS["maps"]), await read("live", "all")
        queue = await read("queues/c1/team/nightly?period=7d", TOKENS["maps"])
        template = await read("templates/train?period=7d", TOKENS["maps"])

    money, of_all = live["money"], everything["money"]
    assert [one["department"] for one in money["departments"]] == ["maps"]  # type: ignore[index]
    assert {one["department"] for one in of_all["departments"]} >= {*TENANTS}  # type: ignore[index]
    (own,), (whole,) = money["totals"], of_all["totals"]  # type: ignore[index]
    assert Decimal(whole["cost"]) == 3 * Decimal(own["cost"]) > 0
    assert (money["departments"][0]["share"], money["running"]) == (1.0, [])  # type: ignore[index]
    assert set(live) == {"at_ms", "departments", "clusters", "money"}
    assert (queue["of_all"], queue["now"], queue["slots"], queue["locks"]) == (False, None, [], [])
    assert (queue["whole"]["arrivals"], len(queue["waiting"])) == (2, 1)  # type: ignore[index,arg-type]
    assert {step["waiting"] for step in queue["steps"]} == {None}  # type: ignore[attr-defined]
    assert len(template["recent"]) == 1  # type: ignore[arg-type]


async def test_one_visitor_s_answer_is_never_another_s(folder: Path) -> None:
    """Whatever is kept between requests is kept by scope: all ask for the same within the time that money is kept."""
    async with pages(folder) as at, aiohttp.ClientSession() as session:
        for _ in range(2):
            for name in TENANTS:
                _, text = await answer_of(session, f"{at}/api/v1/live", TOKENS[name])
                assert [one for one in TENANTS if f'"{one}"' in text] == [name]
