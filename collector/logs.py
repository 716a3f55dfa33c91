"""
Log lines: a constant sentence as the message and the facts in `extra` of the call; one record is one line, as JSON or plain.

Callers never pass objects, credentials or rows there. Texts of libraries may quote a URL with a password, and texts of clusters
may hold escapes of a terminal: both are taken out here, whatever the level and the depth.

structlog is not used: libraries log through `logging`, so a formatter and a filter for it would remain, and so would the
redaction, the limits and the escapes.
"""

import json
import logging
import math
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal

from collector.shown_text import in_json, is_secret_name, redact

Form = Literal["auto", "json", "plain", "bare"]
"""`auto`: plain on a terminal, else JSON. `bare`: plain without time and level, for a parent process that adds both."""
Level = Literal["debug", "info", "warning", "error"]

OURS = "collector"
"""The logger above all of this program."""

MOST_LINES = 5
"""Lines in one window from one place in the code about one thing."""
MORE_LINES = {"message of the embedded store": 100, "audit entry": 10_000}
"""The same for messages that make one event together, as what the engine writes when it crashes, and for those that are bounded
where they are made."""
WINDOW_S = 60.0
MOST_PLACES = 4096

IDENTITY = ("cluster", "resource", "kind", "table", "migration", "rollup", "job", "subject", "path")
"""Facts that name what a line is about: one cluster's storm must not silence another one's first line."""

LONGEST_TEXT = 8192
LONGEST_EXCEPTION = 32_768
"""Characters of one value; longer ones are cut off."""
MOST_ITEMS = 100
DEEPEST = 6

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "at", "level", "exception"}
_DECORATION = frozenset({"color_message"})
"""What uvicorn adds for its own formatter: the message again, with escapes of a terminal."""


class Scarce(logging.Filter):
    """
    Bounds the lines: so many a minute from one place in the code about one thing. Those of level DEBUG are all written.

    A flapping watch, an object that cannot be read or a stranger at a port can cause lines without end, and so fill the disk.
    """

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[tuple[object, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written; the first one of a new window has the number of those that were not."""
        if record.levelno < logging.INFO:
            return True
        place = (record.pathname, record.lineno, *(str(getattr(record, name, "")) for name in IDENTITY))
        most = MORE_LINES.get(record.msg, MOST_LINES) if isinstance(record.msg, str) else MOST_LINES
        since, lines = self._places.pop(place, (-WINDOW_S, 0))
        # The wall clock may be set back: a window of the future has no end.
        if abs(record.created - since) >= WINDOW_S:
            if lines > most:
                record.not_written = lines - most
            since, lines = record.created, 0
        self._places[place] = (since, lines + 1)
        if len(self._places) > MOST_PLACES:
            del self._places[next(iter(self._places))]
        return lines < most


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line, without the newline."""
        line = {"at": _time(record), "level": record.levelname.lower(), "message": _message(record), **_facts(record)}
        return in_json(json.dumps(line, ensure_ascii=False))


class PlainLines(logging.Formatter):
    """
    Formats a record as `TIME LEVEL MESSAGE KEY=VALUE …`, for people.

    A value is a bare word where it can be read as nothing else, else JSON; so is a message with a quote, a `=` or an escape.
    """

    def __init__(self, *, bare: bool = False) -> None:
        super().__init__()
        self._bare = bare

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line, without the newline."""
        head = [] if self._bare else [_time(record).replace("+00:00", "Z"), f"{record.levelname.lower():7}"]
        facts = (f"{_NOT_IN_KEYS.sub('_', key)}={_plain(value)}" for key, value in _facts(record).items())
        message = _message(record)
        plain = message if _is_sentence(message) else _json(message)
        return " ".join([*head, plain, *facts])


def to_stderr(level: Level = "info", form: Form = "auto") -> None:
    """Sends the records of all loggers to standard error; those of libraries from WARNING on."""
    plain = form in {"plain", "bare"} or (form == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(PlainLines(bare=form == "bare") if plain else JsonLines())
    handler.addFilter(Scarce())
    root, own = logging.getLogger(), logging.getLogger(OURS)
    root.handlers[:] = [handler]
    own.setLevel(level.upper())
    root.setLevel(max(own.level, logging.WARNING))


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _message(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - a library's mistake must not show its arguments on standard error, as logging would
        message = str(record.msg)
    return _text(message)


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    """What the call passed in `extra`, and the exception, without secrets."""
    passed = {key: value for key, value in vars(record).items() if key not in _STANDARD | _DECORATION}
    facts = _members(passed, 0)
    if record.exc_info:
        facts["exception"] = _text(logging.Formatter().formatException(record.exc_info), LONGEST_EXCEPTION)
    return facts


def _shown(value: Any, depth: int) -> Any:
    """A value as JSON can have it, without the secrets in its texts."""
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping) and depth < DEEPEST:
        return _members(value, depth + 1)
    if isinstance(value, (list, tuple, set, frozenset)) and depth < DEEPEST:
        return _items(value, len(value), depth + 1)
    return _text(value)


def _members(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    """The same of each member; nothing of one with the name of a secret."""
    shown = ((str(key), inner) for key, inner in islice(value.items(), MOST_ITEMS))
    return {redact(key): "…" if is_secret_name(key) else _shown(inner, depth) for key, inner in shown}


def _items(values: Iterable[Any], number: int, depth: int) -> list[Any]:
    shown = [_shown(inner, depth) for inner in islice(values, MOST_ITEMS)]
    return shown if number <= MOST_ITEMS else [*shown, f"… {number - MOST_ITEMS} more"]


def _text(value: object, longest: int = LONGEST_TEXT) -> str:
    try:
        text = redact(value if isinstance(value, str) else str(value))
    except Exception:  # noqa: BLE001 - whatever an object's own text does, the line is written
        return f"<{type(value).__name__}>"
    return text if len(text) <= longest else f"{text[:longest]}…"


_BARE = re.compile(r"[\w./:@%+~*…-]+")
_SENTENCE = re.compile(r"[^\s\"=](?:[^\"=\n\t]*[^\s\"=])?")
_NOT_IN_KEYS = re.compile(r"[^\w.-]")


def _plain(value: Any) -> str:
    """A value as a bare word or as JSON, so that it can be read back."""
    return value if isinstance(value, str) and _BARE.fullmatch(value) and not _is_json(value) else _json(value)


def _is_sentence(text: str) -> bool:
    return _SENTENCE.fullmatch(text) is not None and in_json(text) == text


def _is_json(text: str) -> bool:
    """Whether a bare word would be read as a number or as true, false or null."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _json(value: Any) -> str:
    return in_json(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
