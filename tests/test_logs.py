"""Log lines: one record is one line that reads back, without secrets, and no storm fills the log."""

import json
import logging
import math
import re
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.logs import MOST_LINES, MOST_PLACES, JsonLines, PlainLines, Scarce, to_stderr
from tests.test_shown_text import FORMS, SECRETS

WORDS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\n\t\x1b\u2028= "{}[]…truenull0123'))
FACTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(("cluster", "kind", "reason", "rows", "clusters", "uid"))


def a_record(
    message: str = "a sentence", level: int = logging.INFO, at: float = 0.0, **facts: Any
) -> logging.LogRecord:
    """A record of our own code, as a call with `extra` makes it."""
    place = {"name": "collector.x", "pathname": "/x.py", "lineno": 7}
    record = logging.makeLogRecord(
        {"msg": message, "levelno": level, "levelname": logging.getLevelName(level)} | place | facts
    )
    record.created = at
    return record


def read_plain(line: str) -> dict[str, Any]:
    """A plain line read back, by its grammar alone: a bare word, or JSON."""
    at, level, rest = re.split(" +", line, maxsplit=2)
    if rest.startswith('"'):
        message, end = json.JSONDecoder().raw_decode(rest)
    else:
        message = re.split(r" [\w.-]+=", rest, maxsplit=1)[0]
        end = len(message)
    facts: dict[str, Any] = {}
    while end < len(rest):
        key, _, after = rest[end + 1 :].partition("=")
        value, length = read_value(after)
        facts[key] = value
        end += len(key) + 2 + length
    return {"at": at, "level": level, "message": message, **facts}


def read_value(text: str) -> tuple[Any, int]:
    """The value at the start of a text, and its length."""
    word = text.partition(" ")[0]
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return word, len(word)
    return (value, end) if text[end : end + 1] in {"", " "} else (word, len(word))


def finite(value: Any) -> Any:
    """The value as JSON can have it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    return [finite(inner) for inner in value] if isinstance(value, list) else value


@given(WORDS, st.dictionaries(KEYS, FACTS))
def test_a_record_is_one_line_that_reads_back(message: str, facts: dict[str, Any]) -> None:
    """Whatever the texts are: JSON as JSON, plain by its grammar, and neither commands a terminal."""
    record = a_record(message, at=1795984740.123, **facts)
    as_json, as_plain = JsonLines().format(record), PlainLines().format(record)

    for line in (as_json, as_plain):
        assert len(line.splitlines()) == 1
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]", line)
    read, plain = json.loads(as_json), read_plain(as_plain)
    assert datetime.fromisoformat(plain.pop("at")) == datetime.fromisoformat(read.pop("at"))
    assert plain == read
    if "…" not in as_json:
        assert read == {"level": "info", "message": message, **finite(facts)}


@pytest.mark.parametrize(
    "text", ["1", "-2.5e3", "true", "null", "NaN", "", "a b", "a=b", "[]", "word", "10.0.0.1:80", "…"]
)
def test_a_text_is_read_back_as_a_text(text: str) -> None:
    """Also one that looks like a number, and one that is the sentence."""
    line = read_plain(PlainLines().format(a_record(text, reason=text)))

    assert (line["message"], line["reason"]) == (text, text)


def test_the_forms() -> None:
    """What a person sees, and what a program gets."""
    record = a_record(
        "a watch is open again", at=1795984740.123, cluster="prod", rows=3, why="no answer", clusters=["a", "b"]
    )

    plain, bare, as_json = PlainLines().format(record), PlainLines(bare=True).format(record), JsonLines().format(record)

    facts = 'a watch is open again cluster=prod rows=3 why="no answer" clusters=["a","b"]'
    at = datetime.fromtimestamp(1795984740.123, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    assert plain == f"{at}.123Z info    {facts}"
    assert bare == facts
    assert as_json.startswith(
        f'{{"at": "{at}.123+00:00", "level": "info", "message": "a watch is open again", "cluster": "prod"'
    )


@given(
    SECRETS, st.sampled_from(FORMS), st.sampled_from((logging.DEBUG, logging.INFO, logging.ERROR)), st.integers(0, 9)
)
def test_no_secret_is_in_a_line(secret: str, form: str, level: int, depth: int) -> None:
    """At each level and depth: in the message, in a fact, in an exception and in what caused it."""
    text = form.format(secret)
    nested: Any = text
    for number in range(depth):
        nested = [nested] if number % 2 else {"inner": nested}
    try:
        try:
            raise ValueError(text)
        except ValueError as error:
            raise KeyError(f"caused by {text}") from error
    except KeyError:
        failed = sys.exc_info()
    record = a_record(f"failed\n{text}", level, detail=text, error=ValueError(text), nested=nested, exc_info=failed)
    record.by_name = {"password": secret, "deep": [{"token": secret}]}

    for formatter in (JsonLines(), PlainLines()):
        line = formatter.format(record)
        assert secret not in line
        assert "Traceback" in line


def test_nothing_that_is_logged_breaks_a_line() -> None:
    """A library's wrong arguments, an object whose text fails, a cycle and a value without end."""

    class Broken:
        def __str__(self) -> str:
            raise ValueError

    cycle: list[Any] = []
    cycle.append(cycle)
    record = a_record(
        "a %d line", args=("password=s3cr3t",), broken=Broken(), cycle=cycle, many=list(range(1000)), long="x" * 10**6
    )

    line = json.loads(JsonLines().format(record))

    assert line["message"] == "a %d line"
    assert line["broken"] == "<Broken>"
    assert line["many"][-1] == "… 900 more"
    assert len(line["long"]) < 10_000


# --- storms -----------------------------------------------------------------------------------------------------------


def written(records: list[logging.LogRecord]) -> list[dict[str, Any]]:
    """The lines that are written of these records."""
    scarce = Scarce()
    return [json.loads(JsonLines().format(record)) for record in records if scarce.filter(record)]


def test_a_storm_is_bounded_and_counted() -> None:
    """Ours and those of libraries: five a minute, and the first of the next minute has the number of the others."""
    for name in ("uvicorn.error", "asyncio", "collector.service"):
        lines = written([a_record(at=at / 2, name=name) for at in range(200)])

        assert len(lines) == 2 * MOST_LINES
        assert [line["not_written"] for line in lines if "not_written" in line] == [120 - MOST_LINES]


def test_a_storm_of_one_cluster_silences_no_other() -> None:
    """What a line is about is a part of its place, as is the kind."""
    storm = [a_record(at=1, cluster="a", kind="Pod") for _ in range(100)]

    lines = written([*storm, a_record(at=2, cluster="b", kind="Pod"), a_record(at=2, cluster="a", kind="Node")])

    assert len(lines) == MOST_LINES + 2


def test_all_lines_of_debug_are_written() -> None:
    """Who turns them on wants them all, and no stranger causes one."""
    assert len(written([a_record(level=logging.DEBUG) for _ in range(100)])) == 100


def test_what_a_crash_of_the_engine_writes_is_whole() -> None:
    """Its lines are one event."""
    lines = [a_record("message of the embedded store", at=1, line=f"{number}") for number in range(500)]

    assert len(written(lines)) == 100


def test_a_clock_that_is_set_back_ends_a_window() -> None:
    """The window would lie in the future until then."""
    storm = [a_record(at=10_000) for _ in range(100)]

    assert [line.get("not_written") for line in written([*storm, a_record(at=5)])][-1] == 100 - MOST_LINES


def test_places_are_bounded() -> None:
    """Names of clusters come from outside."""
    scarce = Scarce()
    for number in range(MOST_PLACES + 100):
        scarce.filter(a_record(cluster=f"c{number}"))

    assert len(scarce._places) == MOST_PLACES


# --- the settings -----------------------------------------------------------------------------------------------------


@pytest.fixture
def _loggers() -> Any:
    """The loggers as they were, afterwards."""
    root, own = logging.getLogger(), logging.getLogger("collector")
    before = root.handlers[:], root.level, own.level
    yield
    root.handlers[:], root.level, own.level = before


@pytest.mark.usefixtures("_loggers")
@pytest.mark.parametrize("terminal", [False, True])
def test_auto_is_plain_on_a_terminal(terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """A person reads there; else a program does."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    to_stderr()
    logging.getLogger("collector.x").info("a line", extra={"rows": 1})

    assert capsys.readouterr().err.startswith("{") is not terminal


@pytest.mark.usefixtures("_loggers")
def test_levels_are_of_our_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Libraries write warnings whatever the level; with `error` neither does."""
    heard = {}
    for level in ("debug", "info", "warning", "error"):
        to_stderr(level, "bare")
        for name in ("collector.x", "aiohttp"):
            for each in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
                logging.getLogger(name).log(each, f"{name}-{each}")
        heard[level] = capsys.readouterr().err.split()

    ours = ["collector.x-10", "collector.x-20", "collector.x-30", "collector.x-40"]
    theirs = ["aiohttp-30", "aiohttp-40"]
    assert heard == {
        "debug": ours + theirs,
        "info": ours[1:] + theirs,
        "warning": ours[2:] + theirs,
        "error": ours[3:] + theirs[1:],
    }
