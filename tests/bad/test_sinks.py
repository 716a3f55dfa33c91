"""Each of sixty hostile names through each sink: it stays a name everywhere."""

import csv
import io
import json
import logging
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
import yaml
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families as parse_plain
from rich.console import Console

from alerts import alertmanager
from alerts.delivery import Delivery, Receiver, Team, Webhook
from collector.access.audit import entry_of
from collector.access.scope import Visitor, of_departments
from collector.billing.rows import read_facts, write_facts
from collector.catalog.counters import Counters
from collector.core.facts.audit import AuditEntry
from collector.exposition.prometheus import render
from collector.logs import JsonLines, PlainLines
from collector.reports.render import FORMULA_STARTS, as_csv, as_json, print_report
from collector.reports.report import Report
from collector.shown_text import on_one_line
from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from collector.web.app import create_app
from tests.bad.injections import INJECTIONS
from tests.store.running import start
from tests.web import history
from tests.web.fleet import MINUTE, NOW, a_view, waiting
from tests.web.history import a_workflow
from tests.web.serving import get, serving

every_injection = pytest.mark.parametrize("name", INJECTIONS, ids=[str(i) for i in range(len(INJECTIONS))])
HARMLESS = "a-name"


class Shape(HTMLParser):
    """The elements of a page and the names of their attributes: what a name must not change."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]


async def no_metrics(*_: object) -> tuple[bytes, dict[str, str]]:
    return b"", {}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real engine with today's tables."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    yield writer
    writer.close()
    assert running.stop() == 0


@pytest.fixture(scope="module")
def pages() -> Iterator[tuple[str, history.Store]]:
    """The pages, and the store that they show."""
    store = history.Store()
    app = create_app(live=a_view, counters=Counters(), metrics=no_metrics, history=store.of, now=lambda: NOW)
    with serving(app) as address:
        yield address, store


def test_there_are_sixty() -> None:
    """All different."""
    assert len(set(INJECTIONS)) == len(INJECTIONS) >= 60


def shape_of(pages: tuple[str, history.Store], name: str) -> Shape:
    """The page of a workflow all of whose texts are one."""
    address, store = pages
    run = replace(
        a_workflow().shown,
        name=name,
        namespace=name,
        template=name,
        queue=name,
        department=name,
        project=name,
        creator=name,
        message=name,
        outcome="failed",
        reason="exit 1",
        labels={name: name},
    )
    store.workflows = (a_workflow(shown=run),)
    answer = get(f"{address}/workflows/{run.uid}")
    assert answer.status == 200
    return Shape(answer.body.decode())


@every_injection
def test_a_page_has_the_elements_of_a_harmless_one(pages: tuple[str, history.Store], name: str) -> None:
    """No element, no attribute and no link to elsewhere is added."""
    shape = shape_of(pages, name)
    assert shape.elements == shape_of(pages, HARMLESS).elements
    assert all(link.startswith(("/", "#")) and not link.startswith("//") for link in shape.links)


@every_injection
def test_a_search_shows_a_name_as_text(pages: tuple[str, history.Store], name: str) -> None:
    """Also the name that was searched for, and in its JSON."""
    address, store = pages
    store.found = []
    plain = Shape(get(f"{address}/workflows?name={HARMLESS}").body.decode())
    found = Shape(get(f"{address}/workflows?name={quote(name, safe='')}").body.decode())
    assert found.elements == plain.elements


def test_json_of_the_api_has_the_names_as_they_are() -> None:
    """As data, in one answer."""
    view = a_view(queues=[waiting((name, name, name), "unseen", 1, MINUTE) for name in INJECTIONS])
    app = create_app(
        live=lambda: view, counters=Counters(), metrics=no_metrics, history=history.Store().of, now=lambda: NOW
    )
    with serving(app) as address:
        answer = get(f"{address}/api/v1/live")
    assert answer.headers["content-type"] == "application/json"
    assert {queue["queue"] for queue in answer.json()["queues"]} <= {*INJECTIONS}


def a_report() -> Report:
    return Report("Injections", ("name", "number"), [(name, 1) for name in INJECTIONS])


def test_a_cell_of_csv_is_neither_a_formula_nor_two_cells() -> None:
    """An apostrophe at most is added."""
    rows = [*csv.reader(io.StringIO(as_csv(a_report()), newline=""))][1:]
    assert [number for _, number in rows] == ["1"] * len(INJECTIONS)
    assert not [cell for cell, _ in rows if cell.startswith(FORMULA_STARTS)]
    assert [cell.removeprefix("'") for cell, _ in rows] == [name.removeprefix("'") for name in INJECTIONS]


def test_json_of_a_report_reads_back() -> None:
    """And shows no control character in a terminal."""
    text = as_json(a_report())
    assert [row["name"] for row in json.loads(text)["rows"]] == [*INJECTIONS]
    assert all(line == on_one_line(line) for line in text.split("\n"))


def test_a_table_commands_no_terminal_and_knows_no_markup() -> None:
    """On a terminal, where rich would take brackets for colours."""
    console = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None)
    print_report(a_report(), "table", console)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    commands = ("\x1b]", "\x1b[2J", "\x9b", "\b", "\r", "\x00", "\x7f", "\u202e", "\u2066")
    assert [command for command in commands if command in shown] == []
    assert "[red]markup[/red]" in shown
    assert "[link=http://evil.example]x[/link]" in shown


@every_injection
def test_a_line_of_the_log_is_one_line_with_the_same_fact(name: str) -> None:
    """In both forms."""
    record = logging.makeLogRecord({"msg": "a sentence", "levelno": logging.INFO, "levelname": "INFO", "queue": name})
    line, plain = JsonLines().format(record), PlainLines().format(record)
    assert json.loads(line)["queue"] == name
    assert json.loads(line)["level"] == "info"
    for text in (line, plain):
        assert text == on_one_line(text)
        assert len(text.splitlines()) == 1


def test_labels_of_metrics_read_back() -> None:
    """By Prometheus' own parser; no series and no label is added."""
    view = a_view(queues=[waiting(("prod-hz", "ns", name), "unseen", 1, MINUTE) for name in INJECTIONS])
    families = {family.name: family for family in parse_plain(render(view, Counters()).decode())}
    samples = families["lynceus_queue_depth"].samples
    assert {sample.labels["queue"] for sample in samples} == {*INJECTIONS}
    assert {tuple(sample.labels) for sample in samples} == {("cluster", "namespace", "queue", "reason")}
    assert not [name for name in families if "evil" in name]


def test_a_team_of_that_name_is_a_receiver_of_that_name() -> None:
    """In the configuration of Alertmanager, which is YAML with templates."""
    somewhere = Receiver(webhook=(Webhook("http://pager:8080"),))
    for name in INJECTIONS:
        made = alertmanager.configuration(Delivery({name: Team(page=somewhere, ticket=somewhere)}, somewhere))
        receivers = [receiver["name"] for receiver in yaml.safe_load(made)["receivers"]]
        assert any(name in receiver for receiver in receivers), name


def test_the_store_keeps_the_names_and_entries_of_the_audit_log(engine: Store) -> None:
    """Values are bound, and what a visitor named is one bounded line."""
    at = 1_790_000_000_000
    entries = [
        entry_of(
            "read", name, visitor=Visitor(name, of_departments([name]), "proxy"), address=name, detail=name, at=at + i
        )
        for i, name in enumerate(INJECTIONS)
    ]
    write_facts(engine, entries)
    assert read_facts(engine, AuditEntry, "ORDER BY audit_entry.at") == entries
    for entry, name in zip(entries, INJECTIONS, strict=True):
        assert entry.actor == on_one_line(entry.actor)
        assert engine.query_rows("SELECT {name:String}", {"name": name}) == [(name,)]
