"""
Wires the parts together: the collector as one asyncio process, its store as a child, and the demo around both.

Only this module knows all rooms. What can fail by itself is kept apart here: a cluster's watches from the other clusters,
the store from the watches, a slow disk from the sockets.
"""

import asyncio
import contextlib
import logging
import random
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import uvicorn
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from collector import settings as configuration
from collector.catalog import metrics
from collector.catalog.tables import DATABASE
from collector.catalog.tally import Tally
from collector.core.model import Commit, Instant, LiveView, StoreHealth
from collector.exposition import logs, prometheus
from collector.pipeline import Pipeline
from collector.prices import book
from collector.reports import shape
from collector.settings import ClusterSettings, Settings, SettingsError
from collector.store import child, inserter
from collector.store import migrate as migrations
from collector.store.clickhouse import Store, StoreError, StoreUnreachableError, connect
from collector.store.spool import Spool, open_spool
from collector.store.spool_file import SpoolError, SpoolFullError
from collector.store.worker import Worker
from collector.watch import discovery, kinds, preflight
from collector.watch.address import AddressError, ClusterAddress
from collector.watch.connection import Connection
from collector.watch.protocol import Watch
from collector.watch.reflector import watch_cluster
from collector.web.app import create_app
from collector.web.money import Money, Spent

log = logging.getLogger(__name__)

COMMIT_S = 0.2
"""How often what was observed becomes durable; what a crash may have to be replayed."""
SAMPLE_S = 15
ACCRUE_S = 3600
RESTART_S = 30
"""Before a cluster whose watches failed in an unforeseen way is started again."""
SPOOL_BYTES = 8 << 30
FLUSH_S = 1.0
"""For a last round to the store at the end; what it does not take stays in the spool."""
DEMO_ACCRUE_S = 10
DEFAULT_STORE_PORT = 8471
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
STORE_USER = "lynceus"
"""The embedded store's writer."""


class Failure(Exception):  # noqa: N818 - it is what the user is told, not a type to catch
    """Something outside did not work; the text says what, and what to do."""


@dataclass(slots=True)
class Parts:
    """What runs, for whoever serves or ends it."""

    settings: Settings
    folder: Path
    data: Path
    addresses: dict[str, ClusterAddress]
    pipeline: Pipeline
    tally: Tally
    stop: asyncio.Event
    accrue_s: int = ACCRUE_S
    watches: dict[str, list[Watch]] = field(default_factory=dict)
    store: Store | None = None
    inserts: inserter.Inserter | None = None
    spool: Spool | None = None
    spool_detail: str = ""
    failure: str = ""
    """Why everything was stopped, when nobody asked for it."""
    store_detail: str = "starting"
    _money: Store | None = None

    def view(self) -> LiveView:
        """What is known now."""
        health = {name: [watch.health() for watch in watches] for name, watches in self.watches.items()}
        return self.pipeline.view(now_ms(), health, self._store_health())

    def money_store(self) -> Store:
        """A connection of its own for the pages, so that they never wait behind an insert."""
        self._money = self._money or reading_store(self.settings, "")
        return self._money

    def _store_health(self) -> StoreHealth:
        rows, size = (self.spool.rows, self.spool.bytes) if self.spool else (0, 0)
        if self.inserts is None:
            return StoreHealth(False, self.store_detail, rows, size, None)
        detail = self.spool_detail or self.inserts.detail
        return StoreHealth(self.inserts.reachable, detail, rows, size, self.inserts.last_insert_at)


def now_ms() -> Instant:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def books(settings: Settings, folder: Path) -> book.Books:
    """The price books in force; all must be in the settings' currency."""
    loaded = book.load(settings.prices, folder)
    for one in loaded.books.values():
        if one.currency != settings.currency:
            raise SettingsError(f"currency: is {settings.currency}, but {one.name} is in {one.currency}; leave it out")
    return loaded


def addresses(settings: Settings) -> dict[str, tuple[ClusterAddress, ClusterSettings]]:
    """The clusters to watch, listed or discovered, by name."""
    try:
        found = [(_address(c), c) for c in settings.clusters]
        if settings.discovery.argocd_secrets:
            secrets = discovery.argocd_secrets(Path(settings.discovery.argocd_secrets))
            found += [(address, ClusterSettings(name=address.name)) for address in secrets]
        if not found:
            found = [(address, ClusterSettings(name=address.name)) for address in discovery.current_contexts()]
    except AddressError as error:
        raise SettingsError(f"clusters: {error}") from None
    except OSError as error:
        raise SettingsError(f"discovery.argocd_secrets: {error.filename}: {error.strerror}") from None
    if not found:
        raise SettingsError("clusters: there is none to watch; list one, or make a kubeconfig with a context")
    return {address.name: (address, cluster) for address, cluster in found}


def _address(cluster: ClusterSettings) -> ClusterAddress:
    in_cluster = not cluster.kubeconfig and Path("/var/run/secrets/kubernetes.io/serviceaccount/token").exists()
    path = Path(cluster.kubeconfig).expanduser() if cluster.kubeconfig else None
    return ClusterAddress(cluster.name, path, cluster.context or None, in_cluster, cluster.allow_insecure)


async def run(
    settings: Settings,
    folder: Path,
    *,
    stop: asyncio.Event | None = None,
    accrue_s: int = ACCRUE_S,
    ready: Callable[[Parts], object] = str,
) -> Parts:
    """Watch and serve until told to stop; returns what ran, for a summary."""
    logs.to_stderr()
    known, zone = addresses(settings), ZoneInfo(settings.billing_timezone)
    loaded, data, tally = books(settings, folder), configuration.data_dir(settings), Tally()
    rules = {name: configuration.rules_of(settings, cluster) for name, (_, cluster) in known.items()}
    pipeline = Pipeline(rules, loaded, zone, tally)
    where = {name: address for name, (address, _) in known.items()}
    parts = Parts(settings, folder, data, where, pipeline, tally, stop or asyncio.Event(), accrue_s)
    with _signals(parts.stop):
        async with AsyncExitStack() as stack:
            await _start(parts, stack)
            ready(parts)
            await parts.stop.wait()
    if parts.failure:
        raise Failure(parts.failure)
    return parts


async def _start(parts: Parts, stack: AsyncExitStack) -> None:
    """Start everything; what is entered last is ended first, so that watches end before the spool does."""
    await stack.enter_async_context(_serving(parts))
    disk = Worker("spool")
    stack.callback(disk.close)
    parts.spool = await _open_spool(parts, disk)
    stack.push_async_callback(disk.run, parts.spool.close)
    await stack.enter_async_context(_storing(parts, disk))
    await stack.enter_async_context(_committing(parts, disk))
    await stack.enter_async_context(_ticking(parts))
    for name in parts.addresses:
        await stack.enter_async_context(_watching(parts, name))


async def _open_spool(parts: Parts, disk: Worker) -> Spool:
    try:
        spool = await disk.run(open_spool, parts.data / "spool.sqlite", SPOOL_BYTES, now_ms())
        loaded = await disk.run(spool.load)
    except SpoolError as error:
        raise Failure(f"{error}") from None
    parts.pipeline.restore(loaded.cursors, loaded.checkpoints)
    if loaded.damage:
        log.error("the spool was damaged and set aside", extra={"reason": loaded.damage})
        parts.pipeline.lost_spool(now_ms(), loaded.damage)
    parts.pipeline.open_pricing_run(now_ms(), book.digest(parts.pipeline.books))
    return spool


@asynccontextmanager
async def _task(work: Any, name: str, patience_s: float = 2.0) -> AsyncIterator[asyncio.Task[Any]]:
    """A task for as long as the block lasts."""
    task = asyncio.create_task(work, name=name)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=patience_s)


@asynccontextmanager
async def _storing(parts: Parts, disk: Worker) -> AsyncIterator[None]:
    """The store, and the way of facts into it; a store that is down holds up nothing but its own inserts."""
    asking, last_call = Worker("store"), asyncio.Event()
    task = asyncio.create_task(_store(parts, disk, asking, last_call), name="store")
    task.add_done_callback(lambda done: _ended(parts, done))
    try:
        yield
    finally:
        # By now the last commit is in the spool: one more round to the store, if it takes it in time.
        last_call.set()
        await asyncio.wait([task], timeout=FLUSH_S + 1)
        task.cancel()
        await asyncio.wait([task], timeout=1)
        asking.close()


def _ended(parts: Parts, task: asyncio.Task[None]) -> None:
    """Only what cannot be mended by trying again ends the store's task: say why and stop, nothing would be stored."""
    if not task.cancelled() and (error := task.exception()):
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        parts.failure = str(error)
        parts.stop.set()


async def _store(parts: Parts, disk: Worker, asking: Worker, last_call: asyncio.Event) -> None:
    settings = parts.settings.store
    if settings.url:
        password = Path(settings.password_file) if settings.password_file else None
        parts.store = connect(settings.url, settings.username, password)
        await _insert(parts, disk, asking, last_call)
        return
    token, up, flushed = parts.data / "store.token", asyncio.Event(), asyncio.Event()

    def answers(url: str) -> None:
        parts.store = parts.store or connect(url, STORE_USER, token)
        up.set()

    engine, listen = parts.data / "store", parts.settings.embedded.listen
    async with asyncio.TaskGroup() as group:
        group.create_task(child.supervise(engine, listen, token, stop=flushed, on_ready=answers))
        await up.wait()
        await _insert(parts, disk, asking, last_call)
        flushed.set()


async def _insert(parts: Parts, disk: Worker, asking: Worker, last_call: asyncio.Event) -> None:
    """Migrate as soon as the store answers, then insert until the last call, and once more after it."""
    assert parts.store is not None  # noqa: S101 - set before this is called
    assert parts.spool is not None  # noqa: S101
    parts.inserts = inserter.Inserter(parts.spool, disk, parts.store, asking, parts.tally, now_ms)
    on_cluster = parts.settings.store.cluster
    run = asyncio.create_task(parts.inserts.run(prepare=lambda store: migrations.migrate(store, on_cluster)))
    call = asyncio.create_task(last_call.wait())
    await asyncio.wait([run, call], return_when=asyncio.FIRST_COMPLETED)
    call.cancel()
    if run.done():
        run.result()
    run.cancel()
    await asyncio.wait([run], timeout=FLUSH_S)
    await parts.inserts.finish(FLUSH_S)


@asynccontextmanager
async def _committing(parts: Parts, disk: Worker) -> AsyncIterator[None]:
    async with _task(_commit_for_ever(parts, disk), "commit"):
        yield
    # What the watches brought since the last commit; they have ended by now.
    if (commit := parts.pipeline.drain(now_ms())) is not None:
        with contextlib.suppress(SpoolError):
            await _commit(parts, disk, commit)


async def _commit_for_ever(parts: Parts, disk: Worker) -> None:
    while True:
        await asyncio.sleep(COMMIT_S)
        commit = parts.pipeline.drain(now_ms())
        if commit is not None:
            # A commit under way is finished even when we are told to stop: it holds what was already drained.
            await asyncio.shield(_commit_until_done(parts, disk, commit))


async def _commit_until_done(parts: Parts, disk: Worker, commit: Commit) -> None:
    """A full disk is waited out with the same commit; meanwhile the pipeline fills up and the watches are closed."""
    while True:
        try:
            await _commit(parts, disk, commit)
        except SpoolFullError as error:
            parts.spool_detail = f"spool: {error}"
            log.error("the spool takes nothing, watches will be paused", extra={"reason": str(error)})
            await asyncio.sleep(5)
        else:
            parts.spool_detail = ""
            return


async def _commit(parts: Parts, disk: Worker, commit: Commit) -> None:
    assert parts.spool is not None  # noqa: S101 - opened before any commit
    await disk.run(parts.spool.commit, commit)


@asynccontextmanager
async def _ticking(parts: Parts) -> AsyncIterator[None]:
    scheduler = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": None})
    pipeline = parts.pipeline

    async def sample() -> None:
        pipeline.sample_queues(now_ms())

    async def accrue() -> None:
        pipeline.accrue(now_ms())

    scheduler.add_job(sample, "interval", seconds=SAMPLE_S)
    scheduler.add_job(accrue, "interval", seconds=parts.accrue_s)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


@asynccontextmanager
async def _watching(parts: Parts, name: str) -> AsyncIterator[None]:
    async with _task(_watch(parts, name), f"watch {name}") as task:
        previous = parts.pipeline.on_refused

        def refused(cluster: str) -> None:
            previous(cluster)
            if cluster == name:
                log.error("a cluster is refused", extra={"cluster": name, "reason": parts.pipeline.refused[name]})
                task.cancel()

        parts.pipeline.on_refused = refused
        yield


async def _watch(parts: Parts, name: str) -> None:
    """One cluster's watches for ever; whatever goes wrong in them stays in this cluster."""
    cluster = next((c for c in parts.settings.clusters if c.name == name), ClusterSettings(name=name))
    while True:
        resources = kinds.resources(labelled_pods=cluster.pods == "labelled")
        parts.watches[name] = [_one_watch(parts, name, resource) for resource in resources]
        sink = lambda outcomes: parts.pipeline.take(name, outcomes)  # noqa: E731 - bound to this cluster
        try:
            async with Connection(parts.addresses[name]) as connection:
                await watch_cluster(connection, parts.watches[name], sink=sink, room=parts.pipeline.room)
        except Exception:
            log.exception("the watches of a cluster failed and start again", extra={"cluster": name})
        await asyncio.sleep(RESTART_S)


def _one_watch(parts: Parts, name: str, resource: kinds.Resource) -> Watch:
    resume = parts.pipeline.resume(name, resource.kind)
    at = resume.at if resume else None
    return Watch(name, resource, dice=random.Random(), tally=parts.tally, resume=resume, resumed_at=at)


class _Server(uvicorn.Server):
    """Leaves signals to us: the whole tree ends in order, not the pages first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _serving(parts: Parts) -> AsyncIterator[None]:
    """Pages, API and metrics, from the first moment: what is not ready yet says so there."""
    host, port = configuration.address(parts.settings.http.listen, "http.listen")
    reading = Worker("money")
    app = create_app(
        live=parts.view,
        tally=parts.tally,
        metrics=lambda accept: prometheus.answer(parts.view(), parts.tally, accept),
        money=lambda: _money(parts, reading),
        hosts=LOOPBACK if host in LOOPBACK else ("*",),
    )
    tls = parts.settings.http.tls
    config = uvicorn.Config(
        app, host=host, port=port, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1,
        ssl_certfile=tls.cert or None, ssl_keyfile=tls.key or None, ssl_ca_certs=tls.client_ca or None,
        ssl_cert_reqs=2 if tls.client_ca else 0,
    )  # fmt: skip
    server = _Server(config)
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise Failure(f"http.listen: {host}:{port} is taken; choose another port ({error.strerror})") from None
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait([task], timeout=2)
        reading.close()


MONEY_TODAY = f"""
    SELECT department, currency, sum(cost), countIf(status = 'accruing') > 0, countIf(cost IS NULL)
    FROM {DATABASE}.cost_current WHERE day = {{day:Date}} GROUP BY department, currency ORDER BY department, currency
"""


async def _money(parts: Parts, reading: Worker) -> Money:
    """Today's money by department, from the store."""
    zone = ZoneInfo(parts.settings.billing_timezone)
    today = datetime.now(zone).date()
    if parts.store is None:
        raise StoreError(parts.store_detail)
    rows = await reading.run(parts.money_store().query_rows, MONEY_TODAY, {"day": today})
    spent = tuple(
        Spent(department=d, currency=c or parts.settings.currency, cost=cost, accruing=bool(a), unpriced_pods=u)
        for d, c, cost, a, u in rows
    )
    return Money(day=str(today), at=now_ms(), spent=spent)


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def reading_store(settings: Settings, url: str) -> Store:
    """The store to be read: the one given, else the settings', else the embedded one."""
    if url or not settings.store.url:
        return connect(url or f"http://{settings.embedded.listen}", database=DATABASE)
    password = Path(settings.store.password_file) if settings.store.password_file else None
    return connect(settings.store.url, settings.store.username, password, database=DATABASE)


def reader(settings: Settings, url: str) -> shape.Query:
    """What reports ask; Failure when the store does not answer."""
    store = reading_store(settings, url)

    def query(sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        with _store_failures():
            return store.query_rows(sql, dict(parameters))

    return query


def ask(settings: Settings, url: str, query: str, form: str) -> bytes:
    """The answer to one statement, in a ClickHouse format."""
    with _store_failures():
        return reading_store(settings, url).query_bytes(query, form)


@contextlib.contextmanager
def _store_failures() -> Iterator[None]:
    try:
        yield
    except StoreUnreachableError as error:
        raise Failure(
            f"the store does not answer: {error}; is `lynceus run` or `lynceus demo` up, or --url right?"
        ) from None
    except StoreError as error:
        said = str(error).partition("server response: ")[2].partition(" (for url")[0]
        raise Failure(f"the store refused: {said or error}") from None


def migrate(settings: Settings, dry_run: bool) -> list[str]:
    """Migrate the settings' store; lines for the user. A dry run gives the SQL."""
    if not settings.store.url:
        raise SettingsError("store.url: migrate needs one; the embedded store is migrated by `lynceus run` itself")
    password = Path(settings.store.password_file) if settings.store.password_file else None
    store = connect(settings.store.url, settings.store.username, password)
    with _store_failures():
        try:
            applied = migrations.migrate(store, settings.store.cluster, dry_run=dry_run)
        except migrations.SchemaError as error:
            raise Failure(str(error)) from None
    if dry_run:
        return [migrations.render(s, settings.store.cluster) + ";" for m in applied for s in m.statements]
    return [f"applied {m.name}" for m in applied] or ["up to date"]


async def check(settings: Settings, folder: Path) -> list[preflight.Check]:
    """One row for each thing that must be right; whatever is wrong is a row and not an error."""
    rows: list[preflight.Check] = []
    try:
        loaded = books(settings, folder)
        rows.append(preflight.Check(True, "prices", ", ".join(loaded.names())))
    except (book.BookError, SettingsError) as error:
        rows.append(preflight.Check(False, "prices", str(error)))
    try:
        known = addresses(settings)
    except SettingsError as error:
        return [*rows, preflight.Check(False, "clusters", str(error))]
    checks = await asyncio.gather(*(_check(address, cluster) for address, cluster in known.values()))
    return [*rows, *(row for rows_of_one in checks for row in rows_of_one), await _check_store(settings)]


async def _check(address: ClusterAddress, cluster: ClusterSettings) -> list[preflight.Check]:
    async with Connection(address) as connection:
        return await preflight.check_cluster(connection, kinds.resources(labelled_pods=cluster.pods == "labelled"))


async def _check_store(settings: Settings) -> preflight.Check:
    if not settings.store.url:
        try:
            data = configuration.data_dir(settings)
        except SettingsError as error:
            return preflight.Check(False, "store", str(error))
        return preflight.Check(True, "store", f"embedded, in {data}")
    try:
        await asyncio.to_thread(reading_store(settings, "").ping)
    except StoreError as error:
        return preflight.Check(False, "store", f"{settings.store.url}: {error}", "check store.url and its user")
    return preflight.Check(True, "store", f"{settings.store.url} answers")


async def demo(*, port: int, data: Path, clusters: int, seed: int, seconds: int, say: Callable[..., object]) -> None:
    """The miniature fleet as a child process, and the collector on it; ends after `seconds` or when told to."""
    say("Starting a fleet of API servers, the store and the collector …", highlight=False)
    stop, began = asyncio.Event(), time.monotonic()
    async with _fleet(data / "fleet", clusters, seed) as fleet:
        settings = _demo_settings(data, port, fleet)
        if seconds:
            asyncio.get_running_loop().call_later(seconds, stop.set)

        def ready(_: Parts) -> None:
            say(f"Live page      http://127.0.0.1:{port}", highlight=False)
            store = "" if port + 1 == DEFAULT_STORE_PORT else f" --url http://127.0.0.1:{port + 1}"
            say(f"Ask            lynceus report cost{store} · lynceus sql 'SHOW TABLES'{store}", highlight=False)
            say(f"Ready in {time.monotonic() - began:.1f} s; data in {data}; Ctrl-C ends it.", highlight=False)

        parts = await run(settings, Path(), stop=stop, accrue_s=DEMO_ACCRUE_S, ready=ready)
    for line in summary(parts, time.monotonic() - began):
        say(line, highlight=False)


class Fleet(msgspec.Struct):
    """How to reach the demo's clusters."""

    kubeconfig: str
    contexts: list[str]


@asynccontextmanager
async def _fleet(data: Path, clusters: int, seed: int) -> AsyncIterator[Fleet]:
    """The fleet's process; it ends when its standard input closes, so it cannot outlive us."""
    command = ["-m", "collector.demo.fleet", "--data", str(data), "--clusters", str(clusters), "--seed", str(seed)]
    pipe = asyncio.subprocess.PIPE
    # In a session of its own: Ctrl-C is ours to pass on, after the watches have ended.
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )
    assert process.stdin is not None  # noqa: S101 - asked for above
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    try:
        line = await process.stdout.readline()
        if not line:
            raise Failure(f"the fleet did not start: {(await process.stderr.read()).decode(errors='replace').strip()}")
        yield msgspec.json.decode(line, type=Fleet)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 2)
        except TimeoutError:
            process.kill()


def _demo_settings(data: Path, port: int, fleet: Fleet) -> Settings:
    return Settings(
        clusters=tuple(ClusterSettings(name=n, kubeconfig=fleet.kubeconfig, context=n) for n in fleet.contexts),
        data_dir=str(data / "collector"),
        http=configuration.HttpSettings(listen=f"127.0.0.1:{port}"),
        embedded=configuration.EmbeddedSettings(listen=f"127.0.0.1:{port + 1}"),
    )


def summary(parts: Parts, seconds: float) -> list[str]:
    """What was seen, in a few lines."""
    tally, view = parts.tally, parts.view()
    ended: dict[str, int] = {}
    for (_, _, outcome), count in tally.counters.get(metrics.FINISHED.name, {}).items():
        ended[outcome] = ended.get(outcome, 0) + int(count)
    cost = sum(tally.counters.get(metrics.COST.name, {}).values())
    waiting = sum(w.count for w in view.queues if not w.begun)
    events = sum(tally.counters.get(metrics.WATCH_EVENTS.name, {}).values())
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(ended.items(), key=lambda e: -e[1]))
    return [
        f"Ran {seconds:.0f} s over {len(parts.addresses)} clusters: {events} objects observed.",
        f"Finished: {outcomes or 'nothing yet'}; waiting now: {waiting}.",
        f"Priced: {shape.amount(Decimal(cost))} {parts.settings.currency}; rows not yet stored: {view.store.spooled_rows}.",
    ]


def serve_store(path: Path, listen: str, token_file: Path | None, until_stdin_closes: bool) -> int:
    """`lynceus store`, in this process."""
    # Imported here and nowhere else: it loads the engine, 300 MB that no other command needs.
    from collector.store import embedded  # noqa: PLC0415

    arguments = ["--path", str(path), "--listen", listen]
    arguments += ["--token-file", str(token_file)] if token_file else []
    return embedded.main([*arguments, *(["--until-stdin-closes"] if until_stdin_closes else [])])
