"""What `--where` takes, and which rows it chooses."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest

from collector.core.model import Fact
from collector.reports.filters import Filter, condition, described, holds, parse_filters
from collector.reports.queue import queue
from collector.reports.report import Query, Report, ReportError, Span
from collector.reports.success import success
from tests.reports.engine import holding
from tests.reports.stored import a_run

COLUMNS = ["department", "step"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], ()),
        (["department=maps"], (Filter("department", ("maps",)),)),
        (
            ["department=maps", "step=a=b", "department=sre"],
            (Filter("department", ("maps", "sre")), Filter("step", ("a=b",))),
        ),
        (["step!=fit", "step!=load"], (Filter("step", ("fit", "load"), excluded=True),)),
        (["department="], (Filter("department", ("unallocated",)),)),
        (["department!="], (Filter("department", ("unallocated",), excluded=True),)),
    ],
)
def test_filters_are_read_by_column(texts: list[str], expected: tuple[Filter, ...]) -> None:
    """Values of one column are alternatives; nothing after the `=` stands for what is unallocated."""
    assert parse_filters(texts, COLUMNS) == expected


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["department"], "--where department: expected COLUMN=VALUE or COLUMN!=VALUE, like department=maps"),
        (["team=a"], "--where team: no such column; there are department, step"),
        (["step=" + "x" * 1001], "at most 50 filters of 1000 characters"),
        (["step=x"] * 51, "at most 50 filters of 1000 characters"),
    ],
)
def test_a_filter_that_cannot_be_read_is_an_error(texts: list[str], message: str) -> None:
    """It names the option, the columns and the remedy."""
    with pytest.raises(ReportError, match=message.replace("(", r"\(")):
        parse_filters(texts, COLUMNS)


def test_values_are_bound_and_never_written_into_sql() -> None:
    """Whatever they hold."""
    chosen = condition(parse_filters(["department=x' OR 1"], COLUMNS), lambda name: f"`{name}`")

    assert "OR 1" not in chosen.sql
    assert chosen.parameters == {"where_0": ["x' OR 1"]}
    assert condition((), str).sql == "1"


@pytest.mark.parametrize(("text", "chosen"), [("department=", "ab"), ("department!=", "c"), ("department=sre", "c")])
def test_rows_in_python_are_chosen_alike(text: str, chosen: str) -> None:
    """An empty value and the word that stands for it are the same."""
    rows = {"a": {"department": ""}, "b": {"department": "unallocated"}, "c": {"department": "sre"}}

    assert "".join(name for name, row in rows.items() if holds(parse_filters([text], COLUMNS), row)) == chosen


def test_filters_have_words() -> None:
    """As they were given."""
    assert described(parse_filters(["step!=a", "department="], COLUMNS)) == "step!=a, department=unallocated"


SPAN = Span(date(2026, 11, 22), date(2026, 11, 23))


def failures() -> list[Fact]:
    """Twenty failures of a workflow with one template, ten of a step, and runs without an owner."""
    single = [a_run(f"lane-{i}", template="lane", outcome="failed", deciding_step=f"lane-{i}") for i in range(20)]
    retried = [
        a_run(f"lane-r{i}", template="lane", outcome="failed", deciding_step=f"lane-r{i}({i % 2})", department="")
        for i in range(4)
    ]
    steps = [a_run(f"train-{i}", outcome="failed", deciding_step="fit", queue="") for i in range(10)]
    return [*single, *retried, *steps]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """Questions to the engine that holds them."""
    with holding(tmp_path_factory.mktemp("engine"), failures()) as query:
        yield query


def test_equal_failures_are_one_cause(ask: Query) -> None:
    """The workflow's own template decides under its name, not under that of each run."""
    causes = success(ask, SPAN, "template").parts[0]

    assert [(row[2], row[3], row[4]) for row in causes.rows] == [("lane", "lane", 24), ("train", "fit", 10)]


@pytest.mark.parametrize("make", [queue, success])
@pytest.mark.parametrize(
    ("by", "text", "runs"),
    [
        ("template", "department=maps", 30),
        ("queue", "template=train", 10),
        ("creator", "department=", 4),
        ("reason", "outcome!=failed", 0),
    ],
)
def test_runs_are_chosen_by_any_column(ask: Query, make: Callable[..., Report], by: str, text: str, runs: int) -> None:
    """Whether it is shown or not; what is empty reads `unallocated`."""
    report = make(ask, SPAN, by, parse_filters([text], ["department", "template", "outcome"]))

    assert sum(row[1] for row in report.rows) == runs
    assert "" not in [row[0] for row in report.rows]


def test_the_first_rows_are_the_largest(ask: Query) -> None:
    """So many as were wanted."""
    assert [row[:2] for row in success(ask, SPAN, "template", most=1).rows] == [("lane", 24)]
    assert len(queue(ask, SPAN, "template,queue", most=1).rows) == 1
