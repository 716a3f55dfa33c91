"""
Forms of messages as data: what each vendor's chat takes, in presets/*.yaml with the documentation that each follows.

A form is the JSON of the request, in which names like `{sentence}` stand for parts of the message. `{title:150}` is cut to 150
characters. An object with `$each: figures` is repeated for each of them, and one with `$if: link` is omitted without a link.
Names are replaced in the values of the finished JSON, never in its text, so no value can change its structure.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from collector.delivery.message import Message
from collector.delivery.outcome import NotSentError

PRESETS = Path(__file__).parent / "presets"
_NAME = re.compile(r"\{([a-z_]+)(?::(\d+))?\}")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_WIDE = {mark: chr(ord(mark) + 0xFEE0) for mark in "<>[]*`~|#@\\"}
"""Full-width forms: the dialects of Markdown agree on no escape, and names with such characters are rare."""


class AnswerForm(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What an answer with a status of success must say too. Without either, the status is enough."""

    text: str = ""
    """The whole body."""
    member: str = ""
    """A member of the JSON body, that must have `value`."""
    value: int = 0


class MessageForm(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How messages to one kind of receiver look."""

    body: Any
    """The JSON of the request."""
    escape: Literal["none", "entities", "marks"] = "none"
    """How characters that command the receiver are written: as HTML entities, or full-width instead of Markdown's marks."""
    limit_bytes: int = 1_000_000
    """The longest request; notes and then figures are omitted from a longer one."""
    accepts: AnswerForm = AnswerForm()
    too_fast: dict[int, int] = {}
    """Numbers in an answer that mean `too many messages`, and how long to wait, in seconds."""
    signed: Literal["", "address", "body"] = ""
    """Where the signature goes, if there is a secret."""
    figure: str = "{label}: {value}"
    """A figure as one of the lines that `{figures}` stands for."""
    note: str = "{note}"
    link_line: str = "{link_text}: {link}"
    rows_line: str = "{rows_text}: {rows_link}"


@cache
def shipped(name: str) -> MessageForm:
    """A form that comes with the program."""
    return msgspec.yaml.decode((PRESETS / f"{name}.yaml").read_bytes(), type=MessageForm)


def filled(form: MessageForm, message: Message, members: Mapping[str, str]) -> bytes:
    """The request of a message, short enough for the receiver; `members` are added to its top."""
    figures, notes = list(message.figures), list(message.notes)
    while True:
        body = _fill(form.body, _parts(form, message, figures, notes))
        sent = msgspec.json.encode({**body, **members} if isinstance(body, dict) else body)
        if len(sent) <= form.limit_bytes:
            return sent
        if notes:
            notes.pop()
        elif figures:
            figures.pop()
        else:
            raise NotSentError(f"the message has {len(sent)} bytes, and the receiver takes {form.limit_bytes}")


Parts = dict[str, Any]


def _parts(form: MessageForm, message: Message, figures: list[Any], notes: list[str]) -> Parts:
    """What names in a form stand for: texts, and the items of figures and notes."""
    safe = _safe(form)
    of_figures: list[Parts] = [{"label": safe(label), "value": safe(value)} for label, value in figures]
    of_notes: list[Parts] = [{"note": safe(note)} for note in notes]
    link: Parts = {"link": _address(form, message.link), "link_text": safe(message.link_text or message.link)}
    rows: Parts = {"rows_link": _address(form, message.rows_link), "rows_text": safe(message.rows_text)}
    return {
        **{name: safe(value) for name, value in message.facts.items()},
        **link,
        **rows,
        "id": message.key,
        "title": safe(message.title),
        "sentence": safe(message.sentence),
        "language": message.language,
        "text": safe(message.text()),
        "figures": "\n".join(_replace(form.figure, one) for one in of_figures),
        "notes": "\n".join(_replace(form.note, one) for one in of_notes),
        "link_line": _replace(form.link_line, link) if message.link else "",
        "rows_line": _replace(form.rows_line, rows) if message.rows_link else "",
        "$figures": of_figures,
        "$notes": of_notes,
    }


def _safe(form: MessageForm) -> Any:
    marks = {"none": {}, "entities": _ENTITIES, "marks": _WIDE}[form.escape]
    table = str.maketrans(marks)
    return lambda text: text.translate(table)


def _address(form: MessageForm, address: str) -> str:
    """An address: entities are read back, and full-width marks would be another address."""
    return str(_safe(form)(address)) if form.escape == "entities" else address


def _fill(part: Any, parts: Parts) -> Any:
    """A part of a form with its names replaced."""
    if isinstance(part, str):
        return _replace(part, parts)
    if isinstance(part, list):
        return [filled_item for item in part for filled_item in _items(item, parts)]
    if isinstance(part, dict):
        return {key: _fill(value, parts) for key, value in part.items() if not key.startswith("$if")}
    return part


def _items(item: Any, parts: Parts) -> Iterator[Any]:
    """What an item of a list becomes: several, one or none."""
    if not isinstance(item, dict):
        yield _fill(item, parts)
        return
    if "$if" in item and not parts.get(item["$if"]):
        return
    if "$each" not in item:
        yield _fill(item, parts)
        return
    pattern = {key: value for key, value in item.items() if key not in {"$each", "$most", "$if"}}
    for one in parts[f"${item['$each']}"][: item.get("$most")]:
        yield _fill(pattern, {**parts, **one})


def _replace(text: str, parts: Parts) -> str:
    """A text with its names replaced in one pass, so that a value that looks like a name stays as it is."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in parts:
            return found[0]
        whole, most = str(parts[found[1]]), int(found[2] or 0)
        return f"{whole[: most - 1]}…" if most and len(whole) > most else whole

    return _NAME.sub(value, text)
