"""
A collector's pages and API over a real store of two departments, and the same store for commands.

October and November have workflows of maps, of vision and of no department, steps, shared costs, units, and a bill of November.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace
from typer.testing import CliRunner

from collector.access.tokens import TokenEntry, hash_of, make_token, write_tokens
from collector.catalog.counters import Counters
from collector.cli.main import app
from collector.connect import VARIABLE
from collector.core.cost.billing_days import day_of
from collector.core.facts.audit import AuditEntry
from collector.core.facts.bills import MonthStatement, Period, StatementLine
from collector.core.facts.workflows import StepRun, WorkflowRun
from collector.core.model import Fact
from collector.service.http_server import serving
from collector.service.visitors import Visitors
from collector.settings.load import load_settings
from collector.store.schema.migrate import migrate
from tests.billing.billed import charged, import_items, lines_of, pods
from tests.billing.stored import charges_of, write_all
from tests.builders import DAY, NOON, SECOND
from tests.core.cost.charged import pod
from tests.ports import free_port
from tests.reports.stored import a_run, a_step_run
from tests.store.running import Running, start
from tests.web.fleet import a_view

ALL, MAPS, VISION = (make_token() for _ in range(3))
MONTHS = (day_of(date(2026, 10, 1)), day_of(date(2026, 11, 1)))
HOSTILE = "=HYPERLINK(1)"
CONFIG = """
data_dir: {folder}
http: {{listen: '{address}'}}
access: {{token_files: ['{folder}/tokens.yaml']}}
attribution: {{units: [{{name: km, workflow_annotation: example.com/km}}]}}
budgets:
  - {{where: {{department: maps}}, month: "100", currency: CNY}}
  - {{where: {{department: vision}}, month: "100", currency: CNY}}
  - {{name: all of it, month: "1000", currency: CNY}}
"""


def workflows(department: str, begin: int, count: int) -> Iterator[Fact]:
    """Workflows of a pod each, every third without a number of kilometres, every fourth failed."""
    for number in range(count):
        uid, at = f"{department or 'none'}-{begin}-{number}", begin + number * 3600 * SECOND
        failed = number % 4 == 0
        run = a_run(
            uid,
            name=HOSTILE if number == 1 else f"wf-{number}",
            created_at=at,
            first_seen_at=at,
            picked_up_at=at + SECOND,
            started_at=at,
            finished_at=at + 100 * SECOND,
            department=department,
            creator=f"creator-{number % 3}",
            template=f"template-{number % 5}",
            queue=f"queue-{number % 2}",
            outcome="failed" if failed else "succeeded",
            reason="exit_1" if failed else "",
            throttled_ms=1000 * number,
            made={"km": Decimal(number) / 2} if number % 3 else {},
        )
        names = {"workflow_name": run.name, "step": f"{run.name}.fit"}
        one = replace(pod(60 + 7 * number, begin=at, uid=f"p-{uid}", workflow_uid=uid), **names)
        step = a_step_of(run, one.uid)
        charges = charges_of(one, run)
        yield from (
            run,
            one,
            step,
            *(replace(charge, class_="failed" if failed else charge.class_) for charge in charges),
        )


def a_step_of(run: WorkflowRun, pod_uid: str) -> StepRun:
    """The only step of a workflow, which decides its length."""
    return a_step_run(
        f"{run.uid}-fit",
        workflow=run.uid,
        workflow_created_at=run.created_at,
        started_at=run.created_at,
        finished_at=run.created_at + 60 * SECOND,
        pod_uid=pod_uid,
        critical=True,
        critical_ms=60_000,
    )


def a_line(month: int, department: str, amount: str) -> StatementLine:
    """A part of a fee of 100 that departments share."""
    return StatementLine(
        month=month,
        run=1,
        currency="USD",
        department=department,
        kind="fee",
        what="gateway",
        book="ours@1",
        cluster="c1",
        product="alibaba-eci",
        version=1,
        basis="even",
        weight=Decimal(1),
        whole=Decimal(100),
        amount=Decimal(amount),
        rule="fee",
    )


def facts() -> list[Fact]:
    """The rows of both months."""
    found = [
        fact
        for begin in (NOON - 31 * DAY, NOON)
        for department, count in (("maps", 12), ("vision", 7), ("", 3))
        for fact in workflows(department, begin, count)
    ]
    for month in MONTHS:
        found += [a_line(month, name, "33.333333333333333333") for name in ("maps", "vision", "unallocated")]
        found.append(
            MonthStatement(
                month=month,
                run=1,
                version=1,
                complete_until=NOON,
                books=[],
                rules="",
                unpriced=0,
                accruing=0,
                notes=["fee nat of ours@1: no exchange rate for EUR; in no line"],
            )
        )
    locked = Period(
        month=MONTHS[0], version=1, active_run=1, state="locked", total=None, hash="h", statement_hash="s" * 16
    )
    return [*found, locked, replace(locked, month=MONTHS[1], state="open", hash="", statement_hash="")]


class Reporting(NamedTuple):
    """A store, its settings, and the API that reads it."""

    store: Running
    config: Path
    address: str
    seen: list[AuditEntry]

    def printed(self, *words: str, token: str = ALL) -> str:
        """What a command prints with a token; its error fails."""
        address = ("--url", self.store.url, "--config", str(self.config))
        done = CliRunner().invoke(
            app, [*words, *address], env={VARIABLE: token, "COLUMNS": "200"}, catch_exceptions=False
        )
        return done.stdout_bytes.decode()


@contextmanager
def filled(folder: Path, more: Callable[[Running], object] = lambda _: None) -> Iterator[tuple[Running, Path, str]]:
    """The store with its rows, the file of settings, and the address that they name."""
    entries = [
        TokenEntry(name, hash_of(token), departments=(name,)) for name, token in (("maps", MAPS), ("vision", VISION))
    ]
    (folder / "tokens.yaml").write_bytes(write_tokens([*entries, TokenEntry("all", hash_of(ALL), scope="all")]))
    address = f"127.0.0.1:{free_port()}"
    config = folder / "lynceus.yaml"
    config.write_text(CONFIG.format(folder=folder, address=address), encoding="utf-8")
    store = start(folder, token_files=[folder / "tokens.yaml"])
    writer = store.writer()
    migrate(writer)
    write_all(writer, facts())
    billed = charged(pods(3))
    write_all(writer, billed)
    import_items(writer, folder, lines_of(billed)[:-1])
    more(store)
    writer.close()
    try:
        yield store, config, address
    finally:
        assert store.stop() == 0


@asynccontextmanager
async def reporting(made: tuple[Running, Path, str]) -> AsyncIterator[Reporting]:
    """The server that reads this store, as a collector runs it."""
    store, config, address = made
    settings, seen = load_settings(config), list[AuditEntry]()
    entrance = Visitors(settings).entrance
    async with serving(settings, a_view, Counters(), entrance=entrance, seen=seen.append):
        yield Reporting(store, config, f"http://{address}/api/v1/reports/", seen)
