"""
Log lines as JSON, one object per line: a constant sentence under `message`, the facts in other keys.

Facts come from `extra` of the call; callers never pass objects, credentials or rows there. Texts of libraries may quote a URL
with a password, and texts of clusters may hold escapes of a terminal: both are taken out here.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from collector.shown_text import in_json, redact

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


MOST_LINES = 5
WINDOW_S = 60.0


class Scarce(logging.Filter):
    """
    Bounds the lines of libraries: so many a minute from one place in the code.

    Who reaches a port can make a web server or asyncio log as often as they like, and so fill the disk.
    """

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written; the first one after a pause has the number of those that were not."""
        if record.name.partition(".")[0] == "collector":
            return True
        place = (record.pathname, record.lineno)
        since, lines = self._places.get(place, (-WINDOW_S, 0))
        if record.created - since >= WINDOW_S:
            if lines > MOST_LINES:
                record.not_written = lines - MOST_LINES
            since, lines = record.created, 0
        self._places[place] = (since, lines + 1)
        return lines < MOST_LINES


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line, without the newline."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **{key: value for key, value in vars(record).items() if key not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        shown = {key: _without_secrets(value) for key, value in line.items()}
        return in_json(json.dumps(shown, default=_as_text, ensure_ascii=False))


def _without_secrets(value: Any) -> Any:
    """A value without the passwords in its texts, at any depth."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {str(key): _without_secrets(inner) for key, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _as_text(value: Any) -> str:
    return redact(str(value))


def to_stderr(level: int = logging.INFO) -> None:
    """Sends the records of all loggers to standard error; those of libraries from WARNING on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    handler.addFilter(Scarce())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("collector").setLevel(level)
