"""
The catalogues of words: what pages and messages say, collected from the code, with the translations that are there.

English has each message as its own translation. A new message has no Chinese one until a person writes it; a message that
the code no longer says is dropped. tests/language finds what is not translated.
"""

from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import write_po

from collector import desired
from collector.core.argo import cron
from collector.core.cost import statement_notes
from collector.core.workflow.stuck import REMEDIES
from collector.language.language import catalogs
from collector.service import copied_secrets, fleet, live_settings
from collector.service.shards import ALONE

ROOT = Path(__file__).parent.parent
PRODUCT = ROOT / "collector"
ROOMS = ("language", "web", "delivery")
"""Folders of what people read in their language."""
IN_CODE: dict[str, Any] = {"text": None, "in_catalog": None, "plural": (1, 2)}
IN_TEMPLATES: dict[str, Any] = {"_": None, "gettext": None, "ngettext": (1, 2), "text": None, "plural": (1, 2)}
METHODS = {".py": ("python", IN_CODE), ".html": ("jinja2", IN_TEMPLATES), ".js": ("javascript", IN_CODE)}
"""How messages are found in a file, and the functions that have them."""
OPTIONS: dict[str, Any] = {
    "trim_blocks": "true",
    "lstrip_blocks": "true",
    "newstyle_gettext": "true",
    "trimmed": "true",
}
PARTS = {
    "live": ("web/static/", "web/names.py"),
    "pages": (),
    "reports": ("web/reports/", "web/templates/reports/"),
    "delivery": ("delivery/",),
}
"""Files of a catalogue, and where they have their messages from; `pages` has those of all other files, and a message of
several is in the first: `live` has all that scripts say."""
Message = str | tuple[str, str]
OF_OTHER_ROOMS: tuple[Message, ...] = (
    *REMEDIES.values(),
    cron.UNFORESEEN,
    cron.BOTH,
    *ALONE.values(),
    *statement_notes.NOTES,
    *statement_notes.RULES,
    statement_notes.MORE_NAMES,
    desired.NOT_LISTED.reason,
    desired.NOT_LISTED.remedy,
    desired.CORRECT_OR_REMOVE,
    desired.RENAME,
    desired.TWICE,
    copied_secrets.REMEDY,
    fleet.CORRECT,
    live_settings.CORRECT,
    live_settings.RESTART,
)
"""Sentences that pages show of rooms without a catalogue: core knows none, and what runs in service/ is for logs too."""
WIDTH = 120


def english_files() -> dict[str, str]:
    """The English catalogue."""
    return {name: _text(_english(messages)) for name, messages in _messages().items()}


def chinese_files() -> dict[str, str]:
    """The Chinese catalogue, with the translations that it has now."""
    known = {message.id: message.string for part in catalogs("zh-CN") for message in part if message.id}
    return {name: _text(_translated(messages, known)) for name, messages in _messages().items()}


def _english(messages: list[Message]) -> Catalog:
    made = Catalog("en")
    for message in messages:
        made.add(message, message)
    return made


def _translated(messages: list[Message], known: dict[Any, Any]) -> Catalog:
    made = Catalog("zh_CN")
    for message in messages:
        made.add(message, known.get(message, ""))
    return made


def _messages() -> dict[str, list[Message]]:
    """The messages of each file of a catalogue; each message stands in one."""
    found: defaultdict[str, dict[Message, None]] = defaultdict(dict)
    files = (file for room in ROOMS for file in (PRODUCT / room).rglob("*") if file.suffix in METHODS)
    for path in sorted(files):
        found[_part_of(path.relative_to(PRODUCT).as_posix())] |= dict.fromkeys(_extracted(path))
    found["pages"] |= dict.fromkeys(OF_OTHER_ROOMS)
    seen: set[Message] = set()
    parts = dict[str, list[Message]]()
    for name in PARTS:
        parts[f"{name}.po"] = [message for message in found[name] if message not in seen]
        seen |= found[name].keys()
    return {name: messages for name, messages in parts.items() if messages}


def _part_of(path: str) -> str:
    return next((name for name, folders in PARTS.items() if path.startswith(folders)), "pages")


def _extracted(path: Path) -> Iterator[Message]:
    """The messages of a file, in the order in which it has them."""
    method, keywords = METHODS[path.suffix]
    options = OPTIONS if path.suffix == ".html" else {}
    with path.open("rb") as opened:
        for _, message, _, _ in extract(method, opened, keywords, options=options):
            yield message if isinstance(message, str) else (str(message[0]), str(message[1]))


def _text(catalog: Catalog) -> str:
    out = BytesIO()
    write_po(out, catalog, WIDTH, no_location=True, omit_header=True, sort_output=True)
    return out.getvalue().decode()
